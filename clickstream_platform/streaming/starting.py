"""Signs of life while something slow is under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beating(beat: Callable[[], object], *, every_s: float, at_most_s: float) -> Iterator[None]:
    """Calls `beat` every so often from another thread while the block lasts.

    Not for longer than `at_most_s`: what takes more time than that hangs, and is to look dead.
    """
    is_over = threading.Event()
    until = time.monotonic() + at_most_s

    def go_on() -> None:
        while not is_over.wait(every_s) and time.monotonic() < until:
            beat()

    thread = threading.Thread(target=go_on, name="beating", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()

"""How a stream starts: signs of life meanwhile, and a note if it cannot."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from clickstream_platform.errors import ClickstreamError, EnvironmentProblemError
from clickstream_platform.settings import Settings
from clickstream_platform.storage import leases
from clickstream_platform.storage.owners import is_alive, this_process
from clickstream_platform.streaming.full_disk import is_full
from clickstream_platform.streaming.outage import first_line
from clickstream_platform.streaming.state import StreamFolder, after_failure, begun, with_death


class StreamBusyError(ClickstreamError):
    """The source's stream runs already."""


@contextmanager
def alone(settings: Settings, source: str, run_id: str) -> Iterator[None]:
    """Holds the source's stream; the lease of a process that is gone does not count.

    Raises: StreamBusyError.
    """
    try:
        with leases.held(settings.state, "stream", [source], owner=this_process(run_id), wait_s=0):
            yield
    except leases.HoursBusyError as error:
        raise StreamBusyError(
            f"The stream {source} runs already: {error} Or look at it: `clickstream status`."
        ) from error


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


def note_failed_start(
    settings: Settings, source: str, run_id: str, config: dict[str, Any], error: Exception
) -> None:
    """The heartbeat of a stream that could not even begin, so that its keeper and alerts know.

    Not while another process lives as this stream.
    """
    folder = StreamFolder(settings, source)
    before = folder.heartbeat()
    if before is not None and before.phase in ("starting", "running") and is_alive(before.owner):
        return
    before = with_death(before)
    first = begun(before, source=source, run_id=run_id, owner=this_process(run_id), config=config)
    is_outage = isinstance(error, EnvironmentProblemError) or is_full(error)
    told = after_failure(first, first.position, is_outage=is_outage)
    folder.beat(replace(told, phase="failed", error=first_line(error)))

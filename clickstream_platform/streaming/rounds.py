"""Work that a stream does beside its query, one round at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread


class Loop:
    """Work done again and again in a thread of its own, one round at a time."""

    def __init__(self, name: str, work: Callable[[], int], *, every_s: float) -> None:
        self._name = name
        self._work = work
        self._every_s = every_s
        self._round: Future[int] | None = None
        self.began = 0.0  # when its newest round did, by the monotonic clock
        self.has_gone_round = False  # true once a round came to its end

    def begin(self, *, at_once: bool = False) -> None:
        """Begins a round if none is in work and one is due, or `at_once`."""
        is_due = at_once or time.monotonic() - self.began >= self._every_s
        if self._round is None and is_due:
            self.began = time.monotonic()
            self._round = Future()
            # A daemon, so that a round that will not end cannot keep the process from ending.
            Thread(target=self._run, args=(self._round,), name=self._name, daemon=True).start()

    def _run(self, promised: Future[int]) -> None:
        try:
            promised.set_result(self._work())
        except BaseException as error:
            promised.set_exception(error)

    def collect(self) -> int | None:
        """How much a finished round built; null while there is none. Raises its error."""
        if self._round is None or not self._round.done():
            return None
        finished, self._round = self._round, None
        built = finished.result()
        self.has_gone_round = True
        return built

    @property
    def in_work(self) -> Future[int] | None:
        return self._round

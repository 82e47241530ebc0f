"""Which stale hours a refresh builds next, and which it gives up because they cannot be built."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

NEWEST = 24  # hours of a round, so that a backlog does not keep the running hour waiting
LONGEST_UNBUILT = 8  # hours beside them, so that a lasting backlog gets its turn too
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 120.0
GIVEN_UP_PAUSE_S = 600.0  # somebody may have mended the cause, and no repair run need follow

# Stale hour -> the version of its input that it was last built from, by whomever; -1 if never.
Stale = Mapping[str, int]


@dataclass
class _Failing:
    built_from: int
    error: str
    failures: int = 0
    not_before: float = 0.0


class Turns:
    """Remembers which hours of one layer failed, in a row, and at what.

    Guarantees: every stale hour gets its turn, however many there are. An hour that failed is tried
        again alone, after longer and longer pauses; after `max_failures` it is given up: left to
        others, and tried but every ten minutes; if there `is_nobody_else`, as often as before.
    """

    def __init__(
        self,
        *,
        max_failures: int,
        is_nobody_else: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_failures = max_failures
        self._is_nobody_else = is_nobody_else
        self._clock = clock
        self._failing: dict[str, _Failing] = {}

    def next(self, stale: Stale) -> tuple[list[str], list[str]]:
        """The hours to build together, and those to build each alone, because they failed before.

        The newest hours for freshness, and those that have waited longest since they were built.
        """
        for hour, failing in [*self._failing.items()]:
            if hour not in stale or stale[hour] != failing.built_from:
                del self._failing[hour]
        sound = sorted(hour for hour in stale if hour not in self._failing)
        rest = sorted(sound[:-NEWEST], key=lambda hour: (stale[hour], hour))
        due = [hour for hour, failing in self._failing.items() if self._is_due(failing)]
        return sorted([*rest[:LONGEST_UNBUILT], *sound[-NEWEST:]]), sorted(due)

    def _is_due(self, failing: _Failing) -> bool:
        return failing.not_before <= self._clock()

    def _is_given_up(self, failing: _Failing) -> bool:
        return failing.failures >= self._max_failures

    def built(self, hours: Sequence[str]) -> None:
        for hour in hours:
            self._failing.pop(hour, None)

    def failed(self, hour: str, error: str, *, built_from: int) -> bool:
        """Notes a failure of this hour alone; true when the hour is given up by it."""
        failing = self._failing.setdefault(hour, _Failing(built_from, error))
        failing.error = error
        failing.failures += 1
        pause_s = min(FIRST_PAUSE_S * 2 ** (failing.failures - 1), LONGEST_PAUSE_S)
        if self._is_given_up(failing) and not self._is_nobody_else:
            pause_s = GIVEN_UP_PAUSE_S
        failing.not_before = self._clock() + pause_s
        return failing.failures == self._max_failures

    @property
    def failing(self) -> dict[str, str]:
        """Hour -> the error of its last failure, given up or not. Another thread may ask."""
        return {hour: failing.error for hour, failing in [*self._failing.items()]}

    @property
    def given_up(self) -> dict[str, str]:
        """Hour -> the error of its last failure. Another thread may ask."""
        return {h: f.error for h, f in [*self._failing.items()] if self._is_given_up(f)}

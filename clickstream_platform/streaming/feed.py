"""What the loop expects of the place where a stream's lines come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Commit:
    """What came to bronze last: new lines, and how many since the start. Time in ISO 8601, UTC."""

    lines: int
    total_lines: int
    committed_at: str
    seconds: float | None
    ingest_hours: tuple[str, ...]


class Feed(Protocol):
    """Brings a stream's lines to bronze."""

    def start(self) -> None: ...

    def poll(self) -> Commit | None:
        """What was committed last; raises what went wrong."""

    def lag(self) -> int | None: ...

    def position(self) -> str | None:
        """What it is at, to tell whether it fails at the same place again."""

    def is_cut_off(self, error: Exception) -> bool:
        """True if `error` came while brokers or engine were away: no fault of the lines."""

    def noted_version(self) -> int | None:
        """Bronze's version up to which its commits are noted; null if it reads them nowhere."""

    def catch_up(self) -> Callable[[], bool]:
        """A question, true once everything that is there now has come in."""

    def stop(self) -> None:
        """Nothing comes in after it."""

    def close(self) -> None: ...

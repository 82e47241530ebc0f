"""How the streams are, by what they last said of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.state import known_streams


@dataclass(frozen=True)
class StreamStatus:
    """A stream by its last heartbeat; `lag` is what its brokers (or landing) held beyond bronze."""

    source: str
    phase: str
    is_alive: bool
    lines: int
    lag: int | None
    lines_per_s: float
    committed_at: str | None
    beat_at: str
    error: str | None
    given_up: tuple[str, ...] = ()


def stream_statuses(settings: Settings) -> tuple[StreamStatus, ...]:
    """Every stream that ever ran in this home."""
    now, after_s = datetime.now(UTC), settings.stream.stale_after_s
    return tuple(
        StreamStatus(
            source=beat.source,
            phase=beat.phase,
            is_alive=beat.is_alive(now, stale_after_s=after_s),
            lines=beat.lines,
            lag=beat.lag,
            lines_per_s=beat.rate,
            committed_at=beat.committed_at,
            beat_at=beat.beat_at,
            error=beat.error,
            given_up=tuple(sorted(beat.given_up)),
        )
        for beat in known_streams(settings)
    )

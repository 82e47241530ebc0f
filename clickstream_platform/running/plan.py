"""Which hours a run must cover, cut into as few runs as memory allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clickstream_platform.build.chunks import LINE_BYTES
from clickstream_platform.hours import chunked, day_of, hours_between, hours_of_day, spans
from clickstream_platform.settings import Settings
from clickstream_platform.storage import hour_state
from clickstream_platform.storage.hour_state import States
from clickstream_platform.tables.bronze import BRONZE_EVENTS

MAX_GAP_HOURS = 24
MAX_DAYS_PER_RUN = 31  # daily marts read their facts into one cache


@dataclass(frozen=True)
class Span:
    """Consecutive hours one run covers; `wanted` of them need work."""

    first: str
    last: str
    wanted: tuple[str, ...]


def plan(
    hours: Sequence[str],
    sizes: Mapping[str, int],
    settings: Settings,
    *,
    max_gap_hours: int = MAX_GAP_HOURS,
) -> list[Span]:
    """Spans over gaps of up to a day, each within the settings' hours and bytes per run.

    `sizes` are bytes (or rows) by hour; an hour alone above the limit is a span of its own.
    """
    planned: list[Span] = []
    for first, last in spans(hours, max_gap_hours=max_gap_hours):
        wanted = [hour for hour in sorted(set(hours)) if first <= hour <= last]
        chunk: list[str] = []
        size = 0
        for hour in wanted:
            grown = size + sizes.get(hour, 0)
            too_long = chunk and len(hours_between(chunk[0], hour)) > settings.max_hours_per_run
            if chunk and (too_long or grown > settings.max_bytes_per_run):
                planned.append(Span(chunk[0], chunk[-1], tuple(chunk)))
                chunk, grown = [], sizes.get(hour, 0)
            chunk.append(hour)
            size = grown
        planned.append(Span(chunk[0], chunk[-1], tuple(chunk)))
    return planned


def sizes_of(states: States) -> dict[str, int]:
    """About how many bytes of lines each home hour has."""
    bronze = hour_state.of_table(states, BRONZE_EVENTS.path)
    return {hour: row.row_count * LINE_BYTES for hour, row in bronze.items()}


def plan_days(days: Sequence[str]) -> list[Span]:
    """Spans of days as `plan` makes them of hours, at most `MAX_DAYS_PER_RUN` long each."""
    midnights = [hours_of_day(day)[0] for day in days]
    planned: list[Span] = []
    for first, last in spans(midnights, max_gap_hours=MAX_GAP_HOURS):
        wanted = [day for day in sorted(set(days)) if day_of(first) <= day <= day_of(last)]
        planned += [
            Span(some[0], some[-1], tuple(some)) for some in chunked(wanted, MAX_DAYS_PER_RUN)
        ]
    return planned

"""Hour keys: UTC, an ISO-8601 prefix without a colon, such as `2026-11-20T10`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from clickstream_platform.errors import UsageError

HOUR_FORMAT = "%Y-%m-%dT%H"
DAY_FORMAT = "%Y-%m-%d"
HOUR = timedelta(hours=1)


def parse_hour(key: str) -> datetime:
    """The start of the hour, in UTC.

    Raises: UsageError if `key` is not an hour key.
    """
    try:
        return datetime.strptime(key, HOUR_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise UsageError(f"{key!r} is not an hour; write it like 2026-11-20T10 (UTC).") from error


def parse_day(key: str) -> date:
    """The day of a key like `2026-11-20`.

    Raises: UsageError if `key` is no such day; of an hour it names the day.
    """
    try:
        return datetime.strptime(key, DAY_FORMAT).replace(tzinfo=UTC).date()
    except ValueError as error:
        meant = f"; the day of that hour is {day_of(key)}" if _is_hour(key) else ""
        raise UsageError(f"{key!r} is not a day; write it like 2026-11-20 (UTC){meant}.") from error


def _is_hour(key: str) -> bool:
    try:
        parse_hour(key)
    except UsageError:
        return False
    return True


def hour_key(moment: datetime) -> str:
    """The hour that `moment` lies in."""
    return moment.astimezone(UTC).strftime(HOUR_FORMAT)


def shift(key: str, hours: int) -> str:
    """The key `hours` later (earlier if negative)."""
    return hour_key(parse_hour(key) + hours * HOUR)


def hours_between(first: str, last: str) -> list[str]:
    """Every key from `first` to `last`, both included; empty if `last` is earlier."""
    return list(_between(first, last))


@lru_cache(maxsize=100_000)  # many rows of `ops/hour_state` have the same reach
def _between(first: str, last: str) -> tuple[str, ...]:
    return tuple(_walk(parse_hour(first), parse_hour(last)))


def _walk(moment: datetime, end: datetime) -> Iterator[str]:
    while moment <= end:
        yield hour_key(moment)
        moment += HOUR


def day_of(key: str) -> str:
    """The UTC day of an hour key: `2024-11-29`."""
    return key[:10]


def hours_of_day(day: str) -> list[str]:
    """The 24 hour keys of a day."""
    return [f"{day}T{hour:02}" for hour in range(24)]


def shift_day(day: str, days: int) -> str:
    """The day `days` later (earlier if negative)."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def spans(keys: Iterable[str], *, max_gap_hours: int = 0) -> list[tuple[str, str]]:
    """The fewest (first, last) ranges that cover `keys`, merged over gaps of `max_gap_hours`."""
    merged: list[tuple[str, str]] = []
    for key in sorted(set(keys)):
        if merged and parse_hour(key) - parse_hour(merged[-1][1]) <= (max_gap_hours + 1) * HOUR:
            merged[-1] = (merged[-1][0], key)
        else:
            merged.append((key, key))
    return merged


def chunked(keys: Sequence[str], size: int) -> list[list[str]]:
    """`keys` in order, in lists of at most `size`."""
    return [list(keys[start : start + size]) for start in range(0, len(keys), size)]

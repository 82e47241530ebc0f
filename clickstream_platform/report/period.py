"""The day or ISO week a report covers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from clickstream_platform.errors import UsageError

_WEEK = re.compile(r"^(\d{4})-W(\d{2})$")


@dataclass(frozen=True)
class Period:
    """`name` as a person writes it; hours are both included."""

    name: str
    first_hour: str
    last_hour: str


def day(text: str) -> Period:
    """A UTC day such as `2026-11-20`.

    Raises: UsageError.
    """
    try:
        chosen = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a day; write it like 2026-11-20 (UTC).") from error
    return _between(chosen.isoformat(), chosen, chosen)


def week(text: str) -> Period:
    """An ISO week such as `2026-W47`, Monday to Sunday, UTC.

    Raises: UsageError.
    """
    match = _WEEK.match(text)
    try:
        if match is None:
            raise ValueError(text)
        monday = date.fromisocalendar(int(match.group(1)), int(match.group(2)), 1)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a week; write it like 2026-W47.") from error
    return _between(text, monday, monday + timedelta(days=6))


def _between(name: str, first: date, last: date) -> Period:
    return Period(name, f"{first.isoformat()}T00", f"{last.isoformat()}T23")

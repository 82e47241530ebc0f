"""Times written in other ways, as ISO 8601 texts in UTC (DEFINITIONS, reading a line, 5)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLF = re.compile(
    r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9]{2}:[0-9]{2}:[0-9]{2}) ([+-][0-9]{2})([0-9]{2})"
)
_DAY_FIRST = re.compile(r"([0-9]{2})[./-]([0-9]{2})[./-]([0-9]{4})[T ](.*)", re.DOTALL)
_COMPACT = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})T?([0-9]{2})([0-9]{2})([0-9]{2})(.*)", re.DOTALL
)
_HAS_ZONE = re.compile(r"(?:Z|UTC|[+-][0-9]{2}:[0-9]{2})$")
_LOCAL = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})? ?"
)
NO_TIME = "no time"


@lru_cache(maxsize=100_000)
def iso_text(text: str, time_format: str, zone: str) -> str:
    """The same moment in ISO 8601; a text that is no time in this format is returned as such."""
    written = text
    if time_format == "clf":
        found = _CLF.fullmatch(text)
        if found is None or found[2] not in MONTHS:
            return NO_TIME
        day, month, year, clock, hours, minutes = found.groups()
        return f"{year}-{MONTHS.index(month) + 1:02}-{day}T{clock}{hours}:{minutes}"
    if time_format in ("dmy", "mdy"):
        found = _DAY_FIRST.fullmatch(text)
        if found is None:
            return text
        first, second, year, clock = found.groups()
        day, month = (first, second) if time_format == "dmy" else (second, first)
        written = f"{year}-{month}-{day} {clock}"
    elif time_format == "compact":
        found = _COMPACT.fullmatch(text)
        if found is None:
            return text
        year, month, day, hour, minute, second, rest = found.groups()
        written = f"{year}-{month}-{day} {hour}:{minute}:{second}{rest}"
    return written if zone == "UTC" or _HAS_ZONE.search(written) else _in_utc(written, zone)


def _in_utc(text: str, zone: str) -> str:
    """A wall clock time of the zone: the first of two, and beyond a gap what the clock skips."""
    found = _LOCAL.fullmatch(text)
    if found is None:
        return NO_TIME
    day, clock, fraction = found.groups()
    try:
        wall = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone), fold=0)
        moment = wall.astimezone(UTC) + timedelta(0)
    except (ValueError, OverflowError):
        return NO_TIME
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (fraction or "") + "Z"


_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))? ?"
    r"(?:Z|UTC|([+-])([0-9]{2}):([0-9]{2}))?"
)
_WHOLE = re.compile(r"-?[0-9]{1,17}")
_UNIT_US = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=100_000)
def micros(text: str, time_format: str, zone: str) -> int | None:
    """Microseconds since 1970; null if the text is no time in this format."""
    if time_format.startswith("epoch"):
        return _epoch_micros(text, time_format)
    found = _ISO.fullmatch(iso_text(text, time_format, zone))
    if found is None:
        return None
    day, clock, fraction, sign, hours, minutes = found.groups()
    try:
        wall = datetime.fromisoformat(f"{day}T{clock}+00:00")
    except ValueError:
        return None
    offset_s = int(hours or 0) * 3600 + int(minutes or 0) * 60
    if offset_s > 18 * 3600 or int(minutes or 0) > 59:
        return None
    whole = (wall - _EPOCH) // timedelta(microseconds=1) + int((fraction or "0").ljust(6, "0")[:6])
    return whole + (offset_s if sign == "-" else -offset_s) * 1_000_000


def _epoch_micros(text: str, time_format: str) -> int | None:
    if not _WHOLE.fullmatch(text):
        return None
    number = int(text)
    if time_format == "epoch_auto":
        size = abs(number)
        time_format = "epoch_s" if size < 10**11 else "epoch_ms" if size < 10**14 else "epoch_us"
    found = number * _UNIT_US[time_format]
    return found if _FIRST_US <= found <= _LAST_US else None

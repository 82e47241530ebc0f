"""Hours that are late: nothing arrived, a check holds them back, or they wait too long to be built.

Each hour is judged by itself, so that building another one, however old, changes nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from clickstream_platform.hours import HOUR, hour_key, hours_between, parse_hour
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.gold import GOLD

NOT_ARRIVED = "nothing arrived"
HELD_BACK = "held back"
NOT_BUILT = "not built"
# What an hour waits for is its oldest input that it was not built from: a busy hour's newest
# input is always young.
_WAITING = """
select stale."table", stale.hour, own.blocked_by,
    coalesce(
        min(input.recorded_at) filter (where input.version > coalesce(own.input_version, -1)),
        any_value(own.recorded_at)
    ) as waiting_since
from ops.v_stale_hours as stale
left join ops.v_hour_state as own on own."table" = stale."table" and own.hour = stale.hour
left join ops.hour_state as input
    on input."table" = if(stale."table" like 'silver/%', 'bronze/events', 'silver/events')
    and (
        input.hour between coalesce(own.reach_from, stale.hour)
            and coalesce(own.reach_to, stale.hour)
        or list_contains(own.linked_hours, input.hour)
    )
where stale.hour between $from and $to
group by stale."table", stale.hour, own.blocked_by
order by stale."table", stale.hour
"""
_ARRIVED = """
select hour from ops.v_hour_state where "table" = 'silver/events' and hour between $from and $to
"""
_FIRST = """
select min(hour) as first_hour from ops.v_hour_state where "table" = 'silver/events'
"""
_NEWEST = "select newest_event_at from ops.progress"


@dataclass(frozen=True)
class LateHour:
    """One hour of one table; `since` is when it became late."""

    table: str
    hour: str
    why: str
    since: datetime


def late_hours(settings: Settings, *, now: datetime) -> list[LateHour] | None:
    """Every late hour of the hourly tables of silver and gold, in order of table and hour.

    Looks at `alerts.lookback_hours` hours back from now. An hour is late if it ended
    `alerts.stale_after_s` ago and no line of it came; if its input waits for
    `alerts.late_after_s` to be built in; or if a check holds it back. A lake whose newest event
    is older than that is at rest: its age is the matter of `freshness`, its hours are not judged,
    and null comes out.
    """
    with Lake(settings) as lake:
        window = _window(lake, settings, now)
        if window is None:
            return None
        found = [*_unbuilt(lake, window, settings, now), *_missing(lake, window, settings, now)]
    return sorted(set(found), key=lambda late: (late.table, late.hour))


def _window(lake: Lake, settings: Settings, now: datetime) -> Mapping[str, str] | None:
    if "ops.hour_state" not in lake.tables:
        return None
    [newest] = lake.rows(_NEWEST)
    [first] = lake.rows(_FIRST)
    start = now - timedelta(hours=settings.alerts.lookback_hours)
    moment = newest["newest_event_at"]
    if not isinstance(moment, datetime) or moment < start:
        return None
    last = min(hour_key(now), settings.last_hour or hour_key(now))
    return {"from": max(hour_key(start), str(first["first_hour"])), "to": last}


def _unbuilt(
    lake: Lake, window: Mapping[str, str], settings: Settings, now: datetime
) -> Iterable[LateHour]:
    limit = now - timedelta(seconds=settings.alerts.late_after_s)
    for row in lake.rows(_WAITING, dict(window)):
        since = row["waiting_since"]
        blocked = row["blocked_by"]
        if isinstance(since, datetime) and (blocked or since <= limit):
            why = f"{HELD_BACK} by {blocked}" if blocked else NOT_BUILT
            yield LateHour(str(row["table"]), str(row["hour"]), why, since)


def _missing(
    lake: Lake, window: Mapping[str, str], settings: Settings, now: datetime
) -> Iterable[LateHour]:
    arrived = {str(row["hour"]) for row in lake.rows(_ARRIVED, dict(window))}
    wait = HOUR + timedelta(seconds=settings.alerts.stale_after_s)
    for hour in _ended(window, settings, now):
        if hour not in arrived:
            for table in (*SILVER, *GOLD):
                yield LateHour(table.path, hour, NOT_ARRIVED, parse_hour(hour) + wait)


def _ended(window: Mapping[str, str], settings: Settings, now: datetime) -> list[str]:
    last = now - HOUR - timedelta(seconds=settings.alerts.stale_after_s)
    return hours_between(window["from"], min(hour_key(last), window["to"]))

"""Rules of age: nothing arrives, or what arrived waits to be built."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from clickstream_platform.monitoring.alert import Alert
from clickstream_platform.operations.freshness import freshness
from clickstream_platform.operations.late_hours import NOT_BUILT, late_hours
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings
from clickstream_platform.tables.gold import DAILY

_NEWER = """
select min(recorded_at) as since from ops.hour_state
where "table" = 'silver/events' and blocked_by is null and max_event_at > $through
"""
_DAILY = {table.path for table in DAILY}


def stale_lake(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert for all tables if the newest event of all is too old: nothing arrives."""
    found = freshness(settings, now=now)
    if not found or any(table.is_fresh for table in found):
        return
    newest = max((f.data_through for f in found if f.data_through), default=None)
    since = "no event yet" if newest is None else f"newest event {newest:%Y-%m-%d %H:%M} UTC"
    yield Alert(
        "stale",
        f"The lake is stale: {since}",
        f"Allowed are {settings.alerts.stale_after_s} s (`alerts.stale_after_s`). Do the sources "
        "still deliver, and do the sensors run? See `clickstream status`.",
    )


def late_tables(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert a layer: what it was to be built from is there, and waits for too long.

    What waits for silver alone is no trouble of gold's; what a check holds back `red_checks` tells.
    """
    hours: dict[str, set[str]] = {}
    tables: dict[str, set[str]] = {}
    for late in late_hours(settings, now=now) or ():
        if late.why == NOT_BUILT:
            layer = late.table.partition("/")[0]
            hours.setdefault(layer, set()).add(late.hour)
            tables.setdefault(layer, set()).add(late.table)
    if "gold" in hours:
        hours["gold"] -= hours.get("silver", set())
    for layer, found in hours.items():
        if found:
            first, last = min(found), max(found)
            yield Alert(
                f"late:{layer}",
                f"{len(found)} hours of {layer} are late, the first {first}",
                f"{', '.join(sorted(tables[layer]))} wait for over {settings.alerts.late_after_s} "
                f"s (`alerts.late_after_s`). Build them: `clickstream run --from {first} "
                f"--to {last}`.",
            )


def late_days(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert for all daily tables that stay behind events which silver has for long."""
    found = {table.table: table for table in freshness(settings, now=now)}
    behind = sorted(
        path
        for path, table in found.items()
        if path in _DAILY and not table.is_fresh and _waits(settings, table.data_through, now)
    )
    if behind and any(table.is_fresh for table in found.values()):
        yield Alert(
            "late:daily",
            f"{len(behind)} daily tables are late",
            f"{', '.join(behind)}: newer events have waited for over "
            f"{settings.alerts.late_after_s} s (`alerts.late_after_s`). `clickstream run` builds "
            "them.",
        )


def _waits(settings: Settings, through: datetime | None, now: datetime) -> bool:
    """Whether silver has had an event past `through` for longer than is allowed."""
    values = {"through": through or datetime.min.replace(tzinfo=UTC)}
    with Lake(settings) as lake:
        [row] = lake.rows(_NEWER, values)
    since = row["since"]
    limit = now - timedelta(seconds=settings.alerts.late_after_s)
    return isinstance(since, datetime) and since <= limit

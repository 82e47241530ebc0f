"""Rules of age: nothing arrives, or what arrived waits to be built."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from clickstream_platform.hours import day_of
from clickstream_platform.monitoring.alert import Alert
from clickstream_platform.operations.freshness import freshness
from clickstream_platform.operations.late_hours import NOT_BUILT, late_hours
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings

# A day waits since the first of its hours was written that its oldest mart was not made from. An
# hour that was built again without a change keeps its version.
_LATE_DAYS = """
with facts as (
    select left(hour, 10) as day, hour, version, recorded_at
    from ops.hour_state
    where "table" = 'gold/fact_events' and left(hour, 10) >= $from
),
marts as (
    select hour as day, min(recorded_at) as built_at
    from (
        select "table", hour, max(recorded_at) as recorded_at
        from ops.hour_state
        where "table" like 'gold/%' and length(hour) = 10
        group by "table", hour
    )
    group by hour
),
made_from as (
    select facts.hour, max(facts.version) as version
    from facts inner join marts on facts.day = marts.day and facts.recorded_at <= marts.built_at
    group by facts.hour
)
select facts.day, min(facts.recorded_at) as since
from facts left join made_from on facts.hour = made_from.hour
where facts.version > coalesce(made_from.version, -1)
group by facts.day
having min(facts.recorded_at) <= $limit
order by facts.day
"""


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
    """One alert for the days, of the hours that are looked at, whose marts wait for too long.

    A day with late hours of its own waits for these.
    """
    first = now - timedelta(hours=settings.alerts.lookback_hours)
    values = {
        "from": f"{first:%Y-%m-%d}",
        "limit": now - timedelta(seconds=settings.alerts.late_after_s),
    }
    with Lake(settings) as lake:
        rows = lake.rows(_LATE_DAYS, values) if "ops.hour_state" in lake.tables else []
    waiting = {day_of(late.hour) for late in late_hours(settings, now=now) or ()}
    late = {str(row["day"]): row["since"] for row in rows if row["day"] not in waiting}
    if late:
        oldest = min(late)
        yield Alert(
            "late:daily",
            f"The daily tables of {len(late)} days are late, the first {oldest}",
            f"What they are made from is there since {late[oldest]:%Y-%m-%d %H:%M} UTC, over "
            f"{settings.alerts.late_after_s} s (`alerts.late_after_s`). Build them: "
            f"`clickstream run --from {oldest}T00 --to {max(late)}T23`.",
        )

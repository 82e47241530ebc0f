"""What is wrong now, rule by rule, read without Spark and without Dagster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from clickstream_platform import logs
from clickstream_platform.hours import hour_key
from clickstream_platform.monitoring.age_rules import late_days, late_tables, stale_lake
from clickstream_platform.monitoring.alert import Alert
from clickstream_platform.monitoring.process_rules import (
    dead_daemon,
    failed_runs,
    hours_given_up,
    stalled_stream,
)
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings

Rule = Callable[[Settings, datetime], Iterator[Alert]]
_RED = """
select "table", rule, count(distinct hour) as hours, max(hour) as last_hour
from ops.v_dq_results
where not passed and action = 'block' and hour >= $from
group by "table", rule
"""
_BLOCKED = """
select "table", blocked_by as rule, count(*) as hours, max(hour) as last_hour
from ops.v_hour_state
where blocked_by is not null and hour >= $from
group by "table", blocked_by
"""
_QUARANTINE = """
select source, home_hour as hour, sum(quarantined)::bigint as quarantined,
    sum(lines)::bigint as lines
from ops.conservation_ledger
where home_hour >= $from
group by source, home_hour
having sum(quarantined) > $rate * sum(lines) and sum(lines) >= $fewest
order by source, home_hour
"""


def standing(settings: Settings, *, now: datetime) -> list[Alert]:
    """Every alert that holds at `now`, in order of its key.

    A rule that cannot be checked, for instance while Dagster's database server is down, is an
    alert itself and keeps no other from being checked.
    """
    return sorted((a for rule in RULES for a in checked(rule, settings, now)), key=lambda a: a.key)


def checked(rule: Rule, settings: Settings, now: datetime) -> list[Alert]:
    """What the rule finds, or that it could not be checked."""
    try:
        return list(rule(settings, now))
    except Exception as error:
        logs.get_logger("alerts").exception("rule failed", rule=rule.__name__)
        return [
            Alert(
                f"unchecked:{rule.__name__}",
                f"The rule {rule.__name__} could not be checked",
                (str(error).strip() or type(error).__name__).splitlines()[0],
            )
        ]


def red_checks(settings: Settings, now: datetime) -> Iterator[Alert]:
    """Blocking rules that failed, and hours held back, in the hours that are looked at."""
    del now
    found: dict[tuple[str, str], dict[str, object]] = {}
    with Lake(settings) as lake:
        start = _start(lake, settings)
        for sql, needs in ((_RED, "ops.dq_results"), (_BLOCKED, "ops.hour_state")):
            if needs in lake.tables:
                for row in lake.rows(sql, {"from": start}):
                    found[str(row["table"]), str(row["rule"])] = row
    for (table, rule), row in found.items():
        yield Alert(
            f"red_check:{table}:{rule}",
            f"{table} breaks {rule}",
            f"{row['hours']} hours, the newest {row['last_hour']}. They are held back; readers "
            f"keep what was there. See `clickstream query check_results`.",
        )


def quarantine_rate(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert a source with hours whose share of rejected lines is too high."""
    del now
    limit = settings.alerts.max_quarantine_rate
    with Lake(settings) as lake:
        if "ops.conservation_ledger" not in lake.tables:
            return
        values = {"from": _start(lake, settings), "rate": limit,
                  "fewest": settings.checks.min_rows_for_reject_rate}  # fmt: skip
        rows = lake.rows(_QUARANTINE, values)
    hours: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        hours.setdefault(str(row["source"]), []).append(row)
    for source, found in hours.items():
        last = found[-1]
        yield Alert(
            f"quarantine:{source}",
            f"{source}: over {limit:.0%} of the lines rejected in {len(found)} hours",
            f"Newest {last['hour']}: {last['quarantined']} of {last['lines']} lines. "
            "See `clickstream query rejected_lines`.",
        )


RULES: tuple[Rule, ...] = (
    red_checks,
    stale_lake,
    late_tables,
    late_days,
    quarantine_rate,
    failed_runs,
    stalled_stream,
    hours_given_up,
    dead_daemon,
)


def _start(lake: Lake, settings: Settings) -> str:
    """The first hour that is looked at: so many back from the newest event."""
    if "ops.hour_state" not in lake.tables:
        return ""
    newest = lake.rows("select newest_event_at from ops.progress")[0]["newest_event_at"]
    if not isinstance(newest, datetime):
        return ""
    return hour_key(newest - timedelta(hours=settings.alerts.lookback_hours))

"""What is wrong now, rule by rule, read without Spark and without Dagster."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clickstream_platform.hours import hour_key
from clickstream_platform.operations.dagster_state import dagster_state, runs_database
from clickstream_platform.operations.freshness import freshness
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings

STREAM_SILENT_AFTER_S = 120
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
# The newest finished run of each job, where it failed.
_FAILED = """
SELECT pipeline_name, run_id, end_time FROM runs AS run
WHERE status = 'FAILURE' AND id = (
    SELECT max(id) FROM runs
    WHERE pipeline_name = run.pipeline_name AND status IN ('SUCCESS', 'FAILURE')
) ORDER BY pipeline_name
"""


@dataclass(frozen=True)
class Alert:
    """Something a person should know; the same trouble has the same `key` until it is over."""

    key: str
    title: str
    body: str


def standing(settings: Settings, *, now: datetime) -> list[Alert]:
    """Every alert that holds at `now`, in order of its key."""
    return sorted((a for rule in RULES for a in rule(settings, now)), key=lambda a: a.key)


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


def stale_tables(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert for all tables whose newest event is too old."""
    stale = [found for found in freshness(settings, now=now) if not found.is_fresh]
    if not stale:
        return
    oldest = min((f.data_through for f in stale if f.data_through), default=None)
    since = "no event yet" if oldest is None else f"newest event {oldest:%Y-%m-%d %H:%M} UTC"
    names = ", ".join(found.table for found in stale)
    yield Alert(
        "stale",
        f"{len(stale)} tables are stale: {since}",
        f"{names}. Allowed are {settings.alerts.stale_after_s} s (`alerts.stale_after_s`).",
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


def failed_runs(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert a job whose newest finished run failed; a later success is the recovery."""
    del now
    path = runs_database(settings.dagster_home)
    if path is None:
        return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as connection:
        rows = connection.execute(_FAILED).fetchall()
    for job, run_id, _ in rows:
        yield Alert(
            f"failed_run:{job}",
            f"The newest run of {job} failed",
            f"Run {run_id}. Its events are in the Dagster UI under Runs.",
        )


def stalled_stream(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert a stream that gave up, does not beat, or commits nothing of what waits for it."""
    for path in sorted((settings.state / "stream").glob("*/heartbeat.json")):
        beat = json.loads(path.read_text())
        age_s = (now - datetime.fromisoformat(beat["beat_at"])).total_seconds()
        trouble = _trouble(beat, age_s, _waited_s(beat, now), settings.stream.stall_after_s)
        if trouble is not None:
            yield Alert(
                f"stream:{path.parent.name}",
                f"The stream of {path.parent.name} {trouble}",
                f"Last heartbeat {age_s:,.0f} s ago. {beat.get('error') or ''}".strip(),
            )


def _trouble(beat: dict[str, Any], age_s: float, waited_s: float, limit_s: float) -> str | None:
    lasts = beat["phase"] == "starting" and beat.get("is_environment")  # an outage, tried again
    if lasts or beat["phase"] in ("failed", "given_up"):
        return "failed"
    if beat["phase"] not in ("starting", "running"):
        return None
    if age_s > STREAM_SILENT_AFTER_S:
        return "is silent"
    waiting = beat.get("lag") or 0
    return f"has stalled: {waiting:,} lines wait" if waiting and waited_s > limit_s else None


def _waited_s(beat: dict[str, Any], now: datetime) -> float:
    """How long lines have waited without a commit."""
    since = beat.get("waiting_since") or now.isoformat()
    return (now - datetime.fromisoformat(since)).total_seconds()


def hours_given_up(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert a running stream with hours it cannot build; over once somebody has built them."""
    del now
    for path in sorted((settings.state / "stream").glob("*/heartbeat.json")):
        beat = json.loads(path.read_text())
        found = beat.get("given_up") or {}
        if found and beat["phase"] == "running":
            told = "\n".join(f"{hour}, {found[hour]}" for hour in sorted(found)[-5:])
            yield Alert(
                f"stream_hours:{path.parent.name}",
                f"The stream of {path.parent.name} gave up {len(found)} hours",
                f"{told}\nBronze has all lines, and repair runs try these hours. If they fail too: "
                "mend the cause, then `clickstream run`.",
            )


def dead_daemon(settings: Settings, now: datetime) -> Iterator[Alert]:
    """Dagster's daemon ran once and is silent now: no sensor ticks, no schedule starts."""
    state = dagster_state(settings.dagster_home, now=now)
    if state is None or state.last_heartbeat_at is None:
        return
    if (now - state.last_heartbeat_at).total_seconds() < settings.alerts.daemon_silent_after_s:
        return
    yield Alert(
        "dead_daemon",
        "Dagster's daemon is silent",
        f"Last heartbeat {state.last_heartbeat_at:%Y-%m-%d %H:%M:%S} UTC. Start it: `make dev`.",
    )


RULES: tuple[Callable[[Settings, datetime], Iterator[Alert]], ...] = (
    red_checks,
    stale_tables,
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

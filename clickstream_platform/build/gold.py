"""Gold: builds every hourly fact and mart of the given hours, from one cached read of silver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build import gold_checks, progress
from clickstream_platform.build.chunks import chunks
from clickstream_platform.build.costs import Meter, record_costs
from clickstream_platform.build.gold_checks import HourOfTable
from clickstream_platform.build.in_memory import Build, build_in_memory, is_changed, settled
from clickstream_platform.build.report import HourReport, OnBuilt, nobody, record_results
from clickstream_platform.build.window import (
    GoldWindow,
    Orders,
    Reach,
    open_orders,
    open_window,
)
from clickstream_platform.build.workspace import Workspace, in_parallel
from clickstream_platform.storage import delta, hour_state, leases
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.conflicts import TRANSACTION_CONFLICTS
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS, FACT_TRANSACTIONS
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.marts import (
    FUNNEL_10MIN,
    FUNNEL_HOURLY,
    HOURLY_METRICS,
    REVENUE_5MIN,
)
from clickstream_platform.tables.quality import BOT_VISITORS_HOURLY
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform.transforms.funnel_10min import funnel_10min
from clickstream_platform.transforms.funnel_hourly import funnel_hourly
from clickstream_platform.transforms.hourly_metrics import hourly_metrics
from clickstream_platform.transforms.limits import Limits
from clickstream_platform.transforms.orders import fact_transactions, transaction_conflicts
from clickstream_platform.transforms.revenue_5min import revenue_5min
from clickstream_platform.transforms.sessions import fact_events, fact_sessions

TASKS_PER_CORE = 16  # as silver's: a task for each of 720 hours would do little but begin and end

Definition = Callable[[GoldWindow, Sequence[str], Limits], DataFrame]


@dataclass(frozen=True)
class _Build(Build):
    """A build from one version of silver, of which `existing` hours have events."""

    silver_version: int
    existing: frozenset[str]
    at_once: int | None = None


def build_gold(
    workspace: Workspace,
    hours: Sequence[str],
    *,
    run_id: str,
    tables: Sequence[Table] = GOLD,
    force: bool = False,
    wait_s: float = leases.WAIT_S,
    on_built: OnBuilt = nobody,
    at_once: int | None = None,
) -> list[HourReport]:
    """Rebuilds `tables` in `hours`, one report per table and hour.

    `force` writes also the hours whose rows seem unchanged, to heal a table someone else touched.
    `wait_s` is for hours that others hold; `on_built` is told of each chunk once it is committed.
    `at_once` is how many tables are built at the same time, all if null.

    Guarantees: a mart's rows are checked in memory before their commit; an hour that breaks a
        blocking rule, or whose rows did not change, is not written. `ops/hour_state` is last.
        Many events are built in chunks of hours, so that a build that dies has done the chunks
        before; all come from one version of silver.
    """
    meter = Meter.started(workspace.settings)
    workspace.init_tables(ALL)
    owner = this_process(run_id)
    with leases.held(workspace.settings.state, "gold", hours, owner=owner, wait_s=wait_s):
        states = hour_state.current(workspace.lake)
        version = delta.version(workspace.lake, SILVER_EVENTS)
        silver = hour_state.of_table(states, SILVER_EVENTS.path)
        counts = {hour: row.row_count for hour, row in silver.items() if row.row_count}
        # Of the version that is read: the states may not know its newest hours yet.
        existing = frozenset(delta.hours_of(workspace.lake, SILVER_EVENTS, version=version))
        build = _Build(workspace, tuple(hours), states, run_id, force, version, existing, at_once)
        reports: list[HourReport] = []
        orders = open_orders(workspace, hours, build.existing, version=version)
        try:
            for chunk in chunks(hours, counts, max_bytes=workspace.settings.max_bytes_per_chunk):
                built = _build_chunk(replace(build, hours=chunk), orders, tables, meter)
                on_built(built)
                reports += built
                meter = Meter.started(workspace.settings)
                progress.finished(len(chunk))
        finally:
            orders.close()
    return reports


def _build_chunk(
    build: _Build, orders: Orders, tables: Sequence[Table], meter: Meter
) -> list[HourReport]:
    version = build.silver_version
    window = open_window(build.workspace, build.hours, build.existing, orders, version=version)
    try:
        results = in_parallel(
            [partial(_build_table, build, table, window) for table in tables],
            at_once=build.at_once,
        )
    finally:
        window.close()
    built = gold_checks.with_conflicts([hour for hours_of in results for hour in hours_of])
    _record(build, window, built)
    reports = [gold_checks.report(hour) for hour in built]
    record_results(build.workspace.lake, reports, run_id=build.run_id)
    return record_costs(meter, reports, run_id=build.run_id)


def _in(events: DataFrame, hours: Sequence[str]) -> DataFrame:
    return events.where(F.col("event_hour").isin([*hours]))


def _orders(window: GoldWindow, hours: Sequence[str]) -> DataFrame:
    return fact_transactions(_in(window.purchases, hours))


DEFINITIONS: dict[str, Definition] = {
    FACT_EVENTS.path: lambda w, hours, _: fact_events(_in(w.events, hours)),
    FACT_SESSIONS.path: lambda w, hours, _: _in(fact_sessions(w.events), hours),
    FACT_TRANSACTIONS.path: lambda w, hours, _: _orders(w, hours),
    TRANSACTION_CONFLICTS.path: lambda w, hours, _: transaction_conflicts(_in(w.purchases, hours)),
    REVENUE_5MIN.path: lambda w, hours, _: revenue_5min(_orders(w, hours), w.robots),
    FUNNEL_10MIN.path: lambda w, hours, limits: funnel_10min(
        _in(w.events, hours), w.robots, steps=limits.funnel_steps
    ),
    HOURLY_METRICS.path: lambda w, hours, limits: hourly_metrics(
        _in(w.events, hours), w.robots, reporting_currency=limits.reporting_currency
    ),
    FUNNEL_HOURLY.path: lambda w, hours, limits: _in(
        funnel_hourly(w.events, w.robots, steps=limits.funnel_steps), hours
    ),
    BOT_VISITORS_HOURLY.path: lambda w, hours, _: _in(w.bots, hours),
}


def _build_table(build: _Build, table: Table, window: GoldWindow) -> list[HourOfTable]:
    rows = DEFINITIONS[table.path](window, build.hours, build.workspace.limits)
    if table.writer == "spark":
        return _build_with_spark(build, table, rows)
    return build_in_memory(build, table, rows, build.hours)


def _build_with_spark(build: _Build, table: Table, rows: DataFrame) -> list[HourOfTable]:
    """Counted and hashed in one aggregation, then written from the same cache."""
    checks = build.workspace.settings.checks
    found = gold_checks.judge_spark(table, rows, build.hours, enabled=checks.enabled)
    wanted = [h.hour for h in found if not h.blocked_by and is_changed(build, h)]
    if not wanted:
        return settled(build, found, None)
    mine = rows.where(F.col("event_hour").isin(wanted))
    if len(build.hours) >= 4 * build.workspace.cores:
        tasks = min(len(wanted), TASKS_PER_CORE * build.workspace.cores)
        mine = mine.repartition(tasks, "event_hour")
    written = delta.replace_hours(mine, build.workspace.lake, table, wanted, run_id=build.run_id)
    return settled(build, found, written.version)


def _record(build: _Build, window: GoldWindow, built: Sequence[HourOfTable]) -> None:
    rows = []
    for hour in built:
        before = build.states.get((hour.table.path, hour.hour))
        keeps_old = hour.blocked_by is not None and before is not None
        reach = _reach_of(hour, window.reaches[hour.hour])
        rows.append(
            HourStateRow(
                table=hour.table.path,
                hour=hour.hour,
                version=hour.version,
                input_version=build.silver_version,
                row_count=before.row_count if keeps_old and before else hour.row_count,
                code_version=build.workspace.gold_code,
                run_id=build.run_id,
                reach_from=reach.first,
                reach_to=reach.last,
                linked_hours=reach.linked,
                content_hash=before.content_hash if keeps_old and before else hour.content_hash,
                blocked_by=hour.blocked_by,
            )
        )
    rows += _stale_marks(build, window)
    hour_state.record(build.workspace.lake, rows, run_id=build.run_id)


def _reach_of(hour: HourOfTable, reach: Reach) -> Reach:
    """What of the hour's reach concerns this table."""
    if hour.table.reach == "sessions":
        return reach
    linked = reach.linked if hour.table.reach == "orders" else ()
    return Reach(hour.hour, hour.hour, linked)


def _stale_marks(build: _Build, window: GoldWindow) -> list[HourStateRow]:
    """Later hours with repeats of this build's orders that do not know of it yet."""
    marks = []
    for later, owners in window.later_links.items():
        if later in build.hours:
            continue
        for table in GOLD:
            state = build.states.get((table.path, later))
            if (
                state
                and table.reach in ("orders", "sessions")
                and not owners <= {*state.linked_hours}
            ):
                marks.append(
                    HourStateRow(**{**vars(state), "is_stale": True, "run_id": build.run_id})
                )
    return marks

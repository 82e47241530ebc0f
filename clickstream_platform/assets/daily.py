"""Gold by day and gold over all time, each built as one step of a run from one read of the facts.

The edges from hourly tables are by day; marts that look at more days say so in their contract, and
`ops/hour_state` holds the truth.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from clickstream_platform.assets.hourly import is_forced, is_repair, left_alone, note_ops
from clickstream_platform.assets.results import emit
from clickstream_platform.assets.specs import check_specs, spec_of
from clickstream_platform.automation.reaper import name_process
from clickstream_platform.build.daily import build_daily, build_snapshots
from clickstream_platform.build.staleness import stale_days, stale_snapshots
from clickstream_platform.resources.lake import Lake
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.catalog import BY_PATH
from clickstream_platform.tables.contract import SNAPSHOT_KEY, Table
from clickstream_platform.tables.gold import DAILY, SNAPSHOTS


@dg.multi_asset(
    name="daily_marts",
    specs=[spec_of(table, deps=[BY_PATH[path] for path in table.inputs]) for table in DAILY],
    check_specs=[spec for table in DAILY for spec in check_specs(table)],
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
)
def daily(context: dg.AssetExecutionContext, lake: Lake) -> Iterator[dg.MaterializeResult]:
    """Builds the selected daily marts of the days, each where its facts have changed."""
    name_process(context)
    tables = _selected(context, DAILY)
    with lake.building("daily", run_id=context.run.run_id) as workspace:
        states = hour_state.current(workspace.lake)
        days = list(context.partition_keys)
        if is_repair(context):
            needed = set(stale_days(workspace, states, tables=tables))
            days = [day for day in days if day in needed]
        reports = (
            build_daily(
                workspace,
                days,
                run_id=context.run.run_id,
                tables=tables,
                force=is_forced(context),
            )
            if days
            else []
        )
    built = {(report.table, report.hour) for report in reports}
    settled = left_alone(tables, context.partition_keys, built, states)
    yield from emit(context, tables, [*reports, *settled])
    note_ops(context, reports)


@dg.multi_asset(
    name="all_time_marts",
    specs=[spec_of(table, deps=[BY_PATH[path] for path in table.inputs]) for table in SNAPSHOTS],
    check_specs=[spec for table in SNAPSHOTS for spec in check_specs(table)],
    can_subset=True,
)
def snapshots(context: dg.AssetExecutionContext, lake: Lake) -> Iterator[dg.MaterializeResult]:
    """Builds the selected marts over all time, each if any of its facts has changed."""
    name_process(context)
    tables = _selected(context, SNAPSHOTS)
    with lake.building("snapshots", run_id=context.run.run_id) as workspace:
        states = hour_state.current(workspace.lake)
        needed = tables
        if is_repair(context):
            needed = [table for table in stale_snapshots(workspace, states) if table in tables]
        reports = build_snapshots(
            workspace, run_id=context.run.run_id, tables=needed, force=is_forced(context)
        )
    built = {(report.table, report.hour) for report in reports}
    settled = left_alone(tables, [SNAPSHOT_KEY], built, states)
    yield from emit(context, tables, [*reports, *settled])
    note_ops(context, reports)


def _selected(context: dg.AssetExecutionContext, tables: Sequence[Table]) -> list[Table]:
    return [table for table in tables if dg.AssetKey(table.key) in context.selected_asset_keys]

"""The hourly medallion: bronze, silver and gold, each built as one step of a run.

One step builds all tables of a layer, because they share one read: three silver tables are
judged together, and all gold tables come from one cached window of silver.

Who asks for an hour, a sensor or a person in the UI, gets it built only if it is stale: an hour
that is up to date is reported as it stands, and nothing is written. The force tag builds it.
"""

from collections.abc import Callable, Collection, Iterator, Sequence

import dagster as dg

from clickstream_platform.assets.results import emit
from clickstream_platform.assets.specs import FORCE_TAG, check_names, check_specs, spec_of
from clickstream_platform.automation.reaper import name_process
from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount
from clickstream_platform.build.silver import build_silver
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.resources.lake import Lake
from clickstream_platform.storage import doubts, hour_state
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.storage.landing_look import Scope
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.catalogue import BRONZE_CATALOGUE
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.costs import COST_HOURLY
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.lateness import LATENESS_HOURLY
from clickstream_platform.tables.ops import CONSERVATION_LEDGER, DQ_RESULTS, HOUR_STATE
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform.tables.warnings import INGESTION_WARNINGS

ONLY_STALE_TAG = "clickstream/only_stale"
RECEIVED = (BRONZE_EVENTS, BRONZE_CATALOGUE)
_SINGLE_RUN = dg.BackfillPolicy.single_run()


@dg.multi_asset(
    name="bronze",
    specs=[*map(spec_of, RECEIVED), spec_of(LATENESS_HOURLY, deps=[BRONZE_EVENTS])],
    check_specs=[spec for table in RECEIVED for spec in check_specs(table)],
    backfill_policy=_SINGLE_RUN,
)
def bronze(context: dg.AssetExecutionContext, lake: Lake) -> Iterator[dg.MaterializeResult]:
    """Appends the lines of every landing file of the hours that bronze lacks; else a no-op."""
    name_process(context)
    with lake.building("bronze", run_id=context.run.run_id) as workspace:
        for warning in workspace.look_at_landing(Scope(hours={*context.partition_keys})).warnings:
            context.log.warning(warning)
        ingested = build_bronze(workspace, context.partition_keys, run_id=context.run.run_id)
    for path, error in ingested.failures:
        context.log.error(f"{path} could not be read: {error}; it is tried again later")
    yield from emit(context, RECEIVED, ingested.reports)
    yield dg.MaterializeResult(asset_key=dg.AssetKey(LATENESS_HOURLY.key))


@dg.multi_asset(
    name="silver",
    specs=[
        *[spec_of(table, deps=[BRONZE_EVENTS]) for table in SILVER],
        spec_of(CONSERVATION_LEDGER, deps=[BRONZE_EVENTS]),
        spec_of(INGESTION_WARNINGS, deps=[BRONZE_EVENTS]),
    ],
    check_specs=[spec for table in SILVER for spec in check_specs(table)],
    backfill_policy=_SINGLE_RUN,
)
def silver(context: dg.AssetExecutionContext, lake: Lake) -> Iterator[dg.MaterializeResult]:
    """Judges every line whose home hour is among the hours, wherever it arrived."""
    name_process(context)
    with lake.building("silver", run_id=context.run.run_id) as workspace:
        states = hour_state.current(workspace.lake)
        hours = _wanted(
            context,
            SILVER,
            states,
            lambda: [*stale_silver(workspace, states), *_in_doubt(context, workspace)],
        )
        reports = (
            build_silver(workspace, hours, run_id=context.run.run_id, force=is_forced(context))
            if hours
            else []
        )
    yield from emit(context, SILVER, [*reports, *_others(context, SILVER, hours, states)])
    for table in (CONSERVATION_LEDGER, INGESTION_WARNINGS):
        yield dg.MaterializeResult(asset_key=dg.AssetKey(table.key))
    note_ops(context, reports)


@dg.multi_asset(
    name="gold",
    specs=[spec_of(table, deps=[SILVER_EVENTS]) for table in GOLD],
    check_specs=[spec for table in GOLD for spec in check_specs(table)],
    backfill_policy=_SINGLE_RUN,
    can_subset=True,
)
def gold(context: dg.AssetExecutionContext, lake: Lake) -> Iterator[dg.MaterializeResult]:
    """Builds the selected facts and marts of the hours from one read of silver."""
    tables = [table for table in GOLD if dg.AssetKey(table.key) in context.selected_asset_keys]
    name_process(context)
    with lake.building("gold", run_id=context.run.run_id) as workspace:
        states = hour_state.current(workspace.lake)
        hours = _wanted(context, tables, states, lambda: stale_gold(workspace, states, tables))
        reports = (
            build_gold(
                workspace,
                hours,
                run_id=context.run.run_id,
                tables=tables,
                force=is_forced(context),
            )
            if hours
            else []
        )
    yield from emit(context, tables, [*reports, *_others(context, tables, hours, states)])
    note_ops(context, reports)


def is_forced(context: dg.AssetExecutionContext) -> bool:
    """Whether also what seems unchanged is to be written."""
    return context.run.tags.get(FORCE_TAG) == "true"


def is_repair(context: dg.AssetExecutionContext) -> bool:
    """Whether only what is stale is to be built."""
    return context.run.tags.get(ONLY_STALE_TAG) == "true"


def _wanted(
    context: dg.AssetExecutionContext,
    tables: Sequence[Table],
    states: States,
    stale: Callable[[], list[str]],
) -> list[str]:
    """Those of the run's hours that are stale; all of them if the run is forced.

    A forced run that takes up one that died leaves out what that one had built, if it still holds.
    """
    hours = list(context.partition_keys)
    needed = {*hours}
    if not is_forced(context):
        needed = {*stale()}
    elif died := {context.run.parent_run_id, context.run.root_run_id} - {None}:
        settled = {hour for hour in hours if built_by(died, tables, states, hour)}
        needed -= settled - {*stale()}
    return [hour for hour in hours if hour in needed]


def _in_doubt(context: dg.AssetExecutionContext, workspace: Workspace) -> list[str]:
    """Hours whose newest commits may lack their note, for a person who asks for them by name.

    A repair run leaves them out: its span may hold hours that a stream is appending to.
    """
    if is_repair(context):
        return []
    return list(doubts.among(workspace.settings.state, "silver", context.partition_keys))


def built_by(
    run_ids: Collection[str | None], tables: Sequence[Table], states: States, hour: str
) -> bool:
    """Whether these runs recorded the hour in every one of the tables."""
    found = [states.get((table.path, hour)) for table in tables]
    return all(state is not None and state.run_id in run_ids for state in found)


def _others(
    context: dg.AssetExecutionContext,
    tables: Sequence[Table],
    built: Sequence[str],
    states: States,
) -> list[HourReport]:
    """What stands in the hours of the span that were not built."""
    done = {(table.path, hour) for table in tables for hour in built}
    return left_alone(tables, context.partition_keys, done, states)


def left_alone(
    tables: Sequence[Table],
    keys: Sequence[str],
    built: Collection[tuple[str, str]],
    states: States,
) -> list[HourReport]:
    """The partitions of the span that were settled: their event repeats the version that holds
    them."""
    return [
        HourReport(
            table=table.path,
            hour=key,
            row_count=state.row_count,
            version=state.version,
            unchanged=True,
            checks=tuple(_standing(table, name, state) for name in check_names(table)),
            blocked_by=state.blocked_by,
            is_evaluated=False,
        )
        for table in tables
        for key in keys
        if (table.path, key) not in built and (state := states.get((table.path, key))) is not None
    ]


def _standing(table: Table, name: str, state: HourStateRow) -> CheckOutcome:
    """The verdict that stands for an hour this run left alone: red only while it is held back."""
    if name != "contract" or state.blocked_by is None:
        return CheckOutcome(name, ())
    rule = RuleCount(state.blocked_by, "block", state.row_count, 1, f"{table.path} is held back")
    return CheckOutcome(name, (rule,))


def note_ops(context: dg.AssetExecutionContext, built: Sequence[HourReport]) -> None:
    """Tells Dagster that the bookkeeping was written, if anything was built."""
    for table in (HOUR_STATE, DQ_RESULTS, COST_HOURLY) if built else ():
        context.log_event(dg.AssetMaterialization(asset_key=dg.AssetKey(table.key)))

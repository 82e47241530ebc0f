"""The catalogue's tables of versions, built as one step of a run from all feed lines."""

from collections.abc import Iterator

import dagster as dg

from clickstream_platform.assets.hourly import is_forced, left_alone, note_ops
from clickstream_platform.assets.results import emit
from clickstream_platform.assets.specs import check_specs, spec_of
from clickstream_platform.automation.reaper import name_process
from clickstream_platform.build.catalogue import build_catalogue
from clickstream_platform.resources.lake import Lake
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.catalogue import BRONZE_CATALOGUE, CATALOGUE
from clickstream_platform.tables.contract import SNAPSHOT_KEY


@dg.multi_asset(
    name="catalogue_tables",
    specs=[spec_of(table, deps=[BRONZE_CATALOGUE]) for table in CATALOGUE],
    check_specs=[spec for table in CATALOGUE for spec in check_specs(table)],
)
def catalogue(context: dg.AssetExecutionContext, lake: Lake) -> Iterator[dg.MaterializeResult]:
    """Products, users and campaigns by version, if any feed line or mapping is new."""
    name_process(context)
    with lake.building("catalogue", run_id=context.run.run_id) as workspace:
        states = hour_state.current(workspace.lake)
        reports = build_catalogue(workspace, run_id=context.run.run_id, force=is_forced(context))
    built = {(report.table, report.hour) for report in reports}
    settled = left_alone(CATALOGUE, [SNAPSHOT_KEY], built, states)
    yield from emit(context, CATALOGUE, [*reports, *settled])
    note_ops(context, reports)

"""What a range run tells Dagster of a table's hours."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEventType

from clickstream_platform.assets.results import emit
from clickstream_platform.assets.specs import check_names
from clickstream_platform.build.report import CheckOutcome, HourReport
from clickstream_platform.partitions import HOURLY
from clickstream_platform.run_tags import RANGE_END, RANGE_START
from clickstream_platform.tables.facts import FACT_SESSIONS

HOURS = ["2024-11-29T09", "2024-11-29T10", "2024-11-29T11"]
KEY = dg.AssetKey(FACT_SESSIONS.key)
CHECK = check_names(FACT_SESSIONS)[0]


@dg.asset(
    key=KEY,
    partitions_def=HOURLY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec(name, asset=KEY) for name in check_names(FACT_SESSIONS)],
)
def sessions(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    yield from emit(
        context,
        [FACT_SESSIONS],
        [
            HourReport(FACT_SESSIONS.path, hour, 7 + at, 3, True, checks=(CheckOutcome(CHECK, ()),))
            for at, hour in enumerate(HOURS)
        ],
    )


def test_each_hour_has_its_numbers_and_checks_and_the_last_one_what_is_of_the_table(
    tmp_path: Path,
) -> None:
    tags = {RANGE_START: HOURS[0], RANGE_END: HOURS[-1]}
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        done = dg.materialize([sessions], instance=instance, tags=tags)
        told = {
            str(record.partition_key): record.asset_materialization.metadata
            for record in instance.fetch_materializations(KEY, 10).records
            if record.asset_materialization
        }
        checks = [
            entry.dagster_event.asset_check_evaluation_data
            for entry in instance.all_logs(done.run_id, DagsterEventType.ASSET_CHECK_EVALUATION)
            if entry.dagster_event
        ]
    rows = {hour: found["dagster/partition_row_count"].value for hour, found in told.items()}
    assert rows == dict(zip(HOURS, (7, 8, 9), strict=True))
    assert [hour for hour in HOURS if "dagster/column_lineage" in told[hour]] == HOURS[-1:]
    hourly = {check.partition: check for check in checks if check.check_name == CHECK}
    assert {*hourly} - {None} == {*HOURS}
    assert all(hourly[hour].target_materialization_data for hour in HOURS)

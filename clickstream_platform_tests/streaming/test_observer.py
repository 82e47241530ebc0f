"""What the stream tells Dagster of the hours it built."""

from dataclasses import replace
from pathlib import Path

import dagster as dg

from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount
from clickstream_platform.streaming.layers import HOUR_BUILDS
from clickstream_platform.streaming.op import DagsterObserver
from clickstream_platform.tables.silver import SILVER_EVENTS

KEY = dg.AssetCheckKey(dg.AssetKey(SILVER_EVENTS.key), "contract")
HOURS = ("2024-11-29T10", "2024-11-29T11")


def built(hour: str, version: int) -> HourReport:
    checks = (CheckOutcome("contract", ()),)
    return HourReport(SILVER_EVENTS.path, hour, 3, version, False, checks=checks)


def told(instance: dg.DagsterInstance) -> dict[str | None, bool]:
    """Whether the newest result of each hour is about its newest materialisation."""
    found = instance.event_log_storage.get_asset_check_partition_info([KEY])
    return {
        info.partition_key: info.is_current
        and info.latest_target_materialization_storage_id is not None
        for info in found
    }


@dg.op
def three_times(context: dg.OpExecutionContext) -> None:
    observer = DagsterObserver(context, every_s=0)
    for version in (1, 2, 3):
        observer.on_built([built(hour, version) for hour in HOURS])
        observer.flush()
        assert told(context.instance) == dict.fromkeys(HOURS, True)


@dg.job
def streaming() -> None:
    three_times()


def test_an_hour_built_again_and_again_has_its_newest_checks(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        for _ in range(2):  # a stream, and the one that goes on after it
            assert streaming.execute_in_process(instance=instance).success
        assert told(instance) == dict.fromkeys(HOURS, True)


@dg.op
def gives_up(context: dg.OpExecutionContext) -> None:
    observer = DagsterObserver(context, every_s=0)
    observer.on_built([built(hour, 1) for hour in HOURS])
    observer.flush()
    rule = RuleCount(HOUR_BUILDS, "block", 1, 1, "a file is missing")
    red = replace(
        built(HOURS[0], 1),
        blocked_by=HOUR_BUILDS,
        checks=(CheckOutcome("contract", (rule,)),),
    )
    observer.on_built([red])
    observer.flush()


@dg.job
def giving_up() -> None:
    gives_up()


def test_an_hour_that_was_given_up_has_a_failed_check_and_is_not_materialised_again(
    tmp_path: Path,
) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert giving_up.execute_in_process(instance=instance).success
        found = instance.event_log_storage.get_asset_check_partition_info([KEY])
        statuses = {info.partition_key: info.latest_execution_status.value for info in found}
        assert statuses == {HOURS[0]: "FAILED", HOURS[1]: "SUCCEEDED"}
        assert len(instance.fetch_materializations(KEY.asset_key, limit=9).records) == len(HOURS)

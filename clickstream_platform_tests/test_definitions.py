"""What Dagster loads when `make dev` starts."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from clickstream_platform.definitions import defs
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import GOLD


def test_the_code_location_loads_with_every_job_and_sensor() -> None:
    dg.Definitions.validate_loadable(defs)
    repository = defs.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs()}
    assert {"ingest", "repair", "daily", "snapshots", "catalogue", "stream", "maintain"} <= jobs
    sensors = {sensor.name for sensor in repository.sensor_defs}
    assert {
        "landing_sensor",
        "touched_hours_sensor",
        "touched_days_sensor",
        "snapshots_sensor",
        "catalogue_sensor",
        "alerts_sensor",
        "freshness_sensor",
        "stream_keeper",
    } <= sensors
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    assert schedules["publish_schedule"].job_name == "publish_postgres"
    assert schedules["publish_schedule"].default_status is dg.DefaultScheduleStatus.STOPPED
    monday = datetime(2026, 11, 23, 3, tzinfo=UTC)
    for name, cron, partition in (
        ("daily", "0 2 * * *", "2026-11-22"),
        ("weekly", "0 3 * * 1", "2026-11-16"),
    ):
        found = schedules[f"report_{name}_schedule"]
        assert found.cron_schedule == cron
        context = dg.build_schedule_context(
            scheduled_execution_time=monday, repository_def=repository
        )
        [request] = found.evaluate_tick(context).run_requests
        assert request.partition_key == partition  # what has ended, and not what has just begun
    nightly = schedules["maintain_schedule"]
    assert nightly.job_name == "maintain"
    assert nightly.default_status is dg.DefaultScheduleStatus.STOPPED


@pytest.mark.parametrize("table", GOLD, ids=lambda table: table.name)
def test_each_gold_table_can_be_materialised_alone(table: Table) -> None:
    everything = defs.resolve_implicit_global_asset_job_def()
    job = everything.get_subset(asset_selection={dg.AssetKey(table.key)})
    assert "gold" in {node.name for node in job.nodes}

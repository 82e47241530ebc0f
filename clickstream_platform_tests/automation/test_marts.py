"""Daily marts follow their hours, and marts over all time follow the days, without Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from clickstream_platform import run_tags
from clickstream_platform.assets.hourly import ONLY_STALE_TAG
from clickstream_platform.automation.marts import snapshots_sensor, touched_days_sensor
from clickstream_platform.build.inputs import DayInputs
from clickstream_platform.resources.home import Home
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.tables.contract import SNAPSHOT_KEY, Table
from clickstream_platform.tables.gold import DAILY, GOLD, SNAPSHOTS
from clickstream_platform.tables.ops import HOUR_STATE
from clickstream_platform_tests.automation.runs import finish, put_run

ONE, TWO, FAR = "2024-11-28", "2024-11-29", "2024-12-10"
HOURLY_PATHS = ("bronze/events", "silver/events", *(table.path for table in GOLD))


class HandmadeHome:
    """A home whose states are written by hand, and ticks of the two sensors on it."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home = Home(path=str(home))
        self.workspace = self.home.workspace
        self.instance = instance
        delta.init_table(self.workspace.lake, HOUR_STATE, None)

    def record(
        self, keys: Iterable[tuple[str, str]], *, version: int = 1, inputs: DayInputs | None = None
    ) -> None:
        rows = [
            HourStateRow(
                table=path,
                hour=key,
                version=version,
                input_version=-1 if inputs else version,
                row_count=5,
                code_version=self.workspace.silver_code
                if path.startswith("silver/")
                else self.workspace.gold_code,
                run_id="r",
                reach_from=key,
                reach_to=key,
                input_digest=inputs.digest(TABLES[path], key) if inputs else None,
            )
            for path, key in keys
        ]
        hour_state.record(self.workspace.lake, rows, run_id="r")

    def build(self, tables: Iterable[Table], *keys: str) -> None:
        """As if these tables were built from what there is, one after the other."""
        for table in tables:
            inputs = DayInputs(hour_state.current(self.workspace.lake))
            self.record([(table.path, key) for key in keys], inputs=inputs)

    def tick(self, sensor: dg.SensorDefinition) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            instance=self.instance, resources={"home": self.home}, sensor_name=sensor.name
        )
        return list(sensor(context).run_requests or ())


TABLES = {table.path: table for table in (*DAILY, *SNAPSHOTS)}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[HandmadeHome]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield HandmadeHome(tmp_path, instance)


def test_days_with_new_facts_are_asked_for_once(home: HandmadeHome) -> None:
    assert home.tick(touched_days_sensor) == []
    home.record((path, f"{day}T10") for path in HOURLY_PATHS for day in (ONE, TWO, FAR))
    near, far = home.tick(touched_days_sensor)
    assert (near.tags[run_tags.RANGE_START], near.tags[run_tags.RANGE_END]) == (ONE, TWO)
    assert (far.tags[run_tags.RANGE_START], far.tags[run_tags.RANGE_END]) == (FAR, FAR)
    assert near.tags[ONLY_STALE_TAG] == "true"
    run = put_run(home.instance, near, "daily")
    assert [r.tags[run_tags.RANGE_START] for r in home.tick(touched_days_sensor)] == [FAR]
    home.build(DAILY, ONE, TWO)
    finish(home.instance, run, success=True)
    assert [r.tags[run_tags.RANGE_START] for r in home.tick(touched_days_sensor)] == [FAR]


def test_marts_over_all_time_wait_for_the_days_and_fail_with_a_pause(
    home: HandmadeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.record((path, f"{ONE}T10") for path in HOURLY_PATHS)
    assert home.tick(snapshots_sensor) == [], "the day is stale"
    home.build(DAILY, ONE)
    [asked] = home.tick(snapshots_sensor)
    assert run_tags.RANGE_START not in asked.tags
    run = put_run(home.instance, asked, "snapshots")
    assert home.tick(snapshots_sensor) == [], "in progress"
    finish(home.instance, run, success=False)
    assert home.tick(snapshots_sensor) == [], "pauses after the failure"
    monkeypatch.setattr("clickstream_platform.automation.asking.FIRST_PAUSE_S", 0)
    [again] = home.tick(snapshots_sensor)
    assert again.run_key != asked.run_key
    home.build(SNAPSHOTS, SNAPSHOT_KEY)
    assert home.tick(snapshots_sensor) == []

"""The product as a person starts it: generate, run, verify, run again, lose the engine, run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from deltalake import DeltaTable

from clickstream_platform.assets.specs import check_names
from clickstream_platform.engine.server import Engine
from clickstream_platform.engine.state import until
from clickstream_platform.settings import Settings, read_settings, use_dagster_home
from clickstream_platform.storage import delta
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import ALL, DAILY, GOLD, SILVER, SNAPSHOTS
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.facts import FACT_SESSIONS
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import ENGINE, INTERPRETED_VARIABLES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
HOURS = ["2024-11-29T10", "2024-11-29T11"]
HOURLY = (BRONZE_EVENTS, *SILVER, *GOLD)
COMMAND_S = 400.0  # a guard, not a measure: slow machines take minutes
DONE_WELL = AssetCheckExecutionRecordStatus.SUCCEEDED
DONE = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


@dataclass(frozen=True)
class Home:
    """A home with generated hours, and the command line on it."""

    settings: Settings
    truth: dict[str, Any]

    def versions(self) -> dict[str, int]:
        return {table.path: delta.version(self.settings.lake, table) for table in ALL}

    def row_counts(self, table: Table) -> dict[str, int]:
        """Rows by hour, counted in the table."""
        column = str(table.partition_by)
        found = delta.read_arrow(self.settings.lake, table, columns=[column])
        counted = found.group_by([column]).aggregate([([], "count_all")]).to_pylist()
        return {row[column]: row["count_all"] for row in counted}

    def total(self, table: Table) -> int:
        return sum(self.row_counts(table).values())


def start(home: Path, *arguments: object) -> subprocess.Popen[str]:
    environment = {key: val for key, val in os.environ.items() if key != "DAGSTER_HOME"}
    environment |= INTERPRETED_VARIABLES | {"CLICKSTREAM_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, "-m", "clickstream_platform.cli", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(child: subprocess.Popen[str]) -> tuple[str, str]:
    """What it printed; one that does not end by itself is ended and fails the test."""
    try:
        return child.communicate(timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        child.kill()
        raise


def call(home: Path, *arguments: object) -> dict[str, Any]:
    child = start(home, *arguments)
    output, errors = ended(child)
    assert child.returncode == 0, errors[-4000:] + output[-4000:]
    return json.loads(output)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Two generated hours, brought up to date by one `clickstream run`."""
    folder = tmp_path_factory.mktemp("end_to_end")
    settings = read_settings(home=folder, engine=ENGINE)
    call(
        folder,
        *("generate", "--out", settings.landing, "--truth", folder / "truth"),
        *("--start", HOURS[0], "--hours", 2, "--events", 400, "--duplicates", 0.05),
        *("--late", 0.05, "--malformed", 0.05, "--future", 0.01, "--repeats", 0.3, "--bots", 0),
    )
    try:
        done = call(folder, "run", "--json")
        built = {row["table"] for row in done["hours"]}
        every_time = {table.path for table in (*HOURLY, *DAILY)}
        # A mart over all time waits until there is something to make it from.
        assert every_time <= built <= every_time | {table.path for table in SNAPSHOTS}
        yield Home(settings, json.loads((folder / "truth" / "summary.json").read_text()))
    finally:
        Engine(settings).stop()


@pytest.fixture
def instance(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name in ("DAGSTER_HOME", "CLICKSTREAM_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # put back what the next line sets
    monkeypatch.setenv("CLICKSTREAM_HOME", str(home.settings.home))
    with dg.DagsterInstance.from_config(str(use_dagster_home(home.settings))) as found:
        yield found


def test_totals_are_those_of_the_generators_truth(home: Home) -> None:
    expected = home.truth["expected"]
    assert home.total(BRONZE_EVENTS) == home.truth["lines"]
    assert home.total(SILVER_EVENTS) == expected["accepted"]
    assert home.total(SILVER_DUPLICATES) == expected["duplicates"] > 0
    rejected = sum(expected["quarantined"].values()) + expected["bot_id_reuse_lines"]
    assert home.total(SILVER_QUARANTINE) == rejected > 0


def test_every_hour_of_every_asset_has_its_row_count_in_dagster(
    home: Home, instance: dg.DagsterInstance
) -> None:
    for table in HOURLY:
        counts = home.row_counts(table)
        records = instance.fetch_materializations(dg.AssetKey(table.key), limit=1000).records
        newest = {record.partition_key: record for record in reversed(records)}
        assert set(HOURS) | set(counts) <= set(newest), table.path
        for hour, record in newest.items():
            materialization = record.asset_materialization
            if hour is None or materialization is None:
                continue
            shown = materialization.metadata["dagster/partition_row_count"].value
            assert shown == counts.get(hour, 0), (table.path, hour)


def test_every_check_of_every_hour_is_evaluated_and_none_stays_planned(
    home: Home, instance: dg.DagsterInstance
) -> None:
    for table in HOURLY:
        for name in check_names(table):
            key = dg.AssetCheckKey(dg.AssetKey(table.key), name)
            history = instance.event_log_storage.get_asset_check_execution_history(key, limit=1000)
            assert {entry.status for entry in history} <= DONE, key
            assert set(HOURS) <= {entry.partition for entry in history}, key
            shown = instance.event_log_storage.get_asset_check_partition_info([key])
            current = {info.partition_key for info in shown if info.is_current}
            assert set(HOURS) <= current, key  # else the UI calls them missing


def test_daily_marts_follow_by_day_and_marts_over_all_time_as_a_whole(
    home: Home, instance: dg.DagsterInstance
) -> None:
    for table in (*DAILY, *SNAPSHOTS):
        records = instance.fetch_materializations(dg.AssetKey(table.key), limit=100).records
        days = {record.partition_key for record in records}
        assert days == ({HOURS[0][:10]} if table in DAILY else {None}), table.path
        check = dg.AssetCheckKey(dg.AssetKey(table.key), "contract")
        history = instance.event_log_storage.get_asset_check_execution_history(check, limit=100)
        assert {entry.status for entry in history} == {DONE_WELL}, table.path


def test_the_oracle_finds_nothing(home: Home) -> None:
    assert call(home.settings.home, "verify", "--json")["ok"]


def test_a_second_run_writes_nothing(home: Home) -> None:
    before = home.versions()
    assert call(home.settings.home, "run", "--json")["runs"] == []
    assert home.versions() == before


@pytest.mark.long
def test_force_heals_a_table_that_someone_else_touched(home: Home) -> None:
    before = {table.path: home.row_counts(table) for table in HOURLY}
    for table, column in ((SILVER_EVENTS, "event_hour"), (FACT_SESSIONS, "event_hour")):
        touched = DeltaTable(delta.location(home.settings.lake, table))
        touched.delete(f"{column} = '{HOURS[1]}'")
    assert call(home.settings.home, "run", "--json")["runs"] == []  # by the books nothing changed
    span = ("--from", HOURS[1], "--to", HOURS[1])
    call(home.settings.home, "run", *span, "--force", "--exact", "--json")
    assert {table.path: home.row_counts(table) for table in HOURLY} == before
    assert call(home.settings.home, "verify", "--json")["ok"]


@pytest.mark.long
def test_a_run_whose_engine_is_killed_ends_well_on_a_new_one(
    home: Home, instance: dg.DagsterInstance
) -> None:
    before = {table.path: home.row_counts(table) for table in HOURLY}
    known = {record.run_id for record in instance.get_runs()}
    begun = silver_builds(home)
    run = start(
        home.settings.home, "run", "--from", HOURS[0], "--to", HOURS[1], "--force", "--json"
    )
    lost = wait_until_silver_uses_the_engine(home, begun, run)
    os.kill(lost, signal.SIGKILL)
    output, errors = ended(run)

    assert run.returncode == 0, errors[-4000:]
    retried = [event for event in run_log(home) if "trying again" in event["event"]]
    assert ["signal 9" in event["event"] for event in retried] == [True]
    mine = [found for found in instance.get_runs() if found.run_id not in known]
    (failed,) = [found for found in mine if found.status is dg.DagsterRunStatus.FAILURE]
    said = step_failure(instance, failed.run_id)
    assert f"The Spark engine (pid {lost}" in said
    assert "signal 9" in said
    succeeded = {found.run_id for found in mine} - {failed.run_id}
    assert set(json.loads(output)["runs"]) == succeeded != set()
    assert {table.path: home.row_counts(table) for table in HOURLY} == before
    engine = Engine(home.settings).record()
    assert engine is not None
    assert engine.pid != lost
    assert call(home.settings.home, "verify", "--json")["ok"]


def run_log(home: Home) -> list[dict[str, Any]]:
    lines = (home.settings.logs / "runs.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def silver_builds(home: Home) -> int:
    """How often silver began, by the runs' log."""
    events = run_log(home)
    return sum((e["event"], e.get("layer")) == ("build begins", "silver") for e in events)


def wait_until_silver_uses_the_engine(home: Home, begun: int, run: subprocess.Popen[str]) -> int:
    """The engine's pid, once silver has begun again and a client is connected."""
    engine = Engine(home.settings)
    for _ in until(time.monotonic() + COMMAND_S):
        assert run.poll() is None, run.communicate()
        status = engine.status()
        if silver_builds(home) > begun and status.client_count and status.pid:
            return status.pid
    run.kill()
    raise AssertionError("silver did not begin")


def step_failure(instance: dg.DagsterInstance, run_id: str) -> str:
    return "\n".join(
        entry.dagster_event.step_failure_data.error.to_string()
        for entry in instance.all_logs(run_id)
        if entry.dagster_event is not None
        and entry.dagster_event.is_step_failure
        and entry.dagster_event.step_failure_data.error is not None
    )

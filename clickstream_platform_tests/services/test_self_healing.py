"""Runs are killed again and again; the sensors alone bring the result of an undisturbed home.

CLICKSTREAM_KILLS sets how many runs are killed (20), CLICKSTREAM_SEED which moments.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from clickstream_platform import run_tags
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.server import Engine
from clickstream_platform.generator.options import Options
from clickstream_platform.generator.run import generate_batch
from clickstream_platform.hours import parse_hour
from clickstream_platform.settings import use_dagster_home
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.manifest import Manifest
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import GOLD, SILVER
from clickstream_platform.tables.contract import SNAPSHOT_KEY, Table
from clickstream_platform_tests.homes import bring_up, rows
from clickstream_platform_tests.services.daemon import Watched

pytestmark = [pytest.mark.prove, pytest.mark.service, pytest.mark.timeout(4 * 3600)]
KILLS = int(os.environ.get("CLICKSTREAM_KILLS", "20"))
SEED = int(os.environ.get("CLICKSTREAM_SEED", "7"))
FIRST, HOURS, EVENTS = "2024-11-29T00", 24, 2_400
SETTLED_S = 3600.0
STARTED = [dg.DagsterRunStatus.STARTED]
# What a process does takes some seconds; a kill falls anywhere between its start and its end.
LONGEST_LIFE_S = 25.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    for name in ("DAGSTER_HOME", "CLICKSTREAM_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # put back what a home sets
    found = Watched(tmp_path / "watched")
    found.settings.logs.mkdir(parents=True)
    try:
        yield found
    finally:
        Engine(found.settings).stop()


@pytest.fixture
def day(tmp_path: Path) -> list[Path]:
    """The files of a day, to be dropped."""
    start_ms = int(parse_hour(FIRST).timestamp() * 1000)
    generate_batch(Options(tmp_path / "day", start_ms, hours=HOURS, events=EVENTS), lambda _: None)
    return sorted(path for path in (tmp_path / "day").rglob("*") if path.is_file())


def drop(home: Watched, file: Path) -> None:
    home.drop(file.parent.name, file.name, file.read_bytes())


def is_settled(home: Watched, files: int) -> bool:
    """Every file is in bronze, nothing is stale, no run is unfinished."""
    counts = Manifest(home.settings.state).counts()
    if counts.get("committed", 0) + counts.get("unchanged", 0) < files or home.is_stale():
        return False
    unfinished = home.call("status", "--json")["dagster"]["unfinished_runs"]
    return not unfinished and {table.path for table in GOLD} <= {*home.gold_hours()}


def content(lake: Path, table: Table) -> list[str]:
    columns = [name for name in table.content_columns if name != "run_id"]
    return sorted(map(repr, delta.read_arrow(lake, table, columns=columns).to_pylist()))


def assert_equal_to_undisturbed(
    home: Watched, day: list[Path], make: Callable[..., Workspace], folder: Path
) -> None:
    workspace = make(folder)
    shutil.copytree(home.settings.landing, workspace.settings.landing)
    bring_up(workspace)
    for table in (*SILVER, *GOLD):
        assert content(home.settings.lake, table) == content(workspace.lake, table), table.path
    addresses = [
        sorted((row["source_file"], row["source_offset"]) for row in found)
        for found in (
            rows(workspace, BRONZE_EVENTS, "source_file", "source_offset"),
            delta.read_arrow(home.settings.lake, BRONZE_EVENTS).to_pylist(),
        )
    ]
    assert addresses[0] == addresses[1]
    assert len({file for file, _ in addresses[1]}) == len(day)
    assert home.call("verify", "--json")["ok"]


def assert_dagster_knows_every_commit(home: Watched, instance: dg.DagsterInstance) -> None:
    for (path, hour), state in hour_state.current(home.settings.lake).items():
        if path == BRONZE_EVENTS.path:
            continue  # its states are by home hour, its events by ingest hour
        key = dg.AssetKey(path.split("/"))
        partitions = None if hour == SNAPSHOT_KEY else [hour]
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(key, asset_partitions=partitions), limit=50
        ).records
        told = [r.asset_materialization.metadata for r in records if r.asset_materialization]
        # A run that found nothing to rebuild names no version.
        known = {metadata["table_version"].value for metadata in told
                 if "table_version" in metadata}  # fmt: skip
        assert state.version in known, (path, hour)


def test_a_day_of_hourly_files_reaches_gold_by_the_sensors_alone(
    home: Watched, day: list[Path], new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    with home.running():
        for file in day:
            drop(home, file)
        taken = home.until(lambda: is_settled(home, len(day)), within_s=SETTLED_S, what="a day")
    print(f"\n{len(day)} files in gold after {taken:.0f} s")
    assert_equal_to_undisturbed(home, day, new_workspace, tmp_path / "undisturbed")


def test_killed_runs_are_made_up_for_by_the_sensors_alone(
    home: Watched, day: list[Path], new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    waiting = list(day)
    killed: list[str] = []
    spared: set[str] = set()
    print(f"\nseed {SEED}, {KILLS} kills")
    with (
        dg.DagsterInstance.from_config(str(use_dagster_home(home.settings))) as instance,
        home.running(),
    ):
        while len(killed) < KILLS:
            share = max(len(waiting) // (KILLS - len(killed)), 1)
            for file in waiting[:share]:
                drop(home, file)
            del waiting[:share]
            at_work = _a_run_at_work(
                home, instance, {*killed, *spared}, done=None if waiting else len(day)
            )
            if at_work is None:
                break
            run_id, pid = at_work
            life = chance.uniform(0, LONGEST_LIFE_S)
            time.sleep(life)
            if not psutil.pid_exists(pid):
                continue  # it ended before; the next one then
            os.kill(pid, signal.SIGKILL)
            job = instance.get_run_by_id(run_id)
            if job and job.is_finished:
                spared.add(run_id)  # only its process was still there
                continue
            killed.append(run_id)
            print(f"  killed {len(killed)}: {job.job_name if job else run_id} after {life:.1f} s")
        assert len(killed) > KILLS // 2
        for file in waiting:
            drop(home, file)
        taken = home.until(lambda: is_settled(home, len(day)), within_s=SETTLED_S, what="healing")
        print(f"  settled {taken:.0f} s after the last kill")
        statuses = {instance.get_run_by_id(run_id).status for run_id in killed}
        assert statuses == {dg.DagsterRunStatus.FAILURE}
        assert_dagster_knows_every_commit(home, instance)
    assert_equal_to_undisturbed(home, day, new_workspace, tmp_path / "undisturbed")


def _a_run_at_work(
    home: Watched, instance: dg.DagsterInstance, not_these: set[str], *, done: int | None
) -> tuple[str, int] | None:
    """A started run that has named its process; null if all of `done` files are settled."""
    found: list[tuple[str, int]] = []

    def is_there() -> bool:
        for record in instance.get_run_records(dg.RunsFilter(statuses=STARTED)):
            run = record.dagster_run
            process = run.tags.get(run_tags.PROCESS, "")
            if process.startswith(f"{run.run_id}|") and run.run_id not in not_these:
                found.append((run.run_id, int(process.split("|")[2])))
        return bool(found) or (done is not None and is_settled(home, done))

    home.until(is_there, within_s=600, what="a run at work")
    return found[0] if found else None

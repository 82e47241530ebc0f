"""What a vacuum frees, what it keeps for time travel, and for whom it waits."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.errors import UsageError
from clickstream_platform.maintenance.readers import lagging
from clickstream_platform.maintenance.upkeep import TableDone, maintain, plan
from clickstream_platform.settings import read_settings
from clickstream_platform.storage import delta, leases, upkeep
from clickstream_platform.storage.landing import LandingFile
from clickstream_platform.storage.owners import this_process
from clickstream_platform.streaming.state import Heartbeat, StreamFolder
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.ops import CONSERVATION_LEDGER
from clickstream_platform_tests.maintenance.homes import (
    HOURS,
    append_lines,
    days_ago,
    home,
    lines_of,
)

LEDGER = (CONSERVATION_LEDGER,)
DEAD = "run|999999|1.000"


def data_files_on_disk(workspace: Workspace) -> int:
    return len(list(Path(delta.location(workspace.lake, CONSERVATION_LEDGER)).rglob("*.parquet")))


def aged(workspace: Workspace, *, days: float) -> None:
    """Lets the log and its files be so old as if all had happened that long ago."""
    log = Path(delta.location(workspace.lake, CONSERVATION_LEDGER)) / "_delta_log"
    shift_ms = int(timedelta(days=days).total_seconds() * 1000)
    for path in sorted(log.glob("*.json")):
        actions = [json.loads(line) for line in path.read_text().splitlines()]
        for action in actions:
            for kind, key in (("commitInfo", "timestamp"), ("remove", "deletionTimestamp")):
                if kind in action:
                    action[kind][key] -= shift_ms
        path.write_text("\n".join(map(json.dumps, actions)))


def upkeep_of(workspace: Workspace) -> TableDone:
    [done] = maintain(workspace, run_id="m", now=datetime.now(UTC), tables=LEDGER)
    return done


@pytest.fixture
def compacted(tmp_path: Path) -> Workspace:
    """Six appends, compacted 8 days ago: their files are needed by old versions only."""
    workspace = home(tmp_path)
    for number in range(6):
        append_lines(workspace, HOURS[0], number)
    assert upkeep_of(workspace).compacted == HOURS[:1]
    aged(workspace, days=8)
    return workspace


def test_files_that_only_old_versions_need_are_freed_after_the_retention(
    compacted: Workspace,
) -> None:
    [planned] = plan(compacted, LEDGER, now=datetime.now(UTC))
    assert planned.removable_files == 6
    assert data_files_on_disk(compacted) == 7
    rows = lines_of(compacted)
    done = upkeep_of(compacted)
    assert done.freed_files == 6
    assert done.freed_size == planned.removable_size > 0
    assert data_files_on_disk(compacted) == 1
    assert lines_of(compacted) == rows
    assert upkeep_of(compacted).freed_files == 0


def test_versions_within_the_retention_stay_readable(tmp_path: Path) -> None:
    workspace = home(tmp_path)
    for number in range(3):
        append_lines(workspace, HOURS[0], number)
    aged(workspace, days=8)
    version = append_lines(workspace, HOURS[0], 3)
    for number in range(4, 8):
        append_lines(workspace, HOURS[0], number)
    assert upkeep_of(workspace).compacted == HOURS[:1]
    done = upkeep_of(workspace)
    assert done.freed_files == 0  # the old files were in force until the compaction just now
    assert lines_of(workspace, version=version) == [(HOURS[0], number) for number in range(4)]
    assert lines_of(workspace, version=version - 1) == [(HOURS[0], number) for number in range(3)]


def test_a_file_that_no_commit_names_yet_is_left_alone(compacted: Workspace) -> None:
    folder = Path(delta.location(compacted.lake, CONSERVATION_LEDGER)) / f"home_hour={HOURS[0]}"
    (folder / "being-written.parquet").write_bytes(b"half")
    assert upkeep_of(compacted).freed_files == 6
    assert (folder / "being-written.parquet").exists()


@contextmanager
def lease_since(workspace: Workspace, since: datetime) -> Iterator[None]:
    state = workspace.settings.state
    with leases.held(state, "silver", [HOURS[4]], owner=this_process("build")):
        with closing(sqlite3.connect(state / "leases.sqlite")) as connection, connection:
            connection.execute("UPDATE leases SET since = ?", (since.timestamp(),))
        yield


def test_a_build_that_began_before_the_retention_forbids_the_vacuum(compacted: Workspace) -> None:
    since = days_ago(7.5)
    with lease_since(compacted, since):
        done = upkeep_of(compacted)
    [reader] = done.plan.lagging
    assert reader.since == since
    assert reader.who.startswith("build (process ")
    assert f"since {since:%Y-%m-%d %H:%M} UTC" in str(reader)
    assert f"1 hours of silver, such as {HOURS[4]}" in str(reader)
    assert done.freed_files == 0
    assert data_files_on_disk(compacted) == 7
    with lease_since(compacted, days_ago(6.5)):
        assert upkeep_of(compacted).freed_files == 6


def test_a_run_in_progress_since_before_the_retention_forbids_it_too(
    compacted: Workspace,
) -> None:
    folder = compacted.settings.dagster_home
    folder.mkdir(parents=True)
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        run = instance.run_storage.add_run(
            dg.DagsterRun(job_name="repair", run_id="r-1", status=dg.DagsterRunStatus.STARTED)
        )
        [database] = folder.rglob("runs.db")
        for since, freed in ((days_ago(7.5), 0), (days_ago(1), 6)):
            with closing(sqlite3.connect(database)) as connection, connection:
                connection.execute("UPDATE runs SET start_time = ?", (since.timestamp(),))
            done = upkeep_of(compacted)
            assert done.freed_files == freed
            assert [reader.who for reader in done.plan.lagging] == (
                [] if freed else [f"run {run.run_id} (repair)"]
            )


def beat(workspace: Workspace, **fields: object) -> None:
    now = datetime.now(UTC).isoformat()
    heartbeat = Heartbeat("clicks", "running", "run", this_process("run"), now, now)
    StreamFolder(workspace.settings, "clicks").beat(replace(heartbeat, **fields))  # type: ignore[arg-type]


@pytest.fixture
def bronze(tmp_path: Path) -> Workspace:
    """A bronze of delta-rs with versions 0 to 2; the second append was 8 days ago."""
    workspace = home(tmp_path)
    table = replace(BRONZE_EVENTS, writer="deltalake")
    delta.init_table(workspace.lake, table, None)
    log = Path(delta.location(workspace.lake, table)) / "_delta_log"
    for version, days in ((1, 9), (2, 8)):
        at = int(days_ago(days).timestamp() * 1000)
        action = {"commitInfo": {"timestamp": at, "operation": "WRITE"}}
        (log / f"{version:020d}.json").write_text(json.dumps(action))
    return workspace


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({"bronze_version": 2}, None),  # it has read everything
        ({"bronze_version": 1}, 8),  # version 2 waits since 8 days
        ({"bronze_version": 0}, 9),
        ({"bronze_version": None}, None),  # its lines come from landing files
        ({"bronze_version": 1, "owner": DEAD}, None),  # the next start reads bronze as it is
        ({"bronze_version": 1, "phase": "stopped"}, None),
        ({"phase": "starting", "started_at": "2024-11-29T10:00:00+00:00"}, 30),
    ],
)
def test_a_stream_keeps_the_versions_that_it_has_not_read(
    bronze: Workspace, fields: dict[str, object], days: int | None
) -> None:
    beat(bronze, **fields)
    found = lagging(bronze.settings, BRONZE_EVENTS, now=datetime.now(UTC))
    assert [reader.who for reader in found] == ([] if days is None else ["stream clicks"])
    assert all(reader.since <= days_ago(days or 0) for reader in found)
    assert lagging(bronze.settings, CONSERVATION_LEDGER, now=datetime.now(UTC)) == []


def test_a_retention_below_a_week_must_be_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"vacuum_hours 24 is below 168.*allow_short_vacuum"):
        read_settings(home=tmp_path, maintenance={"vacuum_hours": 24})
    meant = {"vacuum_hours": 24, "allow_short_vacuum": True}
    assert read_settings(home=tmp_path, maintenance=meant).maintenance.vacuum_hours == 24


def test_with_a_short_retention_work_in_progress_forbids_the_vacuum(tmp_path: Path) -> None:
    workspace = home(tmp_path, vacuum_hours=0, allow_short_vacuum=True)
    for number in range(6):
        append_lines(workspace, HOURS[0], number)
    beat(workspace)
    file = LandingFile("shop/2024-11-29T10/a.json", "shop", HOURS[0], 1, 1)
    workspace.manifest.register([file], running_hour=HOURS[0])
    workspace.manifest.claim([HOURS[0]], owner=this_process("run"))
    assert {reader.who for reader in upkeep_of(workspace).plan.lagging} == {
        "stream clicks",
        "an ingestion",
    }
    assert data_files_on_disk(workspace) == 7
    beat(workspace, phase="stopped")
    workspace.manifest.release(this_process("run"))
    assert upkeep_of(workspace).freed_files == 6


def test_a_long_log_gets_a_checkpoint_and_stays_readable(tmp_path: Path) -> None:
    workspace = home(tmp_path, checkpoint_commits=8)
    for number in range(6):
        append_lines(workspace, HOURS[number % 4], number)
    assert not upkeep_of(workspace).is_checkpointed  # the table's creation is a commit, too
    append_lines(workspace, HOURS[2], 6)
    before = lines_of(workspace)
    folder = Path(delta.location(workspace.lake, CONSERVATION_LEDGER)) / "_delta_log"
    names = (".00000000000000000000.json.crc", "00000000000000000000.crc")
    checksums = [folder / name for name in names]
    for checksum in checksums:
        checksum.touch()  # as engines of before left them
    assert upkeep_of(workspace).is_checkpointed
    assert not any(checksum.exists() for checksum in checksums)
    log = upkeep.log_facts(workspace.lake, CONSERVATION_LEDGER)
    assert (log.checkpoints, log.commits_since_checkpoint) == (1, 0)
    assert lines_of(workspace) == before
    assert lines_of(workspace, version=3) == [(HOURS[n], n) for n in range(3)]


def test_readers_are_not_disturbed(compacted: Workspace) -> None:
    stop, errors, seen = threading.Event(), list[Exception](), set[tuple[int, int]]()

    def read() -> None:
        while not stop.is_set():
            try:
                rows = lines_of(compacted)
                seen.add((len(rows), sum(lines for _, lines in rows)))
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(3):
        upkeep_of(compacted)
    stop.set()
    thread.join()
    assert errors == []
    assert seen == {(6, 15)}

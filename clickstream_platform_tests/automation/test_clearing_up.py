"""Dead processes: their runs fail, their files and hours are free, their commits are told."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psutil
import pytest
from filelock import FileLock

from clickstream_platform import run_tags
from clickstream_platform.automation import bookkeeping
from clickstream_platform.automation.bookkeeping import Progress, report_missing
from clickstream_platform.automation.reaper import reap
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.resources.home import Home
from clickstream_platform.storage import leases
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.storage.landing import LandingFile
from clickstream_platform.storage.manifest import Ingested
from clickstream_platform.storage.owners import this_process
from clickstream_platform_tests.automation.runs import finish, put_run, span_request

TEN, ELEVEN = "2024-11-29T10", "2024-11-29T11"
STARTED = dg.DagsterRunStatus.STARTED
METRICS = dg.AssetKey(["gold", "hourly_metrics"])
BRONZE = dg.AssetKey(["bronze", "events"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Home(path=str(tmp_path)).workspace


def started(instance: dg.DagsterInstance, process: str | None, *, of_itself: bool = True) -> str:
    """A started run that names `pid|start` as its process; returns its id."""
    run = put_run(instance, span_request(TEN, TEN), "repair", STARTED)
    if process is not None:
        run_id = run.run_id if of_itself else "the-run-it-repeats"
        tag = f"{run_id}|{socket.gethostname()}|{process}"
        instance.add_run_tags(run.run_id, {run_tags.PROCESS: tag})
    return run.run_id


def dead_process() -> str:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = f"{child.pid}|{psutil.Process(child.pid).create_time():.3f}"
    child.communicate(b"\n")
    return name


def living_process() -> str:
    return this_process("x").split("|", 1)[1]


def test_only_runs_whose_own_process_is_gone_are_failed(
    instance: dg.DagsterInstance, workspace: Workspace
) -> None:
    gone = dead_process()
    dead = started(instance, gone)
    alive = [
        started(instance, living_process()),
        started(instance, None),
        started(instance, gone, of_itself=False),
    ]
    said = reap(instance, workspace)
    assert [words for words in said if dead in words] == said
    assert instance.get_run_by_id(dead).status is dg.DagsterRunStatus.FAILURE
    assert {instance.get_run_by_id(run).status for run in alive} == {STARTED}


def test_of_two_that_reap_at_once_the_second_leaves_it_to_the_first(
    instance: dg.DagsterInstance, workspace: Workspace
) -> None:
    dead = started(instance, dead_process())
    workspace.settings.state.mkdir(parents=True, exist_ok=True)
    with FileLock(workspace.settings.state / "reaper.lock"):
        assert reap(instance, workspace) == []
        assert instance.get_run_by_id(dead).status is STARTED
    assert len(reap(instance, workspace)) == 1
    assert instance.get_run_by_id(dead).status is dg.DagsterRunStatus.FAILURE


def test_a_killed_process_counts_as_gone_before_its_parent_took_notice(
    instance: dg.DagsterInstance, workspace: Workspace
) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = f"{child.pid}|{psutil.Process(child.pid).create_time():.3f}"
    run_id = started(instance, name)
    child.kill()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    reap(instance, workspace)
    assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.FAILURE
    child.communicate()


def test_claims_and_leases_of_dead_processes_are_released(
    instance: dg.DagsterInstance, workspace: Workspace
) -> None:
    file = LandingFile(f"shop_json/{TEN}/a.json", "shop_json", TEN, 1, 1)
    workspace.manifest.register([file], running_hour=TEN)
    state = workspace.settings.state
    owner = f"run|{dead_process()}"
    workspace.manifest.claim([TEN], owner=owner)
    dead = leases.held(state, "gold", [TEN], owner=owner)
    living = leases.held(state, "gold", [ELEVEN], owner=this_process("living"))
    following = this_process("next")
    with dead, living:
        assert reap(instance, workspace) == ["the leases of 1 dead processes are released"]
        with leases.held(state, "gold", [TEN], owner=following, wait_s=0):
            pass
        busy = leases.held(state, "gold", [ELEVEN], owner=following, wait_s=0)
        with pytest.raises(leases.HoursBusyError), busy:
            pass
    assert workspace.manifest.counts() == {"seen": 1}


def state(run_id: str, *, version: int = 7, minute: int = 0) -> HourStateRow:
    return HourStateRow(
        table="gold/hourly_metrics",
        hour=TEN,
        version=version,
        input_version=3,
        row_count=1,
        code_version="c",
        run_id=run_id,
        reach_from=TEN,
        reach_to=TEN,
        recorded_at=datetime(2024, 11, 30, 12, minute, tzinfo=UTC),
    )


def events(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[tuple[str | None, object]]:
    records = instance.fetch_materializations(key, limit=10).records
    found = [record.asset_materialization for record in records]
    return [(e.partition, e.metadata["table_version"].value) for e in found if e]


def missing(
    instance: dg.DagsterInstance,
    *rows: HourStateRow,
    ingested: dict[str, Ingested] | None = None,
    progress: Progress | None = None,
    is_ingesting: bool = False,
) -> tuple[list[str], Progress]:
    told = report_missing(
        instance,
        {(row.table, row.hour): row for row in rows},
        ingested or {},
        progress or Progress(),
        is_ingesting=is_ingesting,
    )
    assert told.is_complete
    return list(told.reported), told.progress


def test_the_commit_of_a_run_that_died_is_reported_once(instance: dg.DagsterInstance) -> None:
    run = put_run(instance, span_request(TEN, TEN), "repair", STARTED)
    assert missing(instance, state(run.run_id))[0] == []  # it may still report by itself
    finish(instance, run, success=False)
    reported, progress = missing(instance, state(run.run_id))
    assert reported == [f"gold/hourly_metrics {TEN}"]
    assert events(instance, METRICS) == [(TEN, 7)]
    assert progress.recorded == "2024-11-30T12:00:00+00:00"
    assert missing(instance, state(run.run_id), progress=progress)[0] == []
    assert missing(instance, state(run.run_id))[0] == []
    later = state(run.run_id, version=8, minute=5)
    assert missing(instance, later, progress=progress)[0] == reported
    assert events(instance, METRICS) == [(TEN, 8), (TEN, 7)]


def test_what_there_was_no_time_to_report_is_reported_by_the_next_tick(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = {("gold/hourly_metrics", TEN): state("nobody")}
    with monkeypatch.context() as patched:
        patched.setattr(bookkeeping, "_BUDGET_S", -1.0)
        told = report_missing(instance, states, {}, Progress(), is_ingesting=False)
    assert told == bookkeeping.Told((), Progress(), is_complete=False)
    assert missing(instance, state("nobody"))[0] == [f"gold/hourly_metrics {TEN}"]


def test_an_unfinished_run_holds_the_progress_back(instance: dg.DagsterInstance) -> None:
    run = put_run(instance, span_request(TEN, TEN), "repair", STARTED)
    _, progress = missing(instance, state(run.run_id, minute=1))
    assert progress.recorded == "2024-11-30T12:01:00+00:00"
    newer = HourStateRow(**{**vars(state("nobody", minute=59)), "hour": ELEVEN})
    _, progress = missing(instance, state(run.run_id, minute=1), newer)
    assert progress.recorded == "2024-11-30T12:01:00+00:00"


def test_ingested_hours_without_event_are_reported_when_nothing_ingests(
    instance: dg.DagsterInstance,
) -> None:
    ingested = {TEN: Ingested(bronze_version=4, files=2, lines=20)}
    reported, progress = missing(instance, ingested=ingested, is_ingesting=True)
    assert (reported, progress.bronze_version) == ([], -1)
    reported, progress = missing(instance, ingested=ingested)
    assert (reported, progress.bronze_version) == ([f"bronze/events {TEN}"], 4)
    assert events(instance, BRONZE) == [(TEN, 4)]
    assert missing(instance, ingested=ingested)[0] == []

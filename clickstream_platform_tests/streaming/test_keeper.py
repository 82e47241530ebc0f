"""What the keeper decides, case by case, and that its request restarts a dead stream."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil
import pytest

from clickstream_platform import run_tags
from clickstream_platform.setting_groups import StreamSettings
from clickstream_platform.settings import read_settings
from clickstream_platform.storage.owners import this_process
from clickstream_platform.streaming.keeper import decide, look_after
from clickstream_platform.streaming.state import Heartbeat, StreamFolder, after_failure, begun

NOW = datetime(2024, 11, 29, 10, tzinfo=UTC)
GONE = "run|1|0.000"
OPTIONS = StreamSettings(stale_after_s=60, stall_after_s=900, max_restarts=3)


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat()


def beat(**fields: object) -> Heartbeat:
    alive = {"owner": this_process("run"), "phase": "running", "beat_at": ago(1)}
    given = {"source": "clicks", "run_id": "run", "started_at": ago(3600), **alive, **fields}
    return Heartbeat(**given)  # type: ignore[arg-type]


def dead(**fields: object) -> Heartbeat:
    """Of a process that died while lines waited, where others may have died before."""
    stood = {"lag": 5, "reached": "offset 7", "position": "offset 7"}
    return beat(**{"owner": GONE, **stood, **fields})


@pytest.mark.parametrize(
    ("found", "action"),
    [
        (beat(), "leave"),
        (beat(phase="stopped", owner=GONE), "leave"),
        (beat(phase="given_up", owner=GONE), "leave"),
        (beat(owner=GONE), "start"),
        (beat(phase="starting", owner=GONE), "start"),
        (beat(beat_at=ago(60)), "leave"),
        (beat(beat_at=ago(61)), "end"),
        (beat(phase="starting", beat_at=ago(900)), "leave"),
        (beat(phase="starting", beat_at=ago(901)), "end"),
        (beat(lag=5, waiting_since=ago(900)), "leave"),
        (beat(lag=5, waiting_since=ago(901)), "end"),
        (beat(lag=0, committed_at=ago(5000)), "leave"),
        (beat(lag=1, committed_at=ago(5000), waiting_since=ago(1)), "leave"),  # after quiet hours
        (beat(phase="failed", failures=1, beat_at=ago(4)), "wait"),
        (beat(phase="failed", failures=1, beat_at=ago(5)), "start"),
        (beat(phase="failed", failures=2, beat_at=ago(9)), "wait"),
        (beat(phase="failed", failures=2, beat_at=ago(10)), "start"),
        (beat(phase="failed", failures=3, beat_at=ago(9000)), "give_up"),
        (beat(phase="failed", outages=99, is_environment=True, beat_at=ago(119)), "wait"),
        (beat(phase="failed", outages=99, is_environment=True, beat_at=ago(120)), "start"),
        (beat(phase="failed", outages=1, is_environment=True, failures=3, beat_at=ago(5)), "start"),
        (beat(lag=5, waiting_since=ago(5000), started_at=ago(900)), "leave"),  # since lives before
        (dead(failures=0), "start"),
        (dead(failures=1, beat_at=ago(9)), "wait"),
        (dead(failures=1, beat_at=ago(10)), "start"),
        (dead(failures=2), "give_up"),
        (dead(failures=2, reached="offset 8"), "start"),  # it had got further
        (dead(failures=2, lag=0), "start"),  # there was nothing to die of
        (dead(failures=2, outages=1, lag=0), "wait"),
        (dead(failures=2, outages=99, lag=0, beat_at=ago(120)), "start"),
        (dead(phase="starting", failures=2, reached=None), "start"),
    ],
)
def test_the_decision_follows_heartbeat_and_failures(found: Heartbeat, action: str) -> None:
    assert decide(found, OPTIONS, now=NOW).action == action


def test_outages_neither_use_up_nor_reset_what_may_fail_at_one_place() -> None:
    found = beat()
    for number in (1, 2):
        found = after_failure(found, "offset 7", is_outage=False)
        found = after_failure(found, None, is_outage=True)
        found = after_failure(found, "offset 9", is_outage=True)
        assert (found.failures, found.outages, found.position) == (number, 2, "offset 7")
        assert decide(found, OPTIONS, now=NOW).action != "give_up"
        found = begun(found, source="clicks", run_id="next", owner=GONE, config={})
        assert (found.phase, found.outages, found.is_environment) == ("starting", 2, True)
        found = replace(found, outages=0, is_environment=False)  # it runs
    third = replace(after_failure(found, "offset 7", is_outage=False), phase="failed")
    assert decide(third, OPTIONS, now=NOW).action == "give_up"
    further = replace(after_failure(found, "offset 8", is_outage=False), phase="failed")
    assert further.failures == 1
    assert decide(further, OPTIONS, now=NOW).action != "give_up"


def tick(home: Path, instance: dg.DagsterInstance, *, in_s: float = 0) -> list[dg.RunRequest]:
    current = read_settings(home=home, stream={"keep": ["wanted"], "max_restarts": 2})
    return look_after(instance, current, now=datetime.now(UTC) + timedelta(seconds=in_s))[0]


def test_a_dead_stream_is_asked_for_again_as_it_was_and_a_wanted_one_begun(tmp_path: Path) -> None:
    folder = StreamFolder(read_settings(home=tmp_path), "clicks")
    folder.beat(beat(owner=GONE, config={"source": "clicks", "servers": "localhost:1"}))
    with dg.DagsterInstance.ephemeral() as instance:
        wanted, again = tick(tmp_path, instance)
    assert wanted.run_config["ops"]["stream_source"]["config"] == {"source": "wanted"}
    assert again.run_config["ops"]["stream_source"]["config"] == {
        "source": "clicks",
        "servers": "localhost:1",
    }
    assert again.run_key != wanted.run_key


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize(
    ("status", "in_s", "is_repeated"),
    [
        (dg.DagsterRunStatus.FAILURE, 100, False),
        (dg.DagsterRunStatus.FAILURE, 121, True),
        (dg.DagsterRunStatus.CANCELED, 121, False),  # by a person
        (dg.DagsterRunStatus.STARTED, 121, False),  # on its way to the first heartbeat
        (dg.DagsterRunStatus.NOT_STARTED, 121, False),
    ],
)
def test_a_start_that_died_without_a_heartbeat_is_repeated_after_a_while(
    tmp_path: Path, status: dg.DagsterRunStatus, in_s: float, is_repeated: bool, is_known: bool
) -> None:
    if is_known:  # the life before
        folder = StreamFolder(read_settings(home=tmp_path), "wanted")
        folder.beat(beat(source="wanted", owner=GONE))
    with dg.DagsterInstance.ephemeral() as instance:
        (first,) = tick(tmp_path, instance)
        has_failed = status is dg.DagsterRunStatus.FAILURE
        run = dg.DagsterRun(
            "stream",
            run_id="unheard",
            status=dg.DagsterRunStatus.STARTED if has_failed else status,
            tags=first.tags,
        )
        instance.add_run(run)
        if has_failed:
            instance.report_run_failed(run)
        requests = tick(tmp_path, instance, in_s=in_s)
    assert len(requests) == is_repeated
    assert first.run_key not in [request.run_key for request in requests]


def test_giving_up_is_said_once_and_lasts(tmp_path: Path) -> None:
    folder = StreamFolder(read_settings(home=tmp_path), "wanted")
    folder.beat(beat(source="wanted", phase="failed", failures=2, error="bad", owner=GONE))
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(tmp_path, instance) == []
        assert tick(tmp_path, instance) == []
    found = folder.heartbeat()
    assert found is not None
    assert found.phase == "given_up"


def test_a_process_that_dies_again_and_again_at_the_same_lines_is_given_up_aloud(
    tmp_path: Path,
) -> None:
    folder = StreamFolder(read_settings(home=tmp_path), "wanted")
    folder.beat(dead(source="wanted", failures=1))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(dg.DagsterRun("stream", run_id="run", status=dg.DagsterRunStatus.STARTED))
        assert tick(tmp_path, instance) == []
        assert instance.get_run_by_id("run").status is dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
    found = folder.heartbeat()
    assert found is not None
    assert (found.phase, found.failures) == ("given_up", 2)
    assert "died" in (found.error or "")


def test_a_stream_that_hung_while_lines_waited_has_failed_at_them(tmp_path: Path) -> None:
    folder = StreamFolder(read_settings(home=tmp_path), "wanted")
    folder.beat(dead(source="wanted", phase="stopped", failures=1))
    with dg.DagsterInstance.ephemeral() as instance:
        canceled, tags = dg.DagsterRunStatus.CANCELED, {run_tags.ENDED_BY: "stream_keeper"}
        instance.add_run(dg.DagsterRun("stream", run_id="run", status=canceled, tags=tags))
        assert tick(tmp_path, instance) == []
    found = folder.heartbeat()
    assert found is not None
    assert (found.phase, found.failures) == ("given_up", 2)


@pytest.mark.parametrize(
    ("status", "by", "is_started"),
    [
        (dg.DagsterRunStatus.CANCELED, "stream_keeper", False),  # Terminate in the UI
        (dg.DagsterRunStatus.CANCELED, "ended", True),  # the keeper ended it, because it hung
        (dg.DagsterRunStatus.FAILURE, "cli", False),  # Ctrl-C
        (dg.DagsterRunStatus.FAILURE, "stream_keeper", True),  # its server was ended
        (dg.DagsterRunStatus.SUCCESS, "stream_keeper", False),  # it was to end after some seconds
    ],
)
def test_a_stream_that_ended_with_its_server_goes_on_and_one_that_was_stopped_does_not(
    tmp_path: Path, status: dg.DagsterRunStatus, by: str, is_started: bool
) -> None:
    StreamFolder(read_settings(home=tmp_path), "wanted").beat(
        beat(source="wanted", phase="stopped", owner=GONE)
    )
    with dg.DagsterInstance.ephemeral() as instance:
        tags = {run_tags.ENDED_BY if by == "ended" else run_tags.BY: by}
        run = dg.DagsterRun(job_name="stream", run_id="run", status=status, tags=tags)
        instance.add_run(run)
        assert len(tick(tmp_path, instance)) == is_started


@pytest.mark.parametrize("by", ["a person", "keeper"])
def test_a_process_that_outlives_its_ended_run_is_killed(tmp_path: Path, by: str) -> None:
    hung = psutil.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)  # ends with us
    silent = beat(source="wanted", owner=f"run|{hung.pid}|{hung.create_time():.3f}")
    folder = StreamFolder(read_settings(home=tmp_path), "wanted")
    folder.path.mkdir(parents=True)
    (folder.path / "heartbeat.json").write_text(json.dumps(asdict(silent)))  # years old
    with dg.DagsterInstance.ephemeral() as instance:
        canceled = dg.DagsterRunStatus.CANCELED
        tags = {run_tags.ENDED_BY: "stream_keeper"} if by == "keeper" else {}
        instance.add_run(dg.DagsterRun("stream", run_id="run", status=canceled, tags=tags))
        assert tick(tmp_path, instance) == []
        assert hung.wait(30) == -signal.SIGKILL
        assert len(tick(tmp_path, instance)) == (by == "keeper")

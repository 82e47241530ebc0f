"""What a failing life of a stream leaves behind: its reports, and whose fault it says it was."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from clickstream_platform.build.report import HourReport
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import connect
from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.storage import hour_state, leases
from clickstream_platform.storage.owners import this_process
from clickstream_platform.streaming import loop
from clickstream_platform.streaming.failing import ENGINES_IN_A_ROW, may_begin_anew
from clickstream_platform.streaming.file_feed import FileFeed
from clickstream_platform.streaming.full_disk import is_full
from clickstream_platform.streaming.loop import run_stream
from clickstream_platform.streaming.outage import first_line, is_lost
from clickstream_platform.streaming.plan import plan_stream
from clickstream_platform.streaming.refresh import Refresher
from clickstream_platform.streaming.state import Heartbeat, StreamFolder, begun
from clickstream_platform.tables.marts import HOURLY_METRICS
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.build.test_silver_append import bring
from clickstream_platform_tests.homes import json_line, land

SOURCE, INGEST = "shop_json", "2024-11-29T12"
BUSY, FREE = "2024-11-28T10", "2024-11-29T10"
GUARD_S = 240.0


def click(hour: str, number: int) -> bytes:
    return json_line(
        event_id=f"{hour} {number}",
        user_id=f"u{number}",
        product_id="P1",
        event_type="product_view",
        price=9.5,
        timestamp=f"{hour}:{number % 60:02d}:00Z",
    )


def clicks(*hours: str) -> list[bytes]:
    return [click(hour, number) for hour in hours for number in range(20)]


def hours_of(workspace: Workspace, table: str) -> set[str]:
    states = hour_state.of_table(hour_state.current(workspace.lake), table)
    return {hour for hour, row in states.items() if row.row_count}


class Noting:
    """Keeps what the stream told."""

    def __init__(self) -> None:
        self.beats: list[Heartbeat] = []
        self.reports: list[HourReport] = []

    def on_beat(self, heartbeat: Heartbeat) -> None:
        self.beats.append(heartbeat)

    def on_built(self, reports: Sequence[HourReport]) -> None:
        self.reports += reports


class Losing:
    """The engine's session, until the engine is gone."""

    def __init__(self, workspace: Workspace, is_gone: Callable[[], bool]) -> None:
        self._session = workspace.session
        self._is_gone = is_gone

    def __call__(self) -> SparkSession:
        if self._is_gone():
            raise EnvironmentProblemError("The engine is gone.")
        return self._session()


def lost_session(settings: Settings) -> SparkSession:
    """One that the engine has forgotten, as after it died."""
    name = str(uuid.uuid4())
    session, twin = (connect(settings, session_id=name) for _ in range(2))
    assert session.range(1).count() == 1
    twin.stop()
    assert is_lost(session, PySparkException("of the test"))
    return session


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_engine_that_cannot_be_had_is_waited_for_however_often(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LONG_LIFE_S", float("inf"))
    land(workspace, SOURCE, INGEST, "a", b"\n".join(clicks(FREE)))
    away = Workspace(workspace.settings, Losing(workspace, lambda: True))
    for number in (1, 2, 3):
        with pytest.raises(EnvironmentProblemError):
            run_stream(away, plan_stream(away, SOURCE), run_id="away", observer=Noting())
        beat = StreamFolder(workspace.settings, SOURCE).heartbeat()
        assert beat is not None
        assert (beat.failures, beat.outages, beat.is_environment) == (0, number, True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_hours_built_before_the_engine_was_lost_in_the_same_round_are_told(
    new_workspace: Callable[..., Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LONG_LIFE_S", float("inf"))  # no second life in this process
    whole = new_workspace(tmp_path / "home", max_bytes_per_chunk=1_000)  # an hour a chunk
    bring(whole, "a", clicks(BUSY, FREE))
    workspace = Workspace(
        whole.settings, Losing(whole, lambda: bool(hours_of(whole, SILVER_EVENTS.path)))
    )
    observer = Noting()

    with pytest.raises(EnvironmentProblemError, match="is gone"):
        run_stream(workspace, plan_stream(workspace, SOURCE), run_id="cut", observer=observer)

    built = hours_of(whole, SILVER_EVENTS.path)
    assert len(built) == 1
    told = {(report.table, report.hour) for report in observer.reports}
    assert (SILVER_EVENTS.path, *built) in told


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_engine_that_dies_again_and_again_of_the_same_lines_is_given_up(
    workspace: Workspace, engine_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LONG_LIFE_S", float("inf"))
    land(workspace, SOURCE, INGEST, "a", b"\n".join(clicks(FREE)))
    folder = StreamFolder(workspace.settings, SOURCE)
    lost = lost_session(engine_settings)
    dying = Workspace(workspace.settings, lambda: lost)

    def life() -> Heartbeat:
        with pytest.raises(PySparkException):
            plan = plan_stream(dying, SOURCE)
            run_stream(dying, plan, run_id="dies", observer=Noting(), for_s=0.1)
        found = folder.heartbeat()
        assert found is not None
        return found

    first, second = life(), life()
    assert [(beat.phase, beat.failures, beat.outages) for beat in (first, second)] == [
        ("failed", 1, 1),
        ("failed", 2, 2),
    ]
    assert not second.is_environment  # so that the keeper gives up in the end
    assert second.waiting_since == first.waiting_since is not None

    done = run_stream(
        workspace, plan_stream(workspace, SOURCE), run_id="well", observer=Noting(), for_s=0.1
    )
    assert (done.lines, done.outages) == (20, 0)
    land(workspace, SOURCE, INGEST, "b", b"\n".join(clicks(BUSY)))
    elsewhere = life()
    assert (elsewhere.failures, elsewhere.outages) == (1, 1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_lines_that_end_the_engine_are_given_up_after_as_many_lives_of_one_process(
    workspace: Workspace, engine_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LONG_LIFE_S", 0.0)
    land(workspace, SOURCE, INGEST, "a", b"\n".join(clicks(FREE)))
    lost, observer = lost_session(engine_settings), Noting()
    dying = Workspace(workspace.settings, lambda: lost)
    plan = plan_stream(dying, SOURCE)
    plan = replace(plan, options=plan.options.model_copy(update={"max_restarts": 3}))
    with pytest.raises(PySparkException):
        run_stream(dying, plan, run_id="dies", observer=observer, for_s=0.1)
    ends = [(beat.phase, beat.failures, beat.outages) for beat in observer.beats if beat.error]
    assert list(dict.fromkeys(ends)) == [("starting", 1, 1), ("starting", 2, 2), ("failed", 3, 3)]


@pytest.mark.parametrize(
    ("failures", "outages", "is_followed"),
    [
        pytest.param(1, 0, True, id="a failure"),
        pytest.param(2, 0, False, id="the same again"),
        pytest.param(1, ENGINES_IN_A_ROW, True, id="engines lost here and there"),
        pytest.param(1, ENGINES_IN_A_ROW + 1, False, id="too many of them"),
        pytest.param(4, 4, True, id="engines lost at one place"),
        pytest.param(5, 5, False, id="too many of these"),
        pytest.param(0, 2, True, id="brokers away"),
    ],
)
def test_a_lost_engine_is_forgiven_more_often_than_a_failure(
    failures: int, outages: int, is_followed: bool
) -> None:
    ended = begun(None, source=SOURCE, run_id="one", owner="nobody")
    ended = replace(ended, failures=failures, outages=outages)
    assert may_begin_anew(ended, max_failures=5) is is_followed


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_hour_that_somebody_holds_keeps_no_other_waiting(workspace: Workspace) -> None:
    bring(workspace, "a", clicks(BUSY, FREE))
    state, plan = workspace.settings.state, plan_stream(workspace, SOURCE)
    refresher = Refresher(workspace, SOURCE, plan.options, run_id="stream")

    def rounds() -> None:
        for rounds_of in refresher.loops:
            rounds_of.begin(at_once=True)
            assert rounds_of.in_work is not None
            rounds_of.in_work.result(GUARD_S)
            rounds_of.collect()

    with ExitStack() as backfill:
        for layer in ("bronze", "silver", "gold"):
            hours = [INGEST] if layer == "bronze" else [BUSY]
            backfill.enter_context(leases.held(state, layer, hours, owner=this_process("other")))
        rounds()
        assert hours_of(workspace, SILVER_EVENTS.path) == {FREE}
        assert hours_of(workspace, HOURLY_METRICS.path) == {FREE}
        assert not refresher.failing()
    rounds()
    assert hours_of(workspace, SILVER_EVENTS.path) == {BUSY, FREE}
    assert hours_of(workspace, HOURLY_METRICS.path) == {BUSY, FREE}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_timed_stream_waits_at_its_end_for_an_hour_that_somebody_holds(
    workspace: Workspace,
) -> None:
    land(workspace, SOURCE, INGEST, "a", b"\n".join(clicks(BUSY, FREE)))
    state = workspace.settings.state
    backfill = ExitStack()
    backfill.enter_context(leases.held(state, "silver", [BUSY], owner=this_process("other")))

    class Releasing(Noting):
        def on_beat(self, heartbeat: Heartbeat) -> None:
            super().on_beat(heartbeat)
            if sum(beat.lines > 0 for beat in self.beats) == 3:
                backfill.close()

    plan = plan_stream(workspace, SOURCE)
    with backfill:
        run_stream(workspace, plan, run_id="stream", observer=Releasing(), for_s=0.1)
    assert hours_of(workspace, HOURLY_METRICS.path) == {BUSY, FREE}


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_told_by_its_words_and_by_its_number() -> None:
    wrapped = RuntimeError("the query ended")
    wrapped.__cause__ = FULL
    told = RuntimeError("Job aborted\njava.io.IOException: No space left on device")
    assert all(is_full(error) for error in (FULL, wrapped, told))
    assert not is_full(OSError(errno.EACCES, "Permission denied"))
    assert first_line(told) == (
        "The disk is full; make room, and the stream goes on by itself: Job aborted"
    )


def test_a_full_disk_uses_up_nothing_of_what_may_fail(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: FileFeed) -> None:
        raise FULL

    monkeypatch.setattr(FileFeed, "poll", full)
    for number in (1, 2):
        with pytest.raises(OSError, match="No space left"):
            run_stream(workspace, plan_stream(workspace, SOURCE), run_id="full", observer=Noting())
        beat = StreamFolder(workspace.settings, SOURCE).heartbeat()
        assert beat is not None
        assert (beat.phase, beat.failures, beat.outages) == ("failed", 0, number)
        assert beat.is_environment
        assert (beat.error or "").startswith("The disk is full")


def test_a_heartbeat_is_written_in_its_place_when_there_is_no_room_beside_it(
    tmp_path: Path,
) -> None:
    folder = StreamFolder(read_settings(home=tmp_path), "clicks")
    beat = begun(None, source="clicks", run_id="run", owner=this_process("run"))
    folder.beat(replace(beat, error="long " * 20))
    beside = folder.path / f"heartbeat.json.{os.getpid()}.tmp"
    beside.symlink_to("/dev/full")  # every write to it finds the disk full

    folder.beat(replace(beat, phase="failed", error="short"))

    found = folder.heartbeat()
    assert found is not None
    assert (found.phase, found.error) == ("failed", "short")


def test_the_failure_is_raised_although_it_cannot_be_noted(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: FileFeed) -> None:
        raise ValueError("what really happened")

    class Unwritable(Noting):
        def on_beat(self, heartbeat: Heartbeat) -> None:
            if heartbeat.phase == "failed":
                raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(FileFeed, "start", failing)
    with pytest.raises(ValueError, match="what really happened"):
        run_stream(workspace, plan_stream(workspace, SOURCE), run_id="test", observer=Unwritable())

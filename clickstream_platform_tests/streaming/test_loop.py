"""How a stream begins and ends when what it is made of fails."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import Settings
from clickstream_platform.sources.loader import BUILTIN_DIR
from clickstream_platform.streaming import loop, offsets
from clickstream_platform.streaming.file_feed import FileFeed
from clickstream_platform.streaming.loop import run_stream
from clickstream_platform.streaming.offsets import BrokersUnreachableError
from clickstream_platform.streaming.plan import plan_stream
from clickstream_platform.streaming.refresh import Refresher
from clickstream_platform.streaming.state import Heartbeat, StreamFolder
from clickstream_platform_tests.streaming.conftest import Kafka, NewStreamHome
from clickstream_platform_tests.streaming.test_stream import Listening, Silent, addresses, click

pytestmark = [pytest.mark.slow]


def test_brokers_that_are_away_use_up_nothing_of_what_may_fail(
    new_workspace: Callable[..., Workspace],
    engine_settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offsets, "ANSWER_S", 1.0)
    mapping = yaml.safe_load((BUILTIN_DIR / "kafka_raw.yaml").read_text())
    block = {"servers": "localhost:1", "topics": ["nobody"]}
    (tmp_path / "clicks.yaml").write_text(
        yaml.safe_dump(mapping | {"name": "clicks", "kafka": block})
    )
    shared = {"remote": Engine(engine_settings).ensure()}
    workspace = new_workspace(tmp_path / "home", source_dirs=[tmp_path], engine=shared)
    plan = plan_stream(workspace, "clicks")
    folder = StreamFolder(workspace.settings, "clicks")
    for number in (1, 2, 3):
        with pytest.raises(BrokersUnreachableError):
            run_stream(workspace, plan, run_id="test", observer=Silent())
        beat = folder.heartbeat()
        assert beat is not None
        assert (beat.phase, beat.failures, beat.outages) == ("failed", 0, number)
        assert beat.is_environment


def test_a_feed_that_does_not_stop_keeps_no_round_in_work(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    stop = Refresher.stop

    def failing(_: FileFeed) -> None:
        raise OSError("the disk is gone")

    def noted(refresher: Refresher) -> None:
        stopped.append("refresher")
        stop(refresher)

    monkeypatch.setattr(FileFeed, "stop", failing)
    monkeypatch.setattr(Refresher, "stop", noted)
    with pytest.raises(OSError, match="the disk is gone"):
        run_stream(
            workspace,
            plan_stream(workspace, "shop_json"),
            run_id="test",
            observer=Silent(),
            for_s=0.1,
        )
    assert stopped == ["refresher"]


@pytest.mark.parametrize(("longest_s", "beats"), [(60.0, True), (0.0, False)])
def test_a_slow_start_beats_until_it_takes_too_long(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, longest_s: float, beats: bool
) -> None:
    moments: list[str] = []
    folder = StreamFolder(workspace.settings, "shop_json")

    def slow(_: FileFeed) -> None:
        for _second in range(3):
            beat = folder.heartbeat()
            assert beat is not None and beat.phase == "starting"
            moments.append(beat.beat_at)
            time.sleep(0.5)
        raise OSError("enough")

    monkeypatch.setattr(loop, "BEAT_S", 0.1)
    monkeypatch.setattr(loop, "LONGEST_START_S", longest_s)
    monkeypatch.setattr(FileFeed, "start", slow)
    with pytest.raises(OSError, match="enough"):
        run_stream(workspace, plan_stream(workspace, "shop_json"), run_id="test", observer=Silent())
    assert (len(set(moments)) == 3) is beats


def test_a_start_reads_the_last_heartbeat_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = StreamFolder.heartbeat
    seen: list[Heartbeat | None] = []

    def counted(folder: StreamFolder) -> Heartbeat | None:
        seen.append(read(folder))
        return seen[-1]

    plan = plan_stream(workspace, "shop_json")
    run_stream(workspace, plan, run_id="one", observer=Silent(), for_s=0.1)
    monkeypatch.setattr(StreamFolder, "heartbeat", counted)
    run_stream(workspace, plan, run_id="two", observer=Silent(), for_s=0.1)
    assert [beat.run_id for beat in seen if beat] == ["one"]


@pytest.mark.service
@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_query_that_fails_after_a_while_begins_anew_in_the_same_run(
    kafka: Kafka, stream_home: NewStreamHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LONG_LIFE_S", 0.0)
    kafka.send("anew_at_once", [click(number) for number in range(12)])
    workspace = stream_home("anew_at_once")
    checkpoint = StreamFolder(workspace.settings, "clicks").checkpoint

    class Deleting(Listening):
        deleted = False

        def on_beat(self, heartbeat: Heartbeat) -> None:
            super().on_beat(heartbeat)
            if heartbeat.lines == 12 and not self.deleted:
                self.deleted = True
                shutil.rmtree(checkpoint)
                more = [click(number) for number in range(12, 24)]
                kafka.send("anew_at_once", more, make=False)
            if len(addresses(workspace)) == 24:
                raise KeyboardInterrupt

    observer = Deleting()
    with pytest.raises(KeyboardInterrupt):
        run_stream(workspace, plan_stream(workspace, "clicks"), run_id="one", observer=observer)

    assert observer.deleted
    phases = [beat.phase for beat in observer.beats]
    assert "failed" not in phases
    assert phases.count("starting") >= 2
    assert max(beat.failures for beat in observer.beats) == 1
    assert not any(beat.is_environment for beat in observer.beats)
    assert len(set(addresses(workspace))) == len(addresses(workspace)) == 24

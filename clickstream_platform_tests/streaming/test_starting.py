"""A stream that could not even begin leaves a heartbeat, and nobody else's is touched."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from clickstream_platform import run_tags
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.resources import lake
from clickstream_platform.resources.lake import Lake
from clickstream_platform.resources.spark import SparkEngine
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.storage.owners import this_process
from clickstream_platform.streaming.op import stream
from clickstream_platform.streaming.starting import note_failed_start
from clickstream_platform.streaming.state import StreamFolder, begun


def start(settings: Settings, source: str, *, by: str) -> bool:
    """Whether the job `stream` succeeded; started by the keeper or by a person."""
    with dg.DagsterInstance.ephemeral() as instance:
        done = stream.execute_in_process(
            run_config={"ops": {"stream_source": {"config": {"source": source}}}},
            resources={"lake": Lake(engine=SparkEngine.of(settings))},
            tags={run_tags.BY: by},
            instance=instance,
            raise_on_error=False,
        )
    return done.success


def test_a_source_that_is_gone_is_counted_for_the_keeper_and_not_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(home=tmp_path)
    monkeypatch.setattr(lake, "settings", lambda: settings)
    folder = StreamFolder(settings, "gone")
    assert not start(settings, "gone", by="cli")
    assert folder.heartbeat() is None
    for number in (1, 2):
        assert not start(settings, "gone", by="stream_keeper")
        beat = folder.heartbeat()
        assert beat is not None
        assert (beat.phase, beat.failures) == ("failed", number)
        assert "gone" in (beat.error or "")


@pytest.mark.parametrize(("owner", "phase"), [("", "running"), ("run|1|0.000", "failed")])
def test_a_living_stream_s_heartbeat_is_left_alone(tmp_path: Path, owner: str, phase: str) -> None:
    settings = read_settings(home=tmp_path)
    folder = StreamFolder(settings, "shop")
    living = begun(None, source="shop", run_id="old", owner=owner or this_process("old"))
    folder.beat(living)
    note_failed_start(settings, "shop", "new", {}, ClickstreamError("no"))
    beat = folder.heartbeat()
    assert beat is not None
    assert beat.phase == (phase if phase == "failed" else "starting")

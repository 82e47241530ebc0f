"""In which order a stream's life does its first, dear work: lines, silver, gold."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.settings import read_settings
from clickstream_platform.streaming import loop, refresh
from clickstream_platform.streaming.feed import Commit
from clickstream_platform.streaming.file_feed import FileFeed
from clickstream_platform.streaming.loop import run_stream
from clickstream_platform.streaming.plan import plan_stream
from clickstream_platform.streaming.refresh import Refresher
from clickstream_platform.streaming.rounds import Loop
from clickstream_platform_tests.streaming.test_stream import Silent

LONG_S = 60.0
FIRST = Commit(1, 1, "2024-11-29T10:00:00.000+00:00", seconds=None, ingest_hours=())


def no_engine() -> None:
    raise AssertionError("These rounds need no engine.")


@pytest.mark.parametrize(
    ("lag", "came", "patience_s", "begins"),
    [
        pytest.param(5, None, LONG_S, False, id="lines wait"),
        pytest.param(None, None, LONG_S, False, id="nobody knows yet"),
        pytest.param(0, None, LONG_S, True, id="nothing waits"),
        pytest.param(5, FIRST, LONG_S, True, id="the first are there, others wait"),
        pytest.param(5, None, 0.0, True, id="it takes too long"),
    ],
)
def test_silver_waits_for_the_lines_that_wait(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    *,
    lag: int | None,
    came: Commit | None,
    patience_s: float,
    begins: bool,
) -> None:
    begun: list[Refresher] = []

    def turn(refresher: Refresher) -> None:
        begun.append(refresher)

    monkeypatch.setattr(loop, "FIRST_LINES_S", patience_s)
    monkeypatch.setattr(FileFeed, "lag", lambda _: lag)
    monkeypatch.setattr(FileFeed, "poll", lambda _: came)
    monkeypatch.setattr(Refresher, "turn", turn)
    plan = plan_stream(workspace, "shop_json")
    run_stream(workspace, plan, run_id="test", observer=Silent(), for_s=0.5)
    assert bool(begun) is begins


@pytest.mark.parametrize(("head_start_s", "is_early"), [(LONG_S, False), (0.0, True)])
def test_gold_s_first_round_follows_silver_s_or_a_head_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head_start_s: float, is_early: bool
) -> None:
    monkeypatch.setattr(refresh, "HEAD_START_S", head_start_s)
    idle = Workspace(read_settings(home=tmp_path), no_engine)
    refresher = Refresher(idle, "shop_json", idle.settings.stream, run_id="test")
    release = Event()
    silver = Loop("silver", lambda: int(release.wait(LONG_S)), every_s=0.0)
    gold = Loop("gold", lambda: 0, every_s=0.0)
    refresher.loops = (silver, gold)

    refresher.turn()
    first = silver.in_work
    assert first is not None
    assert (gold.in_work is not None) is is_early

    release.set()
    first.result(LONG_S)
    refresher.turn()
    assert gold.in_work is not None
    assert silver.in_work is not first

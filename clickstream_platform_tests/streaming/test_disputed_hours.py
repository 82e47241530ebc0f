"""A stream leaves hours alone that are stale only for lines in dispute, until it settles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.build.followed_lateness import FollowedLateness
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.silver_append import FollowedHours
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.settings import read_settings
from clickstream_platform.storage import hour_state
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.streaming import refresh
from clickstream_platform.streaming.refresh import Refresher
from clickstream_platform.tables.bronze import BRONZE_EVENTS

SOURCE, HOUR, MORE = "shop_json", "2024-11-29T10", "2024-11-29T11"
LONG_S = 30.0


def in_bronze(hour: str) -> HourStateRow:
    return HourStateRow(
        BRONZE_EVENTS.path, hour, 1, 0, 1, "code", "run", hour, hour, sources=(SOURCE,)
    )


def test_hours_with_lines_in_dispute_wait_until_the_stream_settles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[list[str]] = []
    settled: list[bool] = []
    states = {(BRONZE_EVENTS.path, hour): in_bronze(hour) for hour in (HOUR, MORE)}

    def build(
        _: FollowedHours, __: Workspace, hours: Sequence[str], **___: Any
    ) -> list[HourReport]:
        built.append([*hours])
        return []

    def waits(_: FollowedHours, hour: str, __: States) -> bool:
        return hour == HOUR and not settled

    monkeypatch.setattr(hour_state, "current", lambda _: states)
    monkeypatch.setattr(refresh, "stale_silver", lambda *_: [HOUR, MORE])
    monkeypatch.setattr(FollowedLateness, "uncounted", lambda *_: [])
    monkeypatch.setattr(FollowedHours, "is_waiting", waits)
    monkeypatch.setattr(FollowedHours, "settle", lambda _: settled.append(True))
    monkeypatch.setattr(FollowedHours, "refresh", build)
    workspace = Workspace(read_settings(home=tmp_path), object)  # type: ignore[arg-type]
    refresher = Refresher(workspace, SOURCE, workspace.settings.stream, run_id="test")
    silver, _ = refresher.loops

    for _ in range(2):
        silver.begin(at_once=True)
        assert silver.in_work is not None
        silver.in_work.result(LONG_S)
        silver.collect()
        refresher.wait_for_busy_hours()

    assert built == [[MORE], [HOUR, MORE]]

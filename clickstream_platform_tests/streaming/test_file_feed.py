"""A stream from landing files takes its own source's, so many at a time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from clickstream_platform.build.report import HourReport
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import delta
from clickstream_platform.streaming.file_feed import FileFeed
from clickstream_platform.streaming.loop import run_stream
from clickstream_platform.streaming.plan import plan_stream
from clickstream_platform.streaming.state import Heartbeat
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform_tests.homes import json_line, land, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SOURCE, OTHER, HOURS = "shop_json", "kafka_raw", ["2024-11-29T10", "2024-11-29T11"]


def line(hour: str, number: int) -> bytes:
    return json_line(
        event_id=f"{hour} {number}",
        user_id=f"u{number}",
        product_id="P1",
        event_type="product_view",
        price=9.5,
        timestamp=f"{hour}:{number:02d}:00Z",
    )


class Silent:
    def on_beat(self, heartbeat: Heartbeat) -> None:
        pass

    def on_built(self, reports: Sequence[HourReport]) -> None:
        pass


def test_the_source_s_own_files_come_in_some_at_a_time_and_no_others(
    workspace: Workspace,
) -> None:
    for number in range(2):
        land(workspace, SOURCE, HOURS[0], f"{number}.json", line(HOURS[0], number))
    land(workspace, OTHER, HOURS[0], "0.json", line(HOURS[0], 30))
    plan = plan_stream(workspace, SOURCE)
    options = plan.options.model_copy(update={"max_files_per_trigger": 1, "trigger_s": 0})
    before = delta.version(workspace.lake, BRONZE_EVENTS)

    plan = type(plan)(SOURCE, None, options)
    beat = run_stream(workspace, plan, run_id="files", observer=Silent(), for_s=0.1)

    assert (beat.phase, beat.lines, beat.lag) == ("stopped", 2, 0)
    assert delta.version(workspace.lake, BRONZE_EVENTS) == before + 2  # a file a commit
    assert {row["source"] for row in rows(workspace, BRONZE_EVENTS, "source")} == {SOURCE}
    assert workspace.manifest.counts(OTHER) == {"seen": 1}
    assert workspace.manifest.counts(SOURCE) == {"committed": 2}


def test_the_position_stays_until_a_file_is_done_whatever_comes_to_those_that_wait(
    workspace: Workspace,
) -> None:
    feed = FileFeed(workspace, plan_stream(workspace, SOURCE), None, run_id="files")
    land(workspace, SOURCE, HOURS[0], "0.json", line(HOURS[0], 0))
    workspace.look_at_landing()
    first = feed.position()
    land(workspace, SOURCE, HOURS[1], "1.json", line(HOURS[1], 1))
    workspace.look_at_landing()
    assert (feed.position(), feed.lag()) == (first, 2)
    [claim] = workspace.manifest.claim(HOURS[:1], owner="files|1|0.000", source=SOURCE, limit=1)
    workspace.manifest.commit(claim, bronze_version=1, lines=1)
    assert feed.position() != first
    feed.close()

"""An hour that cannot be built keeps nothing else from going on, and is given up aloud."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clickstream_platform.automation.needs import left_to_streams, repair_needs
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.touched import record_touched
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.monitoring.rules import hours_given_up
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.streaming.layers import HOUR_BUILDS
from clickstream_platform.streaming.loop import StreamUnsettledError, run_stream
from clickstream_platform.streaming.plan import plan_stream
from clickstream_platform.streaming.state import Heartbeat, StreamFolder
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.marts import HOURLY_METRICS
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.homes import bring_up, json_line, rows, verified
from clickstream_platform_tests.streaming.conftest import Kafka, NewStreamHome
from clickstream_platform_tests.streaming.test_stream import stream

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]
BAD, GOOD = "2024-08-29T09", "2024-11-29T10"  # so far apart that no visit or order joins them
GUARD_S = 300.0


def clicks(hour: str, numbers: range) -> list[bytes]:
    return [
        json_line(
            event_id=f"{hour} {number}",
            user_id=f"u{number}",
            product_id="P1",
            event_type="product_view",
            price=9.5,
            timestamp=f"{hour}:{number % 60:02d}:00Z",
        )
        for number in numbers
    ]


def data_files(workspace: Workspace, table: Table) -> list[Path]:
    folder = Path(delta.location(workspace.lake, table))
    return [path for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts]


def events_in_gold(workspace: Workspace, hour: str) -> int:
    found = rows(workspace, HOURLY_METRICS, "event_hour", "traffic", "events")
    ours = (hour, "all")
    return sum(row["events"] for row in found if (row["event_hour"], row["traffic"]) == ours)


class Steps:
    """Goes through a test's steps while the stream runs: each waits until what it yields holds."""

    def __init__(self, steps: Iterator[Callable[[], bool]]) -> None:
        self._steps = steps
        self._holds: Callable[[], bool] = lambda: True
        self._deadline = time.monotonic() + GUARD_S
        self.broken: AssertionError | None = None
        self.beats: list[Heartbeat] = []
        self.reports: list[HourReport] = []

    def on_built(self, reports: Sequence[HourReport]) -> None:
        self.reports += reports

    def on_beat(self, heartbeat: Heartbeat) -> None:
        self.beats.append(heartbeat)
        assert time.monotonic() < self._deadline, heartbeat
        if heartbeat.phase == "running" and self._holds():
            try:
                self._holds = next(self._steps)
            except StopIteration:
                raise KeyboardInterrupt from None
            except AssertionError as error:  # the stream would begin anew after it
                self.broken = error
                raise KeyboardInterrupt from error


def make_stale(workspace: Workspace, table: Table) -> None:
    """The bad hour must be built again: its silver, or its gold."""
    if table is BRONZE_EVENTS:
        record_touched(workspace.lake, {(BAD, "clicks"): 0}, run_id="test")
        return
    states = hour_state.current(workspace.lake)
    of_gold = [states[gold.path, BAD] for gold in GOLD]
    hour_state.record(
        workspace.lake, [replace(row, is_stale=True) for row in of_gold], run_id="test"
    )


@pytest.mark.parametrize("table", [BRONZE_EVENTS, SILVER_EVENTS], ids=["silver", "gold"])
def test_an_hour_whose_rows_cannot_be_read_is_given_up_while_all_else_goes_on(
    kafka: Kafka, stream_home: NewStreamHome, table: Table
) -> None:
    topic = f"poison_{table.layer}"
    workspace = stream_home(topic, max_restarts=2)
    kafka.send(topic, clicks(BAD, range(30)))
    stream(workspace)
    missing = data_files(workspace, table)
    kafka.send(topic, clicks(GOOD, range(30)))
    stream(workspace)
    for path in missing:
        path.rename(path.with_suffix(".away"))
    make_stale(workspace, table)
    layer = "silver" if table is BRONZE_EVENTS else "gold"

    def beat() -> Heartbeat:
        return steps.beats[-1]

    def script() -> Iterator[Callable[[], bool]]:
        kafka.send(topic, clicks(GOOD, range(30, 60)), make=False)
        yield lambda: events_in_gold(workspace, GOOD) == 60 and BAD in beat().given_up
        assert beat().given_up[BAD].startswith(f"{layer}: ")
        kafka.send(topic, clicks(GOOD, range(60, 90)), make=False)
        yield lambda: events_in_gold(workspace, GOOD) == 90
        states = hour_state.current(workspace.lake)
        assert BAD in repair_needs(workspace, states)
        assert left_to_streams(workspace.settings, states, now=datetime.now(UTC)) == {GOOD}
        [alert] = hours_given_up(workspace.settings, datetime.now(UTC))
        assert alert.key == "stream_hours:clicks"
        assert f"{BAD}, {layer}: " in alert.body
        for path in missing:
            path.with_suffix(".away").rename(path)
        bring_up(workspace)  # as a repair run would
        yield lambda: not beat().given_up

    steps = Steps(script())
    plan = plan_stream(workspace, "clicks")
    with pytest.raises(KeyboardInterrupt):
        run_stream(workspace, plan, run_id="poisoned", observer=steps)

    assert steps.broken is None, steps.broken
    assert {beat.phase for beat in steps.beats} == {"starting", "running", "stopped"}
    red = [report for report in steps.reports if report.blocked_by == HOUR_BUILDS]
    expected = [SILVER_EVENTS] if layer == "silver" else GOLD
    assert sorted((report.table, report.hour) for report in red) == sorted(
        (of.path, BAD) for of in expected
    )
    assert not any(check.passed for report in red for check in report.checks)
    assert StreamFolder(workspace.settings, "clicks").heartbeat() == steps.beats[-1]
    verified(workspace)


def test_a_timed_stream_that_leaves_an_hour_unbuilt_says_so_and_the_next_run_builds_it(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    workspace = stream_home("unsettled")
    kafka.send("unsettled", clicks(BAD, range(30)))
    stream(workspace)
    missing = data_files(workspace, SILVER_EVENTS)
    kafka.send("unsettled", clicks(GOOD, range(30)))
    for path in missing:
        path.rename(path.with_suffix(".away"))
    make_stale(workspace, SILVER_EVENTS)

    with pytest.raises(StreamUnsettledError, match=f"{BAD}: .*clickstream run"):
        stream(workspace)

    beat = StreamFolder(workspace.settings, "clicks").heartbeat()
    assert beat is not None
    assert (beat.phase, beat.lines) == ("failed", 30)
    assert events_in_gold(workspace, GOOD) == 30
    for path in missing:
        path.with_suffix(".away").rename(path)
    stream(workspace)  # with nothing new, but what was left
    assert events_in_gold(workspace, BAD) == 30
    verified(workspace)

"""From a real broker to gold: nothing lost, nothing doubled, whatever ends the stream."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from clickstream_platform.build.report import HourReport
from clickstream_platform.build.touched import record_touched
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.state import until
from clickstream_platform.storage import delta, upkeep
from clickstream_platform.streaming import kafka_feed
from clickstream_platform.streaming.loop import run_stream
from clickstream_platform.streaming.plan import plan_stream
from clickstream_platform.streaming.state import Heartbeat, StreamFolder
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS
from clickstream_platform.tables.marts import HOURLY_METRICS
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import bring_up, json_line, land, rows, verified
from clickstream_platform_tests.streaming.conftest import Kafka, NewStreamHome

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.timeout(900)]
LINEAGE = {
    *("source_file", "source_offset", "ingest_hour", "ingested_at", "enqueued_at", "received_at"),
    *("run_id", "raw"),
}


class Silent:
    """Looks at nothing."""

    def on_beat(self, heartbeat: Heartbeat) -> None: ...

    def on_built(self, reports: Sequence[HourReport]) -> None: ...


class Listening(Silent):
    """Keeps every heartbeat."""

    def __init__(self) -> None:
        self.beats: list[Heartbeat] = []

    def on_beat(self, heartbeat: Heartbeat) -> None:
        self.beats.append(heartbeat)


class Interrupting(Silent):
    """Presses Ctrl-C as soon as something was committed."""

    pressed_at = 0.0

    def on_beat(self, heartbeat: Heartbeat) -> None:
        if heartbeat.lines and not self.pressed_at:
            self.pressed_at = time.monotonic()
            raise KeyboardInterrupt


def click(number: int) -> bytes:
    second, user = number % 3000, number % 7
    return json_line(
        event_id=f"e{number}",
        user_id=f"u{user}",
        product_id=f"P{number % 11}",
        event_type=("product_view", "add_to_cart", "purchase")[number % 3],
        price=9.5,
        timestamp=f"2024-11-29T10:{second // 60:02d}:{second % 60:02d}Z",
    )


def stream(workspace: Workspace, *, for_s: float = 1.0, run_id: str = "test") -> Heartbeat:
    plan = plan_stream(workspace, "clicks")
    return run_stream(workspace, plan, run_id=run_id, observer=Silent(), for_s=for_s)


def addresses(workspace: Workspace) -> list[tuple[str, int]]:
    found = rows(workspace, BRONZE_EVENTS, "source_file", "source_offset")
    return sorted((row["source_file"], row["source_offset"]) for row in found)


def content(workspace: Workspace, table: object) -> list[str]:
    """The rows without lineage, in a stable order."""
    found = rows(workspace, table)  # type: ignore[arg-type]
    return sorted(repr({k: v for k, v in row.items() if k not in LINEAGE}) for row in found)


def test_every_message_is_in_one_place_over_tls_and_sasl_as_event_hubs_speaks(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    workspace = stream_home("hubs", secure=True)
    good = [click(number) for number in range(60)]
    kafka.send("hubs", [*good, good[0], b"{not json", None, good[4]])

    beat = stream(workspace)

    assert (beat.phase, beat.lines, beat.lag) == ("stopped", 64, 0)
    rejected = rows(workspace, SILVER_QUARANTINE, "source_file", "source_offset", "reasons")
    assert sorted((r["source_file"], r["source_offset"], *r["reasons"]) for r in rejected) == [
        ("hubs/1@1", 20, "malformed_line"),
        ("hubs/2@1", 20, "malformed_line"),
    ]
    assert len(rows(workspace, SILVER_EVENTS, "event_id")) == 60
    assert len(rows(workspace, SILVER_DUPLICATES, "event_id")) == 2
    assert verified(workspace).streamed == 64


def test_kill_9_of_the_process_loses_and_doubles_nothing_and_equals_a_batch(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    lines = [click(number) for number in range(600)] + [click(number) for number in range(0, 90, 9)]
    kafka.send("killed", lines)
    workspace = stream_home("killed", max_offsets_per_trigger=60)
    child = start_process(workspace)
    wait_for_lines(workspace, child, at_least=60)
    child.send_signal(signal.SIGKILL)
    child.wait()
    left = StreamFolder(workspace.settings, "clicks")
    assert left.session_id() is not None

    beat = stream(workspace, run_id="second")

    assert beat.phase == "stopped"
    assert left.session_id() is None
    expected = [(f"killed/{p}@1", n) for p in range(3) for n in range(len(lines[p::3]))]
    assert addresses(workspace) == sorted(expected)
    batch = stream_home("killed", name="batch")
    land(batch, "clicks", "2024-11-29T11", "all.jsonl", b"\n".join(lines) + b"\n")
    bring_up(batch)
    for table in (SILVER_EVENTS, FACT_EVENTS, FACT_SESSIONS, HOURLY_METRICS):
        assert content(workspace, table) == content(batch, table), table.path
    assert len(rows(workspace, SILVER_EVENTS, "event_id")) == 600
    verified(workspace)


def test_kill_9_of_the_broker_loses_and_doubles_nothing(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    kafka.send("outage", [click(number) for number in range(30)])
    workspace = stream_home("outage")

    class Killing(Silent):
        killed = False

        def on_beat(self, heartbeat: Heartbeat) -> None:
            if heartbeat.lines and not self.killed:
                self.killed = True
                kafka.kill()
                kafka.send("outage", [click(number) for number in range(30, 90)], make=False)

    observer = Killing()
    beat = run_stream(
        workspace, plan_stream(workspace, "clicks"), run_id="one", observer=observer, for_s=5
    )

    assert observer.killed
    assert (beat.phase, beat.lag) == ("stopped", 0)
    expected = [(f"outage/{p}@1", n) for p in range(3) for n in range(30)]
    assert addresses(workspace) == sorted(expected)
    assert len(rows(workspace, SILVER_EVENTS, "event_id")) == 90


@pytest.mark.parametrize(
    "rounds", [2, pytest.param(20, marks=[pytest.mark.prove, pytest.mark.timeout(3600)])]
)
def test_a_checkpoint_that_vanishes_or_comes_back_changes_nothing(
    kafka: Kafka, stream_home: NewStreamHome, tmp_path: Path, rounds: int
) -> None:
    topic = f"checkpoint{rounds}"
    workspace = stream_home(topic)
    checkpoint = StreamFolder(workspace.settings, "clicks").checkpoint
    old: Path | None = None
    for number in range(rounds):
        kafka.send(topic, [click(n) for n in range(15 * number, 15 * number + 15)])
        stream(workspace, run_id=f"round {number}")
        if number % 2 == 0:
            old = shutil.copytree(checkpoint, tmp_path / f"copy{number}")
        shutil.rmtree(checkpoint)
        if number % 2 and old is not None:
            shutil.copytree(old, checkpoint)
    kafka.send(topic, [click(n) for n in range(15 * rounds, 15 * rounds + 15)])
    stream(workspace, run_id="last")

    expected = [(f"{topic}/{p}@1", n) for p in range(3) for n in range(5 * rounds + 5)]
    assert addresses(workspace) == sorted(expected)
    assert len(rows(workspace, SILVER_EVENTS, "event_id")) == 15 * rounds + 15


def test_an_interrupt_ends_it_within_seconds_and_the_next_one_goes_on(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    kafka.send("stopped", [click(number) for number in range(90)])
    workspace = stream_home("stopped", max_offsets_per_trigger=30)
    folder = StreamFolder(workspace.settings, "clicks")
    observer = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        run_stream(workspace, plan_stream(workspace, "clicks"), run_id="one", observer=observer)
    assert time.monotonic() - observer.pressed_at < 15
    beat = folder.heartbeat()
    assert beat is not None
    assert (beat.phase, folder.session_id()) == ("stopped", None)
    version = delta.version(workspace.lake, BRONZE_EVENTS)
    kafka.send("stopped", [click(number) for number in range(90, 96)], make=False)
    assert delta.version(workspace.lake, BRONZE_EVENTS) == version
    hours = sorted(delta.hours_of(workspace.lake, BRONZE_EVENTS))
    upkeep.compact_spark(
        workspace.spark, workspace.lake, BRONZE_EVENTS, hours, target_bytes=100_000_000
    )
    assert len(upkeep.data_files(workspace.lake, BRONZE_EVENTS)) == len(hours)

    ended = stream(workspace)

    assert ended.bronze_version == delta.version(workspace.lake, BRONZE_EVENTS) > version + 1
    assert len(set(addresses(workspace))) == len(addresses(workspace)) == 96
    assert len(rows(workspace, SILVER_EVENTS, "event_id")) == 96


def test_the_heartbeat_says_since_when_lines_wait(kafka: Kafka, stream_home: NewStreamHome) -> None:
    kafka.send("waiting", [click(number) for number in range(90)])
    workspace = stream_home("waiting", max_offsets_per_trigger=30, trigger_s=5.0)
    observer = Listening()
    plan = plan_stream(workspace, "clicks")

    run_stream(workspace, plan, run_id="one", observer=observer, for_s=1)

    known = [beat for beat in observer.beats if beat.lag is not None]
    between = [beat for beat in known if beat.lag and beat.committed_at]
    assert between, "no heartbeat fell between two commits"
    for beat in between:  # each commit begins the waiting anew
        assert beat.waiting_since is not None
        assert beat.committed_at is not None
        assert beat.waiting_since > beat.committed_at
    assert known[-1].lag == 0
    assert [beat for beat in known if not beat.lag and beat.waiting_since] == []


def test_a_commit_that_died_before_its_note_is_noted_by_the_next_life(
    kafka: Kafka, stream_home: NewStreamHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka.send("unnoted", [click(number) for number in range(12)])
    workspace = stream_home("unnoted")
    folder = StreamFolder(workspace.settings, "clicks")
    with monkeypatch.context() as dying:
        dying.setattr(kafka_feed, "record_touched", lambda *_, **__: None)
        beat = stream(workspace, run_id="dying")
    assert (beat.lines, rows(workspace, SILVER_EVENTS, "event_id")) == (12, [])
    folder.beat(replace(beat, bronze_version=0))  # the last one before the commit
    record_touched(workspace.lake, {("2024-11-29T08", "other"): 1}, run_id="a later writer")

    stream(workspace, run_id="next")

    assert len(rows(workspace, SILVER_EVENTS, "event_id")) == 12


def test_a_second_stream_of_the_source_is_refused(kafka: Kafka, stream_home: NewStreamHome) -> None:
    kafka.send("alone", [click(1)])
    workspace = stream_home("alone")

    class Second(Silent):
        refused = ""

        def on_beat(self, heartbeat: Heartbeat) -> None:
            if not self.refused and heartbeat.phase == "running":
                child = start_process(workspace, "--for", "1")
                self.refused = child.communicate(timeout=300)[1]

    observer = Second()
    run_stream(
        workspace, plan_stream(workspace, "clicks"), run_id="one", observer=observer, for_s=1
    )
    assert "The stream clicks runs already" in observer.refused


def start_process(workspace: Workspace, *arguments: str) -> subprocess.Popen[str]:
    """`clickstream stream` as a process of its own, on the tests' engine."""
    current = workspace.settings
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment |= {
        "CLICKSTREAM_HOME": str(current.home),
        "CLICKSTREAM_ENGINE__REMOTE": str(current.engine.remote),
        "CLICKSTREAM_SOURCE_DIRS": f'["{current.source_dirs[0]}"]',
        "CLICKSTREAM_STREAM__TRIGGER_S": "0.5",
        "CLICKSTREAM_STREAM__MAX_OFFSETS_PER_TRIGGER": str(current.stream.max_offsets_per_trigger),
    }
    command = [sys.executable, "-m", "clickstream_platform.cli", "stream", "--source", "clicks"]
    return subprocess.Popen(
        [*command, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_lines(workspace: Workspace, child: subprocess.Popen[str], *, at_least: int) -> None:
    for _ in until(time.monotonic() + 300):
        assert child.poll() is None, child.communicate()[1]
        if len(addresses(workspace)) >= at_least:
            return
    child.kill()
    raise AssertionError("nothing came in")

"""Topics at a real broker that do not fit what bronze holds: refused, and read on as told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from confluent_kafka import Producer

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.sources.loader import SourceError
from clickstream_platform.storage.offsets import committed_offsets
from clickstream_platform.streaming.loop import run_stream
from clickstream_platform.streaming.offsets import (
    OffsetsForeignError,
    OffsetsLostError,
    OffsetsWentBackError,
)
from clickstream_platform.streaming.plan import plan_stream
from clickstream_platform.streaming.state import Heartbeat, StreamFolder
from clickstream_platform.streaming.topics import create_topic
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.homes import rows, verified
from clickstream_platform_tests.streaming.conftest import Kafka, NewStreamHome
from clickstream_platform_tests.streaming.test_stream import Silent, addresses, click, stream

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.timeout(900)]


def changed(workspace: Workspace, name: str = "clicks", **kafka: object) -> Workspace:
    """The home with a mapping `name` made of that of `clicks`, and other keys in its `kafka:`."""
    folder: Path = workspace.settings.source_dirs[0]
    content = yaml.safe_load((folder / "clicks.yaml").read_text())
    content |= {"name": name, "kafka": content["kafka"] | kafka}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return Workspace(workspace.settings, workspace.session)


def streamed(workspace: Workspace, source: str) -> Heartbeat:
    plan = plan_stream(workspace, source)
    return run_stream(workspace, plan, run_id=source, observer=Silent(), for_s=1)


def test_a_topic_cut_or_made_anew_stops_the_stream(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    kafka.send("anew", [click(number) for number in range(12)])
    workspace = stream_home("anew")
    stream(workspace)
    held = {f"anew/{n}@1": 3 for n in range(3)}
    assert committed_offsets(workspace.lake, ["anew"], "1") == {"clicks": held}
    kafka.send("anew", [click(number) for number in range(30, 60)], make=False)
    kafka.cut("anew", before=8)
    with pytest.raises(OffsetsLostError, match="4 lines were deleted unread"):
        stream(workspace)
    beat = StreamFolder(workspace.settings, "clicks").heartbeat()
    assert beat is not None
    assert (beat.phase, beat.failures) == ("failed", 1)

    kafka.delete("anew")
    kafka.send("anew", [click(number) for number in range(20, 23)])
    with pytest.raises(OffsetsWentBackError, match="made anew"):
        stream(workspace)
    assert len(addresses(workspace)) == 12


def test_a_topic_made_anew_and_filled_beyond_bronze_loses_no_line(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    kafka.send("refilled", [click(number) for number in range(12)])
    workspace = stream_home("refilled")
    stream(workspace)
    kafka.delete("refilled")
    kafka.send("refilled", [click(number) for number in range(9, 60)])

    with pytest.raises(OffsetsWentBackError, match=r"refilled/0@1.* id .* id .*`kafka.generation`"):
        stream(workspace)
    assert len(addresses(workspace)) == 12

    beat = stream(changed(workspace, generation="2"))
    assert (beat.lines, beat.lag) == (51, 0)
    assert len(rows(workspace, SILVER_EVENTS, "event_id")) == 60
    verified(workspace)


def test_two_regions_with_hubs_of_one_name_need_generations_of_their_own(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    kafka.send("regions", [click(number) for number in range(12)])
    workspace = stream_home("regions")
    stream(workspace)
    both = changed(workspace, "west")
    with pytest.raises(SourceError) as raised:
        _ = both.sources
    for word in ("clicks", "west", "topic regions", "`kafka.generation` 1", "another generation"):
        assert word in str(raised.value)

    apart = changed(workspace, "west", topics=["elsewhere"])
    with pytest.raises(SourceError, match=r"west and clicks.*topic regions"):
        plan_stream(apart, "west", topics=["regions"], servers="localhost:1")

    apart = changed(workspace, "west", generation="west")
    assert (streamed(apart, "west").lines, streamed(apart, "clicks").lines) == (12, 0)
    expected = [(f"regions/{p}@{g}", n) for g in ("1", "west") for p in range(3) for n in range(4)]
    assert addresses(apart) == sorted(expected)
    assert len(rows(apart, SILVER_EVENTS, "event_id")) == 24
    verified(apart)


def test_a_source_that_was_renamed_takes_over_no_addresses(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    kafka.send("renamed", [click(number) for number in range(12)])
    workspace = stream_home("renamed")
    stream(workspace)
    renamed = changed(workspace, "taps")
    (workspace.settings.source_dirs[0] / "clicks.yaml").unlink()

    with pytest.raises(OffsetsForeignError, match=r"for the source clicks.*stream taps"):
        streamed(renamed, "taps")
    assert len(addresses(workspace)) == 12


def test_transactions_end_without_waiting_for_their_marks_and_aborted_ones_are_not_read(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    create_topic(kafka.broker.servers, "paid", partitions=3)
    producer = Producer(
        {"bootstrap.servers": kafka.broker.servers, "transactional.id": "shop", "linger.ms": 0}
    )
    producer.init_transactions(30)
    for numbers, is_kept in ((range(6), True), (range(6, 9), False), (range(9, 12), True)):
        producer.begin_transaction()
        for number in numbers:
            producer.produce("paid", click(number), partition=number % 3)
        assert producer.flush(30) == 0
        (producer.commit_transaction if is_kept else producer.abort_transaction)(30)
    workspace = changed(stream_home("paid"), offset_gaps=True)

    beat = stream(workspace)

    assert (beat.phase, beat.lines, beat.lag) == ("stopped", 9, 0)
    expected = [(f"paid/{p}@1", n) for p in range(3) for n in (0, 1, 5)]  # 2, 4 and 6 are marks
    assert addresses(workspace) == sorted(expected)
    assert len(rows(workspace, SILVER_EVENTS, "event_id")) == 9
    verified(workspace)
    again = stream(workspace, run_id="again")  # begins before the last marks, and is done with them
    assert (again.phase, again.lines, again.lag) == ("stopped", 0, 0)

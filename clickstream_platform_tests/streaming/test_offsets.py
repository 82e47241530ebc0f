"""Where a stream goes on, and when it must not."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from clickstream_platform.setting_groups import StreamSettings
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.sources.model import KafkaInput
from clickstream_platform.streaming.offsets import (
    OffsetsForeignError,
    OffsetsLostError,
    OffsetsWentBackError,
    Partition,
    Seen,
    check_offsets,
    lag,
    own_offsets,
    reached,
    read_to,
    starting_offsets,
)
from clickstream_platform.streaming.plan import StreamPlan
from clickstream_platform.streaming.seen import SeenPartitions

HELD = {"t/0@1": 9}


def partitions(low: int, high: int) -> dict[str, Partition]:
    """Partition 0, of which bronze holds offset 9, and partition 1, of which it holds nothing."""
    return {"t/0@1": Partition("t", 0, low, high), "t/1@1": Partition("t", 1, 3, 5)}


@pytest.mark.parametrize(("low", "high"), [(0, 10), (10, 10), (10, 25), (0, 25)])
def test_a_partition_that_goes_on_behind_bronze_is_fine(low: int, high: int) -> None:
    check_offsets(partitions(low, high), HELD)


def test_a_partition_that_ends_before_bronze_was_made_anew() -> None:
    with pytest.raises(OffsetsWentBackError, match=r"bronze holds offset 9.*ends before 9"):
        check_offsets(partitions(0, 9), HELD)


def test_a_first_offset_behind_bronzes_next_means_lost_lines() -> None:
    with pytest.raises(OffsetsLostError, match="the broker's first is 12: 2 lines"):
        check_offsets(partitions(12, 30), HELD)


def test_another_topic_of_the_name_is_refused_though_its_offsets_fit() -> None:
    """It was deleted, made anew and filled beyond what bronze holds before the stream looked."""
    found = {"t/0@1": Partition("t", 0, 0, 500, "new")}
    check_offsets(found, HELD, {"t/0@1": Seen("new", 0)})
    with pytest.raises(OffsetsWentBackError) as raised:
        check_offsets(found, HELD, {"t/0@1": Seen("old", 0)})
    for word in ("t/0@1", "up to offset 9", "id old", "id new", "0 to 499", "kafka.generation"):
        assert word in str(raised.value)


@pytest.mark.parametrize(("before", "now"), [(None, "new"), ("old", None), (None, None)])
def test_brokers_that_tell_no_id_are_compared_by_offsets_alone(
    before: str | None, now: str | None
) -> None:
    seen = {"t/0@1": Seen(before, 0)}
    check_offsets({"t/0@1": Partition("t", 0, 0, 500, now)}, HELD, seen)
    with pytest.raises(OffsetsWentBackError, match="ends before 5"):
        check_offsets({"t/0@1": Partition("t", 0, 0, 5, now)}, HELD, seen)


def test_a_partition_that_is_gone_was_made_anew() -> None:
    with pytest.raises(OffsetsWentBackError, match=r"t/0@1: bronze holds offset 9.*no such part"):
        check_offsets({"t/1@1": Partition("t", 1, 0, 5)}, HELD)


@pytest.mark.parametrize(
    ("seen", "lost"),
    [
        ({}, None),  # a home older than what is seen: nobody can tell
        ({"t/0@1": Seen(None, 0), "t/1@1": Seen(None, 3)}, None),  # idle since before the stream
        ({"t/0@1": Seen(None, 0), "t/1@1": Seen(None, 1)}, "begin at offset 1.* 3: 2 lines"),
        ({"t/0@1": Seen(None, 0)}, "t/1@1.*begin at offset 0.* 3: 3 lines were deleted unread"),
    ],
)
def test_a_partition_of_a_known_topic_must_begin_where_the_stream_would(
    seen: Mapping[str, Seen], lost: str | None
) -> None:
    if lost is None:
        check_offsets(partitions(0, 25), HELD, seen)
        return
    with pytest.raises(OffsetsLostError, match=lost):
        check_offsets(partitions(0, 25), HELD, seen)


def test_what_was_seen_first_stays_while_bronze_holds_the_topic(tmp_path: Path) -> None:
    def stored(settings: Settings) -> Mapping[str, Seen]:
        return SeenPartitions(settings, "clicks").known()

    settings = read_settings(home=tmp_path)
    seen = SeenPartitions(settings, "clicks")
    seen.note({"t/0@1": Partition("t", 0, 4, 4, "old")}, {})
    assert stored(settings) == {"t/0@1": Seen("old", 4)}
    seen.note({"t/0@1": Partition("t", 0, 0, 4)}, {})  # nothing was read: begin again
    assert stored(settings) == {"t/0@1": Seen(None, 0)}
    newer = {"t/0@1": Partition("t", 0, 2, 12, "id"), "t/1@1": Partition("t", 1, 0, 0, "id")}
    seen.note(newer, HELD)
    assert stored(settings) == {"t/0@1": Seen("id", 0), "t/1@1": Seen("id", 0)} == seen.known()


def test_addresses_that_bronze_holds_of_another_source_are_refused() -> None:
    plan = StreamPlan("east", None, StreamSettings())
    assert own_offsets(plan, {"east": HELD}) == HELD
    assert own_offsets(plan, {}) == {}
    with pytest.raises(OffsetsForeignError) as raised:
        own_offsets(plan, {"east": {"t/1@1": 2}, "west": HELD})
    for word in ("t/0@1", "9", "source west", "stream east", "kafka.generation"):
        assert word in str(raised.value)


def test_the_mark_of_a_transaction_is_no_lag_and_no_lost_line_once_it_was_read() -> None:
    """Bronze ends at offset 9, and offset 10 is a mark that retention deleted with all lines."""
    plan = StreamPlan("clicks", KafkaInput(servers="s", topics=["t"]), StreamSettings())
    found = {"t/0@1": Partition("t", 0, 11, 11)}
    for ends in (None, "null"):
        assert read_to(plan, ends) == {}
    read = read_to(plan, '{"t": {"0": 11}}')
    assert read == {"t/0@1": 11}
    assert lag({"t/0@1": Partition("t", 0, 0, 11)}, HELD) == 1
    assert lag({"t/0@1": Partition("t", 0, 0, 11)}, HELD, read) == 0
    assert reached(HELD, {}) == HELD
    check_offsets(found, reached(HELD, read))
    with pytest.raises(OffsetsLostError):
        check_offsets(found, HELD)


def test_it_goes_on_behind_bronze_and_else_at_the_first_there_is() -> None:
    assert json.loads(starting_offsets(partitions(0, 25), HELD)) == {"t": {"0": 10, "1": -2}}


def test_the_lag_counts_what_can_still_be_read() -> None:
    assert lag(partitions(0, 25), HELD) == 15 + 2
    assert lag(partitions(0, 10), HELD) == 2

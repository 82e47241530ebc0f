"""Where a stream goes on, and when it must not."""

import json

import pytest

from clickstream_platform.streaming.offsets import (
    OffsetsLostError,
    OffsetsWentBackError,
    Partition,
    check_offsets,
    lag,
    starting_offsets,
)

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


def test_it_goes_on_behind_bronze_and_else_at_the_first_there_is() -> None:
    assert json.loads(starting_offsets(partitions(0, 25), HELD)) == {"t": {"0": 10, "1": -2}}


def test_the_lag_counts_what_can_still_be_read() -> None:
    assert lag(partitions(0, 25), HELD) == 15 + 2
    assert lag(partitions(0, 10), HELD) == 2

"""Bronze lines whose note a crash took are found, also behind another writer's later note."""

from __future__ import annotations

from pathlib import Path

from clickstream_platform.build.touched import record_touched, record_unnoted
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform_tests.queries import lake_rows
from clickstream_platform_tests.queries.lake_rows import ELEVEN, TEN


def arrived(home: Path, hour: str, number: int) -> None:
    """A bronze version with one line of a home hour."""
    line = {"source": "shop", "source_file": "clicks/0@1", "source_offset": number,
            "ingest_hour": hour, "home_hour": hour, "raw": b"{}"}  # fmt: skip
    lake_rows.write(home, "bronze/events", [line])


def lines_noted(lake: Path) -> dict[str, int]:
    states = hour_state.of_table(hour_state.current(lake), BRONZE_EVENTS.path)
    return {hour: state.row_count for hour, state in states.items()}


def test_a_note_lost_behind_a_later_one_is_made_up_for_once(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    arrived(tmp_path, TEN, 0)
    record_touched(lake, {(TEN, "shop"): 1}, run_id="r")
    arrived(tmp_path, TEN, 1)  # and its process dies
    arrived(tmp_path, ELEVEN, 2)
    record_touched(lake, {(ELEVEN, "shop"): 1}, run_id="other")
    assert lines_noted(lake) == {TEN: 1, ELEVEN: 1}

    assert record_unnoted(lake, run_id="r", doubtful={TEN, ELEVEN}) == [TEN]
    assert lines_noted(lake) == {TEN: 2, ELEVEN: 1}
    assert record_unnoted(lake, run_id="r", doubtful={TEN, ELEVEN}) == []
    assert record_unnoted(lake, run_id="r", doubtful=None) == []


def test_a_lost_note_that_is_the_newest_needs_no_hint(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    arrived(tmp_path, TEN, 0)
    record_touched(lake, {(TEN, "shop"): 1}, run_id="r")
    arrived(tmp_path, ELEVEN, 1)
    assert record_unnoted(lake, run_id="r") == [ELEVEN]
    assert lines_noted(lake) == {TEN: 1, ELEVEN: 1}

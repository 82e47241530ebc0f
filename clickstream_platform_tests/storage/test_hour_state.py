"""When an hour must be built again."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable

from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.tables.ops import HOUR_STATE

BUILT = HourStateRow(
    table="gold/fact_sessions",
    hour="2024-11-29T10",
    version=3,
    input_version=5,
    row_count=7,
    code_version="a",
    run_id="r",
    reach_from="2024-11-29T09",
    reach_to="2024-11-29T11",
    linked_hours=("2024-11-20T01",),
)


def silver(hour: str, version: int) -> dict[str, HourStateRow]:
    row = replace(BUILT, table="silver/events", hour=hour, version=version)
    return {hour: row}


@pytest.mark.parametrize(
    ("hour", "version", "expected"),
    [
        ("2024-11-29T10", 5, False),
        ("2024-11-29T10", 6, True),
        ("2024-11-29T09", 6, True),
        ("2024-11-29T11", 6, True),
        ("2024-11-29T08", 6, False),
        ("2024-11-29T12", 6, False),
        ("2024-11-20T01", 6, True),
        ("2024-11-20T02", 6, False),
    ],
)
def test_only_a_newer_input_within_reach_makes_an_hour_stale(
    hour: str, version: int, *, expected: bool
) -> None:
    inputs = silver("2024-11-29T10", 5) | silver(hour, version)
    assert hour_state.is_stale(BUILT, inputs, code_version="a") is expected


def test_other_code_a_mark_or_no_state_make_an_hour_stale() -> None:
    inputs = silver("2024-11-29T10", 5)
    assert not hour_state.is_stale(BUILT, inputs, code_version="a")
    assert hour_state.is_stale(BUILT, inputs, code_version="b")
    assert hour_state.is_stale(replace(BUILT, is_stale=True), inputs, code_version="a")
    assert hour_state.is_stale(None, inputs, code_version="a")


def test_the_newest_row_of_an_hour_is_its_state(tmp_path: Path) -> None:
    delta.init_table(tmp_path, HOUR_STATE, None)
    hour_state.record(tmp_path, [BUILT, replace(BUILT, hour="2024-11-29T11")], run_id="r")
    hour_state.record(tmp_path, [replace(BUILT, version=4, run_id="s")], run_id="s")
    found = hour_state.current(tmp_path)
    assert {hour: row.version for (_, hour), row in found.items()} == {
        "2024-11-29T10": 4,
        "2024-11-29T11": 3,
    }
    assert found[("gold/fact_sessions", "2024-11-29T10")].linked_hours == ("2024-11-20T01",)


def test_reading_on_is_the_same_as_reading_anew(tmp_path: Path) -> None:
    delta.init_table(tmp_path, HOUR_STATE, None)
    hours = [f"2024-11-29T{hour:02d}" for hour in range(5)]
    for number in range(12):
        row = replace(BUILT, hour=hours[number % 5], version=number)
        hour_state.record(tmp_path, [row], run_id="r")
        if number == 6:  # upkeep moves the rows to other files
            DeltaTable(delta.location(tmp_path, HOUR_STATE)).optimize.compact()
        if number % 3 == 0:
            hour_state.current(tmp_path)
    followed = hour_state.current(tmp_path)
    assert {hour: row.version for (_, hour), row in followed.items()} == {
        hours[0]: 10,
        hours[1]: 11,
        hours[2]: 7,
        hours[3]: 8,
        hours[4]: 9,
    }
    assert hour_state._newest(delta.read_arrow(tmp_path, HOUR_STATE)) == followed


def test_another_table_in_the_same_place_is_read_anew(tmp_path: Path) -> None:
    for version in (5, 6):
        delta.init_table(tmp_path, HOUR_STATE, None)
        hour_state.record(tmp_path, [replace(BUILT, version=version)], run_id="r")
        [row] = hour_state.current(tmp_path).values()
        assert row.version == version
        shutil.rmtree(tmp_path / "ops")

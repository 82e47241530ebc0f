"""The kinds of write, each against real Delta tables; each error is provoked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import delta
from clickstream_platform.storage.conform import SchemaMismatchError, conform
from clickstream_platform.storage.delta import HourOutsideRunError
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.ops import CONSERVATION_LEDGER
from clickstream_platform.tables.silver import SILVER_DUPLICATES
from clickstream_platform_tests.homes import rows

TEN, ELEVEN, TWELVE = "2024-11-29T10", "2024-11-29T11", "2024-11-29T12"


def duplicates(spark: SparkSession, *hours_and_ids: tuple[str, str]) -> DataFrame:
    """Rows of silver/duplicates that differ by hour and id."""
    at = datetime(2024, 11, 29, 10, tzinfo=UTC)
    made = [
        ("s", "f@0", 0, hour, hour, "s", name, at, "0" * 16, "f@0", 1, "r")
        for hour, name in hours_and_ids
    ]
    return spark.createDataFrame(made, SILVER_DUPLICATES.struct_type)


def held(workspace: Workspace) -> list[tuple[str, str]]:
    found = rows(workspace, SILVER_DUPLICATES, "event_hour", "event_id")
    return sorted((row["event_hour"], row["event_id"]) for row in found)


def test_replacing_hours_is_exact_repeatable_and_leaves_the_others(
    workspace: Workspace, spark: SparkSession
) -> None:
    def replace(hours: list[str], *hours_and_ids: tuple[str, str]) -> int:
        made = duplicates(spark, *hours_and_ids)
        written = delta.replace_hours(
            made, workspace.lake, SILVER_DUPLICATES, hours, run_id="test"
        )  # fmt: skip
        return written.version

    replace([TEN, ELEVEN], (TEN, "a"), (ELEVEN, "b"))
    first = replace([TEN], (TEN, "c"), (TEN, "d"))
    assert held(workspace) == [(TEN, "c"), (TEN, "d"), (ELEVEN, "b")]
    assert replace([TEN], (TEN, "c"), (TEN, "d")) == first + 1
    assert held(workspace) == [(TEN, "c"), (TEN, "d"), (ELEVEN, "b")]
    with pytest.raises(Exception, match="DELTA_REPLACE_WHERE_MISMATCH"):
        replace([TEN], (TEN, "x"), (ELEVEN, "y"))
    assert held(workspace) == [(TEN, "c"), (TEN, "d"), (ELEVEN, "b")]
    replace([TEN])
    assert held(workspace) == [(ELEVEN, "b")]
    assert delta.hours_of(workspace.lake, SILVER_DUPLICATES) == {ELEVEN}


def test_a_batch_is_appended_once(workspace: Workspace, spark: SparkSession) -> None:
    at = datetime(2024, 11, 29, 10, tzinfo=UTC)
    line = ("s", "f@0", 0, b"{}", None, None, TEN, TEN, None, at, "r")
    made = spark.createDataFrame([line], BRONZE_EVENTS.struct_type)

    def append(batch_id: str) -> int:
        return delta.append_once(
            made, workspace.lake, BRONZE_EVENTS, batch_id=batch_id, run_id="test"
        ).version

    first = append("one")
    assert append("one") == first
    assert len(rows(workspace, BRONZE_EVENTS, "raw")) == 1
    assert append("two") == first + 1
    assert append("one") == first + 1
    assert len(rows(workspace, BRONZE_EVENTS, "raw")) == 2


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    delta.init_table(tmp_path, CONSERVATION_LEDGER, None)
    return tmp_path


@pytest.fixture
def replace(lake: Path) -> Callable[..., int]:
    def write(hours: list[str], *hours_and_lines: tuple[str, int]) -> int:
        written = delta.replace_hours_arrow(
            ledger(*hours_and_lines), lake, CONSERVATION_LEDGER, hours, run_id="test"
        )
        return written.version

    return write


def ledger(*hours_and_lines: tuple[str, int]) -> pa.Table:
    made = [
        dict.fromkeys(CONSERVATION_LEDGER.column_names, 0)
        | {"ingest_hour": hour, "home_hour": hour, "source": "s", "lines": lines, "run_id": "r"}
        for hour, lines in hours_and_lines
    ]
    return pa.Table.from_pylist(made, schema=CONSERVATION_LEDGER.arrow_schema)


def lines_in(lake: Path) -> list[tuple[str, int]]:
    found = delta.read_arrow(lake, CONSERVATION_LEDGER, columns=["home_hour", "lines"]).to_pylist()
    return sorted((row["home_hour"], row["lines"]) for row in found)


def test_rows_in_memory_replace_hours_in_the_same_way(
    lake: Path, replace: Callable[..., int]
) -> None:
    replace([TEN, ELEVEN], (TEN, 1), (ELEVEN, 2))
    replace([TEN], (TEN, 3))
    replace([TEN], (TEN, 3))
    assert lines_in(lake) == [(TEN, 3), (ELEVEN, 2)]
    replace([TEN])
    assert lines_in(lake) == [(ELEVEN, 2)]


def test_a_row_of_another_hour_is_refused_before_the_write(
    lake: Path, replace: Callable[..., int]
) -> None:
    version = replace([TEN], (TEN, 1))
    with pytest.raises(HourOutsideRunError, match=TWELVE):
        replace([TEN, ELEVEN], (TEN, 5), (TWELVE, 6))
    assert lines_in(lake) == [(TEN, 1)]
    assert delta.version(lake, CONSERVATION_LEDGER) == version


def test_rows_that_break_the_contract_are_refused_before_the_write(lake: Path) -> None:
    good = ledger((TEN, 1))
    without = good.drop_columns(["pending"])
    more = good.append_column("extra", pa.array([1]))
    text = good.set_column(3, "lines", pa.array(["many"]))
    for wrong, said in ((without, "pending"), (more, "extra"), (text, "many")):
        with pytest.raises(SchemaMismatchError, match=said):
            delta.replace_hours_arrow(wrong, lake, CONSERVATION_LEDGER, [TEN], run_id="test")
    shuffled = good.select([*reversed(good.column_names)])
    assert conform(shuffled, CONSERVATION_LEDGER).equals(good)
    assert lines_in(lake) == []
    assert delta.version(lake, CONSERVATION_LEDGER) == 0

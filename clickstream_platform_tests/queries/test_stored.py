"""DuckDB's own reader gives the rows and types that Arrow gives of the same Delta table."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from clickstream_platform.queries.datasets import dataset
from clickstream_platform.queries.lake import Lake, QueryError
from clickstream_platform.queries.stored import Stored, stored
from clickstream_platform.settings import Settings

ITEM = pa.struct({"item_id": pa.string(), "price": pa.decimal128(12, 2)})
AT = datetime(2026, 11, 20, 10, 0, 0, 1, tzinfo=UTC)
ROWS = pa.table(
    {
        "n": pa.array([1, None], pa.int64()),
        "at": pa.array([AT, None], pa.timestamp("us", tz="UTC")),
        "items": pa.array([[{"item_id": "A", "price": Decimal("1.50")}], None], pa.list_(ITEM)),
        "event_hour": ["2026-11-20T10", "2026-11-20T11"],
    }
)


def rows(of: Stored | Path) -> list[tuple[object, ...]]:
    """Names and types, then rows: as DuckDB reads the files, or as Arrow does."""
    with duckdb.connect() as sql:
        sql.execute("set TimeZone = 'UTC'")
        if isinstance(of, Stored):
            relation = of.relation(sql)
            assert relation is not None
        else:
            relation = "arrow"
            sql.register(relation, dataset(of))
        types = sql.sql(f"describe from {relation}").fetchall()
        return [*types, *sql.sql(f"from {relation} order by all").fetchall()]


def test_rows_and_types_are_those_of_arrow_also_where_older_files_lack_a_column(
    tmp_path: Path,
) -> None:
    place = tmp_path / "t"
    write_deltalake(str(place), ROWS, partition_by=["event_hour"])
    grown = ROWS.slice(0, 1).add_column(1, "added", pa.array(["new"]))
    write_deltalake(str(place), grown, mode="append", schema_mode="merge")
    found = stored(place)
    assert set(found.columns) == {"n", "added", "at", "items", "event_hour"}
    assert rows(found) == rows(place)
    assert len(rows(found)) == 5 + 3
    before = stored(place, 0)
    assert set(before.columns) == {"n", "at", "items", "event_hour"}
    assert len(rows(before)) == 4 + 2
    with duckdb.connect() as sql:
        both = [one.relation(sql) for one in (found, before)]
        counts = [sql.sql(f"select count(*) from {relation}").fetchall() for relation in both]
    assert counts == [[(3,)], [(2,)]]


@pytest.mark.parametrize("hours", [["2026-11-20T10", "2026-11-20T11"], ["10", "2026-11-20T11"]])
def test_a_partition_s_value_comes_from_the_path_and_only_its_files_are_opened(
    tmp_path: Path, hours: list[str]
) -> None:
    place = tmp_path / "event_hour=1" / "events é"  # a place that looks like a partition
    table = pa.table({"n": [1, 2], "event_hour": hours})
    write_deltalake(str(place), table, partition_by=["event_hour"])
    [path] = (place / f"event_hour={hours[0]}").glob("*.parquet")
    path.write_bytes(b"not opened, not noticed")
    with duckdb.connect() as sql:
        relation = stored(place).relation(sql)
        assert relation is not None
        wanted = f"from {relation} where event_hour = '{hours[1]}'"
        assert sql.sql(wanted).fetchall() == [(2, hours[1])]
        with pytest.raises(duckdb.Error, match="No magic bytes"):
            sql.sql(f"from {relation}").fetchall()


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"n": [1], "event_hour": ["2026:[*]"]}),
        pa.table({"n": [1], "event_hour": pa.array([None], pa.string())}),
        pa.table({"n": [1], "event_hour": [20261120]}),
        pa.table({"n": pa.array([], pa.int64()), "event_hour": pa.array([], pa.string())}),
    ],
)
def test_a_partition_that_no_path_tells_plainly_is_left_to_arrow(
    tmp_path: Path, table: pa.Table
) -> None:
    place = tmp_path / "lake" / "gold" / "t"
    write_deltalake(str(place), table, partition_by=["event_hour"])
    with duckdb.connect() as sql:
        assert stored(place).relation(sql) is None
    with Lake(Settings(home=tmp_path)) as lake:
        assert lake.rows("from gold.t") == table.to_pylist()


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    place = tmp_path / "lake" / "gold" / "t"
    write_deltalake(str(place), pa.table({"n": [1]}))
    [path] = place.glob("*.parquet")
    path.unlink()
    with (
        Lake(Settings(home=tmp_path)) as lake,
        pytest.raises(QueryError, match="A file of the lake cannot be read"),
    ):
        lake.rows("from gold.t")


@pytest.mark.parametrize("name", ["n=7", "event_hour=1999-01-01T00", "it's", "a {1,2} b", "a*b?"])
def test_a_home_s_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    write_deltalake(str(home / "lake" / "gold" / "t"), ROWS, partition_by=["event_hour"])
    with Lake(Settings(home=home)) as lake:
        found = lake.rows("select n, items[1].item_id as item, event_hour from gold.t order by n")
        [late] = lake.rows("select count(*) as n from gold.t where event_hour > '2026-11-20T10'")
    assert [tuple(row.values()) for row in found] == [
        (1, "A", "2026-11-20T10"),
        (None, None, "2026-11-20T11"),
    ]
    assert late == {"n": 1}


@pytest.mark.parametrize("name", ["home", "it's"])
def test_what_does_not_fit_into_memory_lies_in_the_home(tmp_path: Path, name: str) -> None:
    settings = Settings(home=tmp_path / name)
    with Lake(settings) as lake:
        [row] = lake.rows("select current_setting('temp_directory') as place")
    assert Path(str(row["place"])).parent == settings.state

"""Exports hold gold's rows; a spreadsheet computes nothing from them."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from clickstream_platform.errors import UsageError
from clickstream_platform.publish.export import export_tables
from clickstream_platform.settings import Settings
from clickstream_platform_tests.queries import lake_rows


def test_the_duckdb_file_holds_every_gold_table(tiny: Settings, tmp_path: Path) -> None:
    out = tmp_path / "shop.duckdb"
    for _ in range(2):  # the second export takes the first one's place
        counts = dict(export_tables(tiny, "duckdb", out))
    assert counts["gold.fact_sessions"] == 4
    with duckdb.connect(str(out), read_only=True) as found:
        assert found.execute("select sum(value) from gold.fact_transactions").fetchone() == (50.5,)
    assert [path.name for path in tmp_path.iterdir()] == ["shop.duckdb"]


def test_parquet_keeps_types(tiny: Settings, tmp_path: Path) -> None:
    list(export_tables(tiny, "parquet", tmp_path, ["gold/fact_sessions"]))
    found = pq.read_table(tmp_path / "gold.fact_sessions.parquet")
    assert found.num_rows == 4
    assert str(found.schema.field("started_at").type) == "timestamp[us, tz=UTC]"


def test_no_csv_cell_is_a_formula(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path / "home")
    pages = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "fine", "a=b"]
    lake_rows.write(home.home, "gold/fact_sessions", [
        lake_rows.session(f"s{n}", "10:50:00", "10:51:00", landing_page=page)
        for n, page in enumerate(pages)
    ])  # fmt: skip
    list(export_tables(home, "csv", tmp_path / "out", ["gold/fact_sessions"]))
    with (tmp_path / "out" / "gold.fact_sessions.csv").open(newline="") as file:
        cells = {row["session_id"]: row["landing_page"] for row in csv.DictReader(file)}
    shown = [cells[f"s{n}"] for n in range(len(pages))]
    assert shown == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "fine", "a=b"]


def test_no_rejected_line_is_a_formula_either(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path / "home")
    bad = {
        "source": "shop",
        "event_hour": lake_rows.TEN,
        "reasons": ["malformed_line"],
        "raw": b"=1+1",
    }
    lake_rows.write(home.home, "silver/quarantine", [bad])
    list(export_tables(home, "csv", tmp_path / "out", ["silver/quarantine"]))
    assert "'=1+1" in (tmp_path / "out" / "silver.quarantine.csv").read_text()


def test_a_wrong_place_or_table_is_explained(tiny: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No table gold\.nothing"):
        list(export_tables(tiny, "csv", tmp_path, ["gold/nothing"]))
    with pytest.raises(UsageError, match="name a file"):
        list(export_tables(tiny, "duckdb", tmp_path))

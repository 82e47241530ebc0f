"""The benchmark's full scan prunes nothing, and asks for the same rows as the pruned query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from benchmarks import pruning

DAY = "2024-11-02"


def _table(place: Path) -> None:
    times = [datetime(2024, 11, 1, 23, 59, tzinfo=UTC) + timedelta(hours=n) for n in range(26)]
    rows = {
        "event_hour": [f"{time:%Y-%m-%dT%H}" for time in times],
        "event_timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
        "event_name": ["page_view"] * len(times),
        "visitor_id": ["v"] * len(times),
        "value": [1.0] * len(times),
    }
    write_deltalake(str(place), pa.table(rows), partition_by=["event_hour"])


def test_both_ways_find_the_day_s_rows_and_no_others(tmp_path: Path) -> None:
    _table(tmp_path)
    full, pruned = (pruning.ask(tmp_path, condition) for condition in pruning.ways_to(DAY).values())
    assert full == pruned == [("page_view", 24, 1, 24.0)]


def test_only_the_named_hours_reach_the_scan(tmp_path: Path) -> None:
    _table(tmp_path)
    plans = {}
    with duckdb.connect() as connection:
        connection.register("rows", DeltaTable(str(tmp_path)).to_pyarrow_dataset())
        for name, condition in pruning.ways_to(DAY).items():
            question = pruning.QUESTION.format(rows="rows", day=condition)
            scan = connection.execute(f"EXPLAIN {question}").fetchall()[0][1]
            plans[name] = scan.partition("Arrow Scan")[2]

    assert "Filters" not in plans["full scan"]
    assert "Filters" in plans["the day's hours named"]

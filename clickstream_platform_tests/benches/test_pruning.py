"""The benchmark's full scan prunes nothing, and asks for the same rows as the pruned query."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from benchmarks import pruning
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.storage import delta
from clickstream_platform.tables.silver import SILVER_EVENTS

DAY = "2024-11-02"


@pytest.fixture
def year(tmp_path: Path) -> Settings:
    """26 hours of one line each, the first and the last of other days."""
    times = [datetime(2024, 11, 1, 23, 59, tzinfo=UTC) + timedelta(hours=n) for n in range(26)]
    rows = {
        "event_hour": [f"{time:%Y-%m-%dT%H}" for time in times],
        "event_timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
        "event_name": ["page_view"] * len(times),
        "visitor_id": ["v"] * len(times),
        "value": [1.0] * len(times),
    }
    found = read_settings(home=tmp_path)
    place = delta.location(found.lake, SILVER_EVENTS)
    write_deltalake(place, pa.table(rows), partition_by=["event_hour"])
    return found


def test_both_ways_find_the_day_s_rows_and_no_others(year: Settings) -> None:
    full, pruned = (pruning.ask(year, condition) for condition in pruning.ways_to(DAY).values())
    assert full == pruned
    assert [tuple(row.values()) for row in full] == [("page_view", 24, 1, 24.0)]


def test_only_the_named_hours_are_scanned(year: Settings) -> None:
    with Lake(year) as lake:
        plans = {
            name: str(lake.rows("EXPLAIN ANALYZE " + pruning.QUESTION.format(day=condition)))
            for name, condition in pruning.ways_to(DAY).items()
        }
    files = {name: re.findall(r"Total Files Read: (\d+)", plan) for name, plan in plans.items()}
    assert files == {"full scan": ["26"], "the day's hours named": ["24"]}

"""One day of a year, asked of a full scan and of a query that names the day."""

from __future__ import annotations

import statistics
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from benchmarks import data
from benchmarks.harness import Finding, Setting
from benchmarks.noop import built_home
from benchmarks.probe import timed
from clickstream_platform.hours import shift

MONTHS = 12
QUESTION = (
    "SELECT event_name, count(*), count(DISTINCT visitor_id), sum(value) FROM {rows} "
    "WHERE {day} GROUP BY ALL ORDER BY ALL"
)


def bench(setting: Setting) -> Finding:
    """A year of silver is a built month twelve times over, moved on by 30 days each."""
    year = _year(setting)
    day = f"{shift(data.START, 24 * 200)[:10]}"
    by_day = f"event_timestamp >= TIMESTAMPTZ '{day}' AND event_timestamp < " + (
        f"TIMESTAMPTZ '{day}' + INTERVAL 1 DAY"
    )
    by_hour = f"event_hour BETWEEN '{day}T00' AND '{day}T23'"
    ways = {
        "full scan, filtered afterwards": lambda: _ask(year, by_day, prune=False),
        "the day's hours named": lambda: _ask(year, by_hour, prune=True),
    }
    answers = {name: ask() for name, ask in ways.items()}
    if len({str(answer) for answer in answers.values()}) != 1:
        raise RuntimeError("the two ways must give the same rows")
    times = {name: [timed(ask) for _ in range(setting.repeats)] for name, ask in ways.items()}
    full, pruned = (statistics.median(found) for found in times.values())
    return Finding(
        title=f"One day of a year of {setting.size * MONTHS:,} events",
        columns=("query", "seconds, median"),
        rows=[[name, f"{statistics.median(found):.3f}"] for name, found in times.items()],
        notes=[f"full ÷ pruned: {full / pruned:.1f} (aim: at least 10)"],
        samples=times,
    )


def _ask(place: Path, condition: str, *, prune: bool) -> list[tuple]:
    dataset = DeltaTable(str(place)).to_pyarrow_dataset()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        columns = ["event_hour", "event_timestamp", "event_name", "visitor_id", "value"]
        rows = dataset if prune else dataset.to_table(columns=columns)
        connection.register("rows", rows)
        return connection.execute(QUESTION.format(rows="rows", day=condition)).fetchall()


def _year(setting: Setting) -> Path:
    month = built_home(setting)
    place = setting.folder / "homes" / f"year-{setting.size}"
    if not (place / ".built").exists():
        rows = DeltaTable(str(month / "lake/silver/events")).to_pyarrow_table()
        for number in range(MONTHS):
            moved = _moved(rows, days=30 * number)
            write_deltalake(str(place), moved, partition_by=["event_hour"], mode="append")
        (place / ".built").touch()
    return place


def _moved(rows: pa.Table, *, days: int) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows", rows)
        return connection.sql(
            f"SELECT * REPLACE (event_timestamp + INTERVAL {days} DAY AS event_timestamp, "
            "strftime(try_strptime(event_hour, '%Y-%m-%dT%H') "
            f"+ INTERVAL {days} DAY, '%Y-%m-%dT%H') AS event_hour) FROM rows"
        ).to_arrow_table()

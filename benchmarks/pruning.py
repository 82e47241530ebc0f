"""One day of a year, asked of a full scan and of a query that names the day."""

from __future__ import annotations

import statistics
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from benchmarks import data
from benchmarks.harness import Finding, Setting
from benchmarks.noop import built_home
from benchmarks.probe import timed
from clickstream_platform.hours import shift
from clickstream_platform.tables.silver import SILVER_EVENTS

MONTHS, DAY_US = 12, 86_400_000_000
QUESTION = (
    "SELECT event_name, count(*), count(DISTINCT visitor_id), sum(value) FROM {rows} "
    "WHERE {day} GROUP BY ALL ORDER BY ALL"
)


def bench(setting: Setting) -> Finding:
    """A year of silver is a built month twelve times over, moved on by 30 days each.

    Both ways stream the table's files through DuckDB with the same columns; the full scan asks by
    an expression that neither the log nor Parquet's statistics can be compared with.
    """
    year = _year(setting)
    day = f"{shift(data.START, 24 * 200)[:10]}"
    ways = ways_to(day)
    answers = {name: ask(year, condition) for name, condition in ways.items()}
    if len({str(answer) for answer in answers.values()}) != 1 or not answers["full scan"]:
        raise RuntimeError(f"the two ways must give the same rows, and some, of {day}")
    times = {
        name: [timed(lambda asked=condition: ask(year, asked)) for _ in range(setting.repeats)]
        for name, condition in ways.items()
    }
    full, pruned = (statistics.median(found) for found in times.values())
    return Finding(
        title=f"One day of a year of {setting.size * MONTHS:,} events",
        columns=("query", "seconds, median"),
        rows=[[name, f"{statistics.median(found):.3f}"] for name, found in times.items()],
        notes=[f"full ÷ pruned: {full / pruned:.1f} (aim: at least 10)"],
        samples=times,
    )


def ways_to(day: str) -> dict[str, str]:
    """The same rows by two conditions: DuckDB makes no range of a division, as of date_trunc."""
    number = (date.fromisoformat(day) - date(1970, 1, 1)).days
    return {
        "full scan": f"epoch_us(event_timestamp) // {DAY_US} = {number}",
        "the day's hours named": f"event_hour BETWEEN '{day}T00' AND '{day}T23'",
    }


def ask(place: Path, condition: str) -> list[tuple]:
    dataset = DeltaTable(str(place)).to_pyarrow_dataset()
    with duckdb.connect() as connection:
        connection.register("rows", dataset)
        return connection.execute(QUESTION.format(rows="rows", day=condition)).fetchall()


def _year(setting: Setting) -> Path:
    """With the statistics that the platform has its engine keep of silver, and no others."""
    month = built_home(setting)
    place = setting.folder / "homes" / f"year-{setting.size}-stats"
    if not (place / ".built").exists():
        rows = DeltaTable(str(month / "lake/silver/events")).to_pyarrow_table()
        kept = {"delta.dataSkippingStatsColumns": ",".join(SILVER_EVENTS.stats_columns)}
        for number in range(MONTHS):
            write_deltalake(
                str(place),
                _moved(rows, days=30 * number),
                partition_by=["event_hour"],
                mode="append",
                configuration=kept,
            )
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

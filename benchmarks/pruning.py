"""One day of a year, asked of a full scan and of a query that names the day."""

from __future__ import annotations

import os
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
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.storage import delta
from clickstream_platform.tables.silver import SILVER_EVENTS

MONTHS, DAY_US = 12, 86_400_000_000
QUESTION = (
    "SELECT event_name, count(*) AS events, count(DISTINCT visitor_id) AS visitors, "
    "sum(value) AS value FROM silver.events WHERE {day} GROUP BY ALL ORDER BY ALL"
)


def bench(setting: Setting) -> Finding:
    """A year of silver is a built month twelve times over, moved on by 30 days each.

    Both ways ask as `clickstream query` and the dashboard do; the full scan by an expression that
    neither the log nor Parquet's statistics can be compared with.
    """
    year = _year(setting)
    day = f"{shift(data.START, 24 * 200)[:10]}"
    ways = ways_to(day)
    answers = {name: ask(year, condition) for name, condition in ways.items()}
    if len({str(answer) for answer in answers.values()}) != 1 or not answers["full scan"]:
        raise RuntimeError(f"the two ways must give the same rows, and some, of {day}")
    times: dict[str, dict[str, list[float]]] = {name: {} for name in ways}
    for name, condition in ways.items():
        for state, is_new in (("known", False), ("new", True)):
            times[name][state] = [
                _seconds(year, condition, is_new=is_new) for _ in range(setting.repeats)
            ]
    medians = {
        name: {state: statistics.median(found) for state, found in of_way.items()}
        for name, of_way in times.items()
    }
    full, pruned = medians.values()
    return Finding(
        title=f"One day of a year of {setting.size * MONTHS:,} events",
        columns=("query", "seconds, median", "with a new commit before it"),
        rows=[[name, f"{of['known']:.3f}", f"{of['new']:.3f}"] for name, of in medians.items()],
        notes=[
            f"full ÷ pruned: {full['known'] / pruned['known']:.1f} (aim: at least 10); with a new "
            f"commit before each query, whose log is then read: {full['new'] / pruned['new']:.1f}",
        ],
        samples=times,
    )


def _seconds(year: Settings, condition: str, *, is_new: bool) -> float:
    """Of one query; what is kept of a table holds until its newest commit is another file."""
    if is_new:
        commits = Path(delta.location(year.lake, SILVER_EVENTS), "_delta_log").glob("*.json")
        os.utime(max(commits))
    return timed(lambda: ask(year, condition))


def ways_to(day: str) -> dict[str, str]:
    """The same rows by two conditions: DuckDB makes no range of a division, as of date_trunc."""
    number = (date.fromisoformat(day) - date(1970, 1, 1)).days
    return {
        "full scan": f"epoch_us(event_timestamp) // {DAY_US} = {number}",
        "the day's hours named": f"event_hour BETWEEN '{day}T00' AND '{day}T23'",
    }


def ask(year: Settings, condition: str) -> list[dict[str, object]]:
    with Lake(year) as lake:
        return lake.rows(QUESTION.format(day=condition))


def _year(setting: Setting) -> Settings:
    """A home with silver alone; with the statistics that the platform has its engine keep of it,
    and no others."""
    month = built_home(setting)
    home = setting.folder / "homes" / f"year-{setting.size}"
    year = read_settings(home=home)
    place = delta.location(year.lake, SILVER_EVENTS)
    if not (home / ".built").exists():
        rows = DeltaTable(str(month / "lake/silver/events")).to_pyarrow_table()
        kept = {"delta.dataSkippingStatsColumns": ",".join(SILVER_EVENTS.stats_columns)}
        for number in range(MONTHS):
            write_deltalake(
                place,
                _moved(rows, days=30 * number),
                partition_by=["event_hour"],
                mode="append",
                configuration=kept,
            )
        (home / ".built").touch()
    return year


def _moved(rows: pa.Table, *, days: int) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows", rows)
        return connection.sql(
            f"SELECT * REPLACE (event_timestamp + INTERVAL {days} DAY AS event_timestamp, "
            "strftime(try_strptime(event_hour, '%Y-%m-%dT%H') "
            f"+ INTERVAL {days} DAY, '%Y-%m-%dT%H') AS event_hour) FROM rows"
        ).to_arrow_table()

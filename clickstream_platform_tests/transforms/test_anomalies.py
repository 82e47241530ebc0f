"""Eight clean weeks are quiet; what is put into them is found in its hour, by the oracle too."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from clickstream_platform.generator.options import Options, Rates
from clickstream_platform.generator.run import generate_batch
from clickstream_platform.oracle.lake import sql_of
from clickstream_platform.tables.anomalies import ANOMALIES
from clickstream_platform.transforms.anomalies import anomalies

MONDAY = datetime(2024, 9, 30, tzinfo=UTC)
WEEKS = 9  # the first has nothing to be compared with
SEED = 424_242  # used nowhere else
Hours = dict[str, list[float]]  # events, orders, revenue, sessions started
Change = Callable[[list[float]], list[float]]
Row = dict[str, Any]
Alarm = tuple[str, str]  # kind, hour
SCHEMA = pa.schema(
    [
        ("event_hour", pa.string()), ("traffic", pa.string()), ("events", pa.int64()),
        ("orders", pa.int64()), ("revenue", pa.decimal128(22, 2)),
        ("sessions_started", pa.int64()),
    ]
)  # fmt: skip


def key(number: int) -> str:
    return f"{MONDAY + timedelta(hours=number):%Y-%m-%dT%H}"


def clean_weeks(sessions_an_hour: float, seed: int) -> Hours:
    """Sessions by chance about the hour's usual number; events, orders and revenue follow."""
    rng = np.random.default_rng(seed)
    hours: Hours = {}
    for number in range(WEEKS * 168):
        daily = 0.3 + 1.4 * math.sin(number % 24 / 24 * math.pi) ** 2
        weekend = 1.25 if number // 24 % 7 >= 5 else 1.0
        sessions = int(rng.poisson(sessions_an_hour * daily * weekend))
        orders = int(rng.binomial(sessions, 0.03))
        revenue = round(float(rng.lognormal(4.0, 1.0, orders).sum()), 2)
        events = int(rng.integers(3, 21, sessions).sum())
        hours[key(number)] = [events, orders, revenue, sessions]
    return hours


def generated_weeks(folder: Path, events_an_hour: int, seed: int) -> Hours:
    """The same from the generator's lines."""
    span = WEEKS * 168
    clean = Rates(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    options = Options(
        folder, int(MONDAY.timestamp() * 1000), hours=span, events=span * events_an_hour,
        seed=seed, users=20_000, bots=0, rates=clean,
    )  # fmt: skip
    generate_batch(options, lambda _: None)
    columns = "{timestamp: 'varchar', event_type: 'varchar', price: 'double', quantity: 'bigint'}"
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"""
            select left(timestamp, 13), count(*), count(*) filter (event_type = 'purchase'),
                coalesce(sum(price * quantity) filter (event_type = 'purchase'), 0),
                count(*) filter (event_type = 'session_start')
            from read_json('{folder}/**/*.jsonl', columns = {columns})
            group by 1
            """
        ).fetchall()
    return {hour: list(numbers) for hour, *numbers in rows}


def table_of(hours: Hours) -> pa.Table:
    rows = [
        {
            "event_hour": hour, "traffic": kind, "events": int(events) // share,
            "orders": int(orders), "revenue": f"{revenue:.2f}", "sessions_started": int(sessions),
        }
        for hour, (events, orders, revenue, sessions) in hours.items()
        for kind, share in (("all", 1), ("human", 2))
        if events
    ]  # fmt: skip
    text = [
        field if field.name != "revenue" else pa.field("revenue", pa.string()) for field in SCHEMA
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(text)).cast(SCHEMA)


def rows_by_oracle(hours: Hours) -> list[Row]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; create schema gold")
        connection.execute(sql_of("macros"))
        connection.register("hours", table_of(hours))
        connection.execute("create table gold.hourly_metrics as from hours")
        return connection.sql(sql_of("anomalies")).arrow().read_all().to_pylist()


def rows_by_transform(spark: SparkSession, hours: Hours) -> list[Row]:
    days = sorted({hour[:10] for hour in hours})
    return anomalies(spark.createDataFrame(table_of(hours)), days).toArrow().to_pylist()


def by_kind_and_hour(rows: list[Row]) -> dict[Alarm, Row]:
    found = {(row["kind"], f"{row['detected_at']:%Y-%m-%dT%H}"): row for row in rows}
    assert len(found) == len(rows)
    return found


def assert_same_rows(rows: list[Row], expected: list[Row]) -> None:
    """Every column of every row; doubles but for their last digits."""
    mine, theirs = by_kind_and_hour(rows), by_kind_and_hour(expected)
    assert mine.keys() == theirs.keys()
    for alarm, row in mine.items():
        assert row.keys() == theirs[alarm].keys() == {*ANOMALIES.column_names}
        for name, other in theirs[alarm].items():
            if isinstance(other, float):
                assert row[name] == pytest.approx(other, rel=1e-9, abs=1e-9), (alarm, name)
            elif name != "detected_at":  # of which the keys are made
                assert row[name] == other, (alarm, name)


def assert_quiet(found: Iterable[Alarm]) -> None:
    """At most one false alarm in each of the eight weeks."""
    alarms = sorted(found, key=itemgetter(1))
    weeks = Counter(numbers()[hour] // 168 for _, hour in alarms)
    assert max(weeks.values(), default=0) <= 1, alarms


@cache
def numbers() -> dict[str, int]:
    return {key(number): number for number in range(WEEKS * 168)}


def outage(_: list[float]) -> list[float]:
    return [0, 0, 0.0, 0]


def rush(times: int) -> Change:
    return lambda hour: [times * number for number in hour]


def broken_checkout(hour: list[float]) -> list[float]:
    return [hour[0], 0, 0.0, hour[3]]


def wrong_price(hour: list[float]) -> list[float]:
    return [hour[0], hour[1], hour[2] * 10, hour[3]]


@dataclass(frozen=True)
class Incident:
    """`must_find`: by kind, the sessions an hour from which on the shop must notice."""

    day: int
    hour: int
    change: Change
    side: str
    must_find: Mapping[str, int]
    week: int = 8

    @property
    def key(self) -> str:
        return key(self.week * 168 + self.day * 24 + self.hour)

    def reasons(self, kind: str) -> list[str]:
        is_silent = kind == "events" and self.change is outage
        return [f"{kind}_{self.side}", *(["no_events"] if is_silent else [])]


# An hour at night has a third of the usual sessions. Of 3 orders an hour none may come by chance:
# what happens to orders can be told from chance by larger shops alone.
INCIDENTS = (
    Incident(0, 12, outage, "low", {"events": 50, "orders": 300, "revenue": 2_000}),
    Incident(1, 3, outage, "low", {"events": 50, "orders": 2_000}),
    Incident(2, 18, rush(2), "high", {"events": 300}),
    Incident(2, 3, rush(2), "high", {"events": 300}),
    Incident(3, 12, rush(5), "high", {"events": 50, "orders": 300, "revenue": 2_000}),
    Incident(4, 3, rush(5), "high", {"events": 300, "orders": 2_000}),
    Incident(
        4, 12, broken_checkout, "low", {"orders": 300, "conversion_rate": 2_000, "revenue": 2_000}
    ),
    Incident(5, 2, broken_checkout, "low", {"orders": 2_000}),
    Incident(5, 12, wrong_price, "high", {"revenue": 2_000}),
    Incident(6, 3, wrong_price, "high", {"revenue": 2_000}),
    # To the end of its day: no later hour of the day has events.
    Incident(1, 22, outage, "low", {"events": 50, "orders": 2_000}),
    Incident(1, 23, outage, "low", {"events": 300, "orders": 2_000}),
    # In the third week, where the baseline is the same hour of the days before.
    Incident(3, 12, outage, "low", {"events": 50, "orders": 2_000, "revenue": 2_000}, week=2),
    Incident(5, 3, outage, "low", {"events": 300}, week=2),
)


@pytest.mark.parametrize("sessions_an_hour", [50, 300, 2_000])
def test_incidents_of_shops_of_any_size_by_day_and_night_are_found_row_for_row(
    sessions_an_hour: int, spark: SparkSession
) -> None:
    hours = clean_weeks(sessions_an_hour, SEED)
    quiet = by_kind_and_hour(rows_by_oracle(hours)).keys()
    assert_quiet(quiet)
    for incident in INCIDENTS:
        hours[incident.key] = incident.change(hours[incident.key])
    rows = rows_by_transform(spark, hours)
    assert_same_rows(rows, rows_by_oracle(hours))
    found = by_kind_and_hour(rows)
    must_find = {
        (kind, incident.key): incident
        for incident in INCIDENTS
        for kind, size in incident.must_find.items()
        if sessions_an_hour >= size
    }
    assert not must_find.keys() - found.keys()
    assert {hour for _, hour in found.keys() - quiet} <= {incident.key for incident in INCIDENTS}
    for (kind, hour), incident in must_find.items():
        row = found[kind, hour]
        assert (row["event_day"], row["entity"]) == (hour[:10], "shop")
        assert row["reason_codes"] == incident.reasons(kind)
        assert (row["score"] > 0) == (incident.side == "high")
        events, orders, revenue, sessions = hours[hour]
        rate = orders / sessions if sessions else None
        values = {"events": events, "orders": orders, "revenue": revenue, "conversion_rate": rate}
        assert row["value"] == pytest.approx(values[kind])


@pytest.mark.parametrize("sessions_an_hour", [1, 8, 40, 300, 2_000])
def test_eight_clean_weeks_of_shops_of_any_size_are_quiet(sessions_an_hour: int) -> None:
    assert_quiet(by_kind_and_hour(rows_by_oracle(clean_weeks(sessions_an_hour, SEED + 1))))


@pytest.mark.prove
@pytest.mark.parametrize("events_an_hour", [40, 250])
def test_eight_clean_weeks_of_the_generator_are_quiet(
    events_an_hour: int, spark: SparkSession, tmp_path: Path
) -> None:
    hours = generated_weeks(tmp_path, events_an_hour, SEED + events_an_hour)
    rows = rows_by_transform(spark, hours)
    found = by_kind_and_hour(rows).keys()
    print(f"{events_an_hour} events an hour, {len(found)} alarms in eight weeks: {sorted(found)}")
    assert len(hours) > 0.8 * WEEKS * 168
    assert_quiet(found)
    assert_same_rows(rows, rows_by_oracle(hours))

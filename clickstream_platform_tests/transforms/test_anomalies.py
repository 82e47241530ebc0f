"""Eight clean weeks are quiet; what is put into them is found in its hour, by the oracle too."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from clickstream_platform.generator.options import Options, Rates
from clickstream_platform.generator.run import generate_batch
from clickstream_platform.oracle.lake import sql_of
from clickstream_platform.transforms.anomalies import anomalies

MONDAY = datetime(2024, 9, 30, tzinfo=UTC)
WEEKS = 9  # the first has nothing to be compared with
SEED = 424_242  # used nowhere else
Hours = dict[str, list[float]]  # events, orders, revenue, sessions started
Found = set[tuple[str, str]]  # kind, hour
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


def found_by_oracle(hours: Hours) -> Found:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; create schema gold")
        connection.execute(sql_of("macros"))
        connection.register("hours", table_of(hours))
        connection.execute("create table gold.hourly_metrics as from hours")
        rows = connection.execute(sql_of("anomalies")).fetchall()
    return {(row[1], f"{row[2]:%Y-%m-%dT%H}") for row in rows}


def found_by_transform(spark: SparkSession, hours: Hours) -> Found:
    days = sorted({hour[:10] for hour in hours})
    rows = anomalies(spark.createDataFrame(table_of(hours)), days).toArrow().to_pylist()
    return {(row["kind"], f"{row['detected_at']:%Y-%m-%dT%H}") for row in rows}


def test_an_outage_a_rush_a_broken_checkout_and_a_wrong_price_are_found_in_their_hour(
    spark: SparkSession,
) -> None:
    hours = clean_weeks(2_000, SEED)
    quiet = found_by_transform(spark, hours)
    assert len(quiet) <= WEEKS - 1, "at most one false alarm a week"
    at_noon = [key(8 * 168 + 24 * day + 12) for day in range(4)]
    outage, rush, checkout, price = at_noon
    hours[outage] = [0, 0, 0.0, 0]
    hours[rush] = [2 * number for number in hours[rush]]
    hours[checkout] = [hours[checkout][0], 0, 0.0, hours[checkout][3]]
    hours[price][2] *= 10
    found = found_by_transform(spark, hours)
    assert found == found_by_oracle(hours)
    assert found - quiet >= {
        ("events", outage), ("orders", outage), ("events", rush), ("orders", checkout),
        ("conversion_rate", checkout), ("revenue", price),
    }  # fmt: skip
    assert {hour for _, hour in found - quiet} == set(at_noon)


@pytest.mark.parametrize("sessions_an_hour", [1, 8, 40, 300])
def test_eight_clean_weeks_of_shops_of_any_size_are_quiet(sessions_an_hour: int) -> None:
    found = found_by_oracle(clean_weeks(sessions_an_hour, SEED + 1))
    assert len(found) <= WEEKS - 1, sorted(found)


@pytest.mark.prove
@pytest.mark.parametrize("events_an_hour", [40, 250])
def test_eight_clean_weeks_of_the_generator_are_quiet(
    events_an_hour: int, spark: SparkSession, tmp_path: Path
) -> None:
    hours = generated_weeks(tmp_path, events_an_hour, SEED + events_an_hour)
    found = found_by_transform(spark, hours)
    print(f"{events_an_hour} events an hour, {len(found)} alarms in eight weeks: {sorted(found)}")
    assert len(hours) > 0.8 * WEEKS * 168
    assert len(found) <= WEEKS - 1, sorted(found)
    assert found == found_by_oracle(hours)

"""What sessions brought, in the reporting currency and on the day they began; counted by hand."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.oracle.lake import sql_of
from clickstream_platform.tables.activity import DIMENSIONS
from clickstream_platform.transforms.activity import traffic_daily
from clickstream_platform_tests.transforms.literal import money, tuples

ONE, TWO = "2024-11-28", "2024-11-29"
VISITS = [  # day, session, visitor, is a robot that day, purchases of any currency, channel
    (ONE, "late", "v1", False, 2, "Email"),  # begins before midnight and orders after it
    (ONE, "euro", "v2", False, 1, "Email"),
    (ONE, "robot", "r", True, 1, "Direct"),
    (TWO, "looks", "v3", False, 0, "Direct"),
]
PURCHASES = [  # hour, event, session
    (f"{ONE}T23", "e1", "late"), (f"{TWO}T00", "e2", "late"), (f"{TWO}T00", "again", "late"),
    (f"{ONE}T10", "e3", "euro"), (f"{ONE}T11", "e4", "robot"), (f"{TWO}T09", "e5", None),
]  # fmt: skip
ORDERS = [  # hour, event, is reported, value; `again` is a repeat and no order
    (f"{ONE}T23", "e1", True, "10.00"), (f"{TWO}T00", "e2", True, "5.50"),
    (f"{ONE}T10", "e3", False, "99.00"), (f"{ONE}T11", "e4", True, "7.00"),
    (f"{TWO}T09", "e5", True, "3.00"),
]  # fmt: skip
EXPECTED = [
    (ONE, "all", "Direct", 1, 1, 1, money("7.00")),
    (ONE, "all", "Email", 2, 2, 2, money("15.50")),
    (ONE, "human", "Email", 2, 2, 2, money("15.50")),
    (TWO, "all", "Direct", 1, 0, 0, money("0.00")),
    (TWO, "human", "Direct", 1, 0, 0, money("0.00")),
]
COLUMNS = ("event_day", "traffic", "value", "sessions", "converted_sessions", "orders", "revenue")


@pytest.fixture
def sessions(spark: SparkSession) -> DataFrame:
    made = spark.createDataFrame(
        VISITS,
        "event_day string, session_id string, visitor_id string, is_bot_on_day boolean, "
        "purchases bigint, channel_group string",
    )
    unknown = [f"CAST(NULL AS string) AS {n}" for n in DIMENSIONS if n != "channel_group"]
    return made.selectExpr("*", *unknown, "0L AS add_to_carts", "true AS is_engaged")


def test_orders_of_other_currencies_bring_no_revenue_and_others_count_with_their_session(
    spark: SparkSession, sessions: DataFrame
) -> None:
    events = spark.createDataFrame(
        PURCHASES, "event_hour string, event_id string, session_id string"
    )
    orders = spark.createDataFrame(
        [(hour, event, ours, money(value)) for hour, event, ours, value in ORDERS],
        "event_hour string, event_id string, is_reported boolean, value decimal(12,2)",
    )
    found = traffic_daily(
        sessions,
        events.selectExpr("*", "'x' AS id_scope", "'purchase' AS event_name"),
        orders.selectExpr("*", "'x' AS id_scope"),
    )
    assert tuples(found.where("dimension = 'channel_group'"), *COLUMNS) == EXPECTED


def test_the_oracle_says_the_same() -> None:
    def table(name: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        sql.execute(f"create table gold.{name} ({columns})")
        marks = ", ".join("?" * len(rows[0]))
        sql.executemany(f"insert into gold.{name} values ({marks})", rows)

    sql = duckdb.connect()
    sql.execute("create schema gold")
    others = ", ".join(f"{name} varchar" for name in DIMENSIONS if name != "channel_group")
    table("visits", "event_day varchar, session_id varchar, visitor_id varchar, is_bot boolean, "
          "purchases bigint, channel_group varchar", VISITS)  # fmt: skip
    table("session_of", "event_hour varchar, event_id varchar, session_id varchar",
          [row for row in PURCHASES if row[2]])  # fmt: skip
    table("day_orders", "event_hour varchar, event_id varchar, is_reported boolean, "
          "value decimal(12,2)", ORDERS)  # fmt: skip
    table("bot_visitors_hourly", "event_hour varchar, visitor_id varchar, is_bot boolean",
          [(f"{ONE}T11", "r", True)])  # fmt: skip
    for name in ("session_of", "day_orders"):
        sql.execute(f"alter table gold.{name} add column id_scope varchar default 'x'")
    sql.execute(f"create table gold.others ({others})")
    sql.execute("create table gold.day_sessions as select visits.*, others.*, 0 as add_to_carts, "
                "true as is_engaged from gold.visits left join gold.others on true")  # fmt: skip
    found = sql.execute(
        f"select {', '.join(COLUMNS)} from ({sql_of('traffic_daily')}) "
        "where dimension = 'channel_group' order by all"
    ).fetchall()
    assert found == EXPECTED

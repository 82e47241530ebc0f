"""Repeats of a purchase are one order."""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from clickstream_platform.tables.facts import FACT_TRANSACTIONS
from clickstream_platform.transforms.orders import (
    fact_transactions,
    transaction_conflicts,
    with_is_order,
)
from clickstream_platform_tests.transforms.literal import at, tuples


def test_repeats_within_thirty_days_of_the_same_customer_are_one_order(
    spark: SparkSession,
) -> None:
    rows = [
        ("a1", "t1", "u", "v", at("10:00:00", "2024-10-01")),
        ("a2", "t1", "u", "v", at("10:00:00", "2024-10-31")),  # 30 days after: a repeat
        ("a3", "t1", "u", "v", at("10:00:00.000001", "2024-11-30")),  # a microsecond more
        ("b1", "t1", "other", "v", at("10:00:01", "2024-10-01")),
        ("c2", "t2", None, "v", at("11:00:00")),  # arrived first, happened later
        ("c1", "t2", None, "v", at("10:00:00")),
        ("d1", "t3", None, None, at("10:00:00")),
        ("d2", "t3", None, None, at("10:00:01")),
        ("e1", None, "u", "v", at("10:00:00")),
        ("e2", None, "u", "v", at("10:00:00")),
    ]
    schema = "event_id string, transaction_id string, user_id string, visitor_id string, "
    events = spark.createDataFrame(
        [(row[0], *row[1:]) for row in rows], schema + "event_timestamp timestamp"
    ).selectExpr("*", "'s' AS id_scope", "'h' AS event_hour", "1.00 AS value", "null AS currency")
    found = with_is_order(events, repeat_s=30 * 86_400)
    assert tuples(found, "event_id", "is_order") == [
        ("a1", True),
        ("a2", False),
        ("a3", True),
        ("b1", True),
        ("c1", True),
        ("c2", False),
        ("d1", True),
        ("d2", False),
        ("e1", True),
        ("e2", True),
    ]


def test_repeats_with_another_value_or_currency_conflict_with_the_first_purchase(
    spark: SparkSession,
) -> None:
    rows = [
        ("a1", "t1", at("10:00:00"), "20.00", "USD"),
        ("a2", "t1", at("11:00:00"), "20.00", "USD"),
        ("a3", "t1", at("12:00:00"), "25.00", "USD"),
        ("a4", "t1", at("13:00:00"), "20.00", None),
        ("a5", "t1", at("14:00:00"), "25.00", "USD"),  # as the one before, not as the first
        ("b1", "t2", at("10:00:00"), "1.00", None),
        ("b2", "t2", at("10:00:00"), "1.00", None),
        ("c1", None, at("10:00:00"), "3.00", "USD"),
        ("c2", None, at("10:00:00"), "4.00", "USD"),
    ]
    schema = "event_id string, transaction_id string, event_timestamp timestamp, "
    events = spark.createDataFrame(rows, schema + "text string, currency string").selectExpr(
        "*",
        "CAST(text AS decimal(12,2)) AS value",
        "'s' AS id_scope",
        "date_format(event_timestamp, \"yyyy-MM-dd'T'HH\") AS event_hour",
        "'u' AS user_id",
        "'v' AS visitor_id",
    )
    found = transaction_conflicts(with_is_order(events, repeat_s=30 * 86_400))
    columns = ("event_id", "event_hour", "currency", "order_hour", "order_currency")
    order = ("2024-11-29T10", "USD")
    assert tuples(found, *columns) == [
        ("a3", "2024-11-29T12", "USD", *order),
        ("a4", "2024-11-29T13", None, *order),
        ("a5", "2024-11-29T14", "USD", *order),
    ]
    assert tuples(found, "event_id", "value", "order_value") == [
        ("a3", Decimal("25.00"), Decimal("20.00")),
        ("a4", Decimal("20.00"), Decimal("20.00")),
        ("a5", Decimal("25.00"), Decimal("20.00")),
    ]


def test_an_id_that_comes_again_in_another_hour_is_another_order(spark: SparkSession) -> None:
    """Without an order number the event is the order, and the hour tells events of an id apart."""
    rows = [("e1", at("10:59:00")), ("e1", at("11:00:00")), ("e2", at("11:00:00"))]
    events = spark.createDataFrame(rows, "event_id string, event_timestamp timestamp").selectExpr(
        "*",
        "'s' AS id_scope",
        "date_format(event_timestamp, \"yyyy-MM-dd'T'HH\") AS event_hour",
        "CAST(null AS string) AS transaction_id",
        "CAST(null AS string) AS currency",
        "'u' AS user_id",
        "'v' AS visitor_id",
        "false AS is_high_value",
        "CAST(5 AS decimal(12,2)) AS value",
    )
    items = F.from_json(F.lit("[]"), FACT_TRANSACTIONS.struct_type["items"].dataType)
    bought = with_is_order(events.withColumn("items", items), repeat_s=30 * 86_400)
    found = fact_transactions(bought).collect()
    assert sorted((row["event_id"], row["event_hour"]) for row in found) == [
        ("e1", "2024-11-29T10"),
        ("e1", "2024-11-29T11"),
        ("e2", "2024-11-29T11"),
    ]
    assert len({row["order_id"] for row in found}) == 3

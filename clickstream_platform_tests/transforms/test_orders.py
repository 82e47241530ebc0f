"""Repeats of a purchase are one order."""

from __future__ import annotations

from pyspark.sql import SparkSession

from clickstream_platform.transforms.orders import with_is_order
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
    ).selectExpr("*", "'s' AS id_scope")
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

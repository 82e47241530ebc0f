"""The parts of the revenue add up to the orders."""

from __future__ import annotations

from pyspark.sql import SparkSession

from clickstream_platform.transforms.revenue_5min import revenue_5min
from clickstream_platform_tests.transforms.literal import ITEMS, at, item, money, robots, tuples


def test_what_the_items_do_not_explain_stands_in_a_row_of_its_own(spark: SparkSession) -> None:
    both = [item("p1", "10.00", 2, "c"), item("p2", None, None)]
    rows = [
        ("o1", "v", at("10:00:00"), "USD", money("20.00"), both),
        ("o2", "v", at("10:04:59.999999"), "USD", money("12.50"), [item("p1", "10.00", None, "c")]),
        ("o3", "v", at("10:05:00"), "USD", money("5.00"), [item("p1", "5.00", 1, "c")]),
        ("o4", None, at("10:05:00"), None, money("1.00"), [item(None, "2.00", 1)]),
        ("o5", "r", at("10:04:00"), "USD", money("11.00"), [item("p1", "10.00", 1, "c")]),
        ("o6", "r", at("10:10:00"), "USD", money("1.00"), []),
    ]
    schema = (
        "order_id string, visitor_id string, ordered_at timestamp, currency string, "
        f"value decimal(12,2), items {ITEMS}"
    )
    orders = spark.createDataFrame(rows, schema).selectExpr("*", "'2024-11-29T10' AS event_hour")
    names = ("currency", "item_category", "item_id", "orders", "units", "revenue")
    found = revenue_5min(orders, robots(spark, "r"))
    everything = found.where("traffic = 'all' and window_start <> '2024-11-29T10:05:00Z'")
    assert tuples(everything, "window_start", *names) == [
        (at("10:00:00"), "USD", None, None, 2, 0, money("3.50")),
        (at("10:00:00"), "USD", None, "p2", 1, 1, money("0.00")),
        (at("10:00:00"), "USD", "c", "p1", 3, 4, money("40.00")),
        (at("10:10:00"), "USD", None, None, 1, 0, money("1.00")),
    ]
    humans = found.where("traffic = 'human'")
    assert tuples(humans, "window_start", "window_end", *names) == [
        (at("10:00:00"), at("10:05:00"), "USD", None, None, 1, 0, money("2.50")),
        (at("10:00:00"), at("10:05:00"), "USD", None, "p2", 1, 1, money("0.00")),
        (at("10:00:00"), at("10:05:00"), "USD", "c", "p1", 2, 3, money("30.00")),
        (at("10:05:00"), at("10:10:00"), None, None, None, 1, 1, money("1.00")),
        (at("10:05:00"), at("10:10:00"), "USD", "c", "p1", 1, 1, money("5.00")),
    ]

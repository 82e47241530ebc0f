"""What was done in an hour, with robots and without; counted by hand."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.transforms.activity import (
    customer_activity_hourly,
    event_activity_hourly,
)
from clickstream_platform.transforms.product_activity import product_activity_hourly
from clickstream_platform_tests.transforms.literal import ITEMS, item, money, robots, tuples

HOUR = "2024-11-29T10"


def events(spark: SparkSession) -> DataFrame:
    a, b, nameless = item("a", "2.00", 1), item("b", None, None), item(None, "9.00", 1)
    rows = [
        ("v", "u", "view_item", None, [a, a, b, nameless]),
        ("v", "u", "view_item", None, [a]),
        ("v", None, "purchase", "success", [a]),
        (None, None, "add_to_cart", None, [b]),
        ("r", "u", "view_item", None, [a]),  # a robot with the same account
        ("r", None, "purchase", "failure", [b]),
    ]
    schema = f"visitor_id string, user_id string, event_name string, outcome string, items {ITEMS}"
    made = spark.createDataFrame(rows, schema)
    return made.selectExpr("*", f"'{HOUR}' AS event_hour", "'2024-11-29' AS event_day")


def orders(spark: SparkSession) -> DataFrame:
    a, b = item("a", "2.00", 3), item("b", None, None)
    rows = [
        ("o1", "v", "v", True, money("12.00"), [b, a, a]),
        ("o2", "v", "v", False, money("99.00"), [a]),  # of another currency
        ("o3", "r", "r", True, money("5.00"), [b]),
    ]
    schema = (
        "order_id string, visitor_id string, customer_id string, is_reported boolean, "
        f"value decimal(12,2), items {ITEMS}"
    )
    made = spark.createDataFrame(rows, schema)
    return made.selectExpr("*", f"'{HOUR}' AS event_hour", "'2024-11-29' AS event_day")


def test_events_and_visitors_of_each_name_and_outcome(spark: SparkSession) -> None:
    found = event_activity_hourly(events(spark), robots(spark, "r"))
    names = ("traffic", "event_name", "outcome", "events", "visitors")
    assert tuples(found, *names) == [
        ("all", "add_to_cart", None, 1, 0),
        ("all", "purchase", "failure", 1, 1),
        ("all", "purchase", "success", 1, 1),
        ("all", "view_item", None, 3, 2),
        ("human", "add_to_cart", None, 1, 0),
        ("human", "purchase", "success", 1, 1),
        ("human", "view_item", None, 2, 1),
    ]


def test_a_customer_s_events_of_a_robot_are_not_human(spark: SparkSession) -> None:
    found = customer_activity_hourly(events(spark), orders(spark), robots(spark, "r"))
    names = ("traffic", "customer_id", "events", "view_items", "add_to_carts", "orders", "revenue")
    assert tuples(found, *names) == [
        ("all", "r", 1, 0, 0, 1, money("5.00")),
        ("all", "u", 3, 3, 0, 0, money("0.00")),
        ("all", "v", 1, 0, 0, 1, money("12.00")),
        ("human", "u", 2, 2, 0, 0, money("0.00")),
        ("human", "v", 1, 0, 0, 1, money("12.00")),
    ]


def test_a_product_counts_once_an_event_or_order_and_its_lines_add_up(spark: SparkSession) -> None:
    found = product_activity_hourly(events(spark), orders(spark), robots(spark, "r"))
    names = ("traffic", "item_id", "views", "add_to_carts", "orders", "units", "revenue")
    assert tuples(found, *names) == [
        ("all", "a", 3, 0, 1, 6, money("12.00")),
        ("all", "b", 1, 1, 2, 2, money("0.00")),
        ("human", "a", 2, 0, 1, 6, money("12.00")),
        ("human", "b", 1, 1, 1, 1, money("0.00")),
    ]

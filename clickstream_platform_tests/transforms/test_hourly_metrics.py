"""The hour in two rows."""

from __future__ import annotations

from pyspark.sql import SparkSession

from clickstream_platform.transforms.hourly_metrics import hourly_metrics
from clickstream_platform_tests.transforms.literal import at, money, robots


def test_an_hour_is_counted_and_only_the_reporting_currency_adds_up(spark: SparkSession) -> None:
    rows = [
        ("v1", "u1", "page_view", 1, False, None, None),
        ("v1", "u1", "view_item", 2, None, "USD", money("9.00")),
        ("v1", None, "purchase", 3, True, "USD", money("9.00")),
        ("v1", None, "purchase", 4, False, "USD", money("9.00")),  # a repeat
        ("v2", "u2", "purchase", 7, True, None, money("1.50")),  # began in an hour before
        ("v2", "u2", "purchase", 8, True, "EUR", money("100.00")),
        (None, None, "add_to_cart", None, False, None, None),
        ("r", "u1", "page_view", 1, False, None, None),  # a robot with someone's account
        ("r", "u3", "purchase", 2, True, "USD", money("5.00")),
        ("r", "u3", "purchase", 3, True, "EUR", money("6.00")),
    ]
    schema = (
        "visitor_id string, user_id string, event_name string, event_sequence bigint, "
        "is_order boolean, currency string, value decimal(12,2)"
    )
    events = spark.createDataFrame(rows, schema).selectExpr("*", "'2024-11-29T10' AS event_hour")
    found = hourly_metrics(events, robots(spark, "r"), reporting_currency="USD")
    everything, humans = found.orderBy("traffic").toArrow().to_pylist()
    assert humans == {
        "event_hour": "2024-11-29T10",
        "hour_start": at("10:00:00"),
        "traffic": "human",
        "events": 7,
        "visitors": 2,
        "users": 2,
        "page_views": 1,
        "view_items": 1,
        "add_to_carts": 1,
        "sessions_started": 1,
        "orders": 3,
        "revenue": money("10.50"),
        "orders_other_currency": 1,
    }
    assert everything == humans | {
        "traffic": "all",
        "events": 10,
        "visitors": 3,
        "users": 3,
        "page_views": 2,
        "sessions_started": 2,
        "orders": 5,
        "revenue": money("15.50"),
        "orders_other_currency": 2,
    }


def test_an_hour_of_robots_alone_has_no_humans(spark: SparkSession) -> None:
    schema = (
        "event_hour string, visitor_id string, user_id string, event_name string, "
        "event_sequence bigint, is_order boolean, currency string, value decimal(12,2)"
    )
    rows = [("2024-11-29T10", "r", None, "click", 1, False, None, None)]
    events = spark.createDataFrame(rows, schema)
    found = hourly_metrics(events, robots(spark, "r"), reporting_currency="USD")
    assert [row["traffic"] for row in found.toArrow().to_pylist()] == ["all"]
    elsewhere = robots(spark, "r", hour="2024-11-29T11")
    found = hourly_metrics(events, elsewhere, reporting_currency="USD")
    assert sorted(row["traffic"] for row in found.toArrow().to_pylist()) == ["all", "human"]

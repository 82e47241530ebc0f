"""The hour in one row."""

from __future__ import annotations

from pyspark.sql import SparkSession

from clickstream_platform.transforms.hourly_metrics import hourly_metrics
from clickstream_platform_tests.transforms.literal import at, money


def test_an_hour_is_counted_and_only_the_reporting_currency_adds_up(spark: SparkSession) -> None:
    rows = [
        ("v1", "u1", "page_view", 1, False, None, None),
        ("v1", "u1", "view_item", 2, None, "USD", money("9.00")),
        ("v1", None, "purchase", 3, True, "USD", money("9.00")),
        ("v1", None, "purchase", 4, False, "USD", money("9.00")),  # a repeat
        ("v2", "u2", "purchase", 7, True, None, money("1.50")),  # began in an hour before
        ("v2", "u2", "purchase", 8, True, "EUR", money("100.00")),
        (None, None, "add_to_cart", None, False, None, None),
    ]
    schema = (
        "visitor_id string, user_id string, event_name string, event_sequence bigint, "
        "is_order boolean, currency string, value decimal(12,2)"
    )
    events = spark.createDataFrame(rows, schema).selectExpr("*", "'2024-11-29T10' AS event_hour")
    found = hourly_metrics(events, reporting_currency="USD").toArrow().to_pylist()
    assert found == [
        {
            "event_hour": "2024-11-29T10",
            "hour_start": at("10:00:00"),
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
    ]

"""The usual price of a product is not moved by a wrong one."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from clickstream_platform.transforms.product_metrics import dim_product_metrics
from clickstream_platform_tests.transforms.literal import money, tuples


@pytest.mark.parametrize(
    ("prices", "price", "band"),
    [
        (("22.79", "22.79", "1139.50"), "22.79", "low"),  # one of three days 50 times too dear
        (("49.99", "50.00"), "49.99", "low"),  # the lower of two
        (("50.00", None, "499.99", "499.99"), "499.99", "middle"),
        (("500.00", None), "500.00", "high"),
        ((None,), None, None),
    ],
)
def test_a_product_costs_what_it_costs_on_most_days(
    prices: tuple[str | None, ...], price: str | None, band: str | None, spark: SparkSession
) -> None:
    days = [
        ("all", "A", f"2024-11-{day:02d}", money(found)) for day, found in enumerate(prices, 10)
    ]
    made = spark.createDataFrame(
        days, "traffic string, item_id string, event_day string, min_price decimal(12,2)"
    ).selectExpr(
        *("*", "min_price * 2 AS max_price", "'c' AS item_category", "1L AS views", "0L AS units"),
        *("0L AS add_to_carts", "0L AS orders", "0BD AS revenue"),
    )
    assert tuples(dim_product_metrics(made), "price", "price_band") == [(money(price), band)]

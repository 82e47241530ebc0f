"""Products that go together: a wholesaler's order, and what is looked at before it is ordered."""

from __future__ import annotations

from pyspark.sql import SparkSession

from clickstream_platform.transforms.product_affinity import product_affinity
from clickstream_platform_tests.transforms.literal import ITEMS, item, tuples

ORDER = f"order_id string, customer_id string, items {ITEMS}"
SESSION = "session_id string, viewed array<string>, ordered array<string>"
COLUMNS = ("basis", "item_a", "item_b", "n", "baskets_a", "baskets_b", "baskets", "lift")


def test_a_basket_of_5000_products_makes_no_pairs_and_no_difference(spark: SparkSession) -> None:
    small = [(f"o{n}", f"c{n}", [item("A", "1", 1), item("B", "1", 1)]) for n in range(3)]
    huge = ("wholesale", "w", [item(f"p{n}", "1", 1) for n in range(5000)])
    sessions = spark.createDataFrame([], SESSION)
    without = product_affinity(spark.createDataFrame(small, ORDER), sessions)
    with_it = product_affinity(spark.createDataFrame([*small, huge], ORDER), sessions)
    expected = [
        ("customer", "A", "B", 3, 3, 3, 3, 1.0),
        ("customer", "B", "A", 3, 3, 3, 3, 1.0),
        ("order", "A", "B", 3, 3, 3, 3, 1.0),
        ("order", "B", "A", 3, 3, 3, 3, 1.0),
    ]
    assert tuples(without, *COLUMNS) == expected
    assert tuples(with_it, *COLUMNS) == expected


def test_looking_at_a_and_ordering_b_has_a_direction(spark: SparkSession) -> None:
    sessions = [
        ("s1", ["A", "B"], ["B"]),
        ("s2", ["A"], ["B"]),
        ("s3", ["A"], []),
        ("s4", ["C"], []),
        ("s5", [], ["B"]),
        ("crawler", [f"p{n}" for n in range(101)] + ["A"], ["B"]),
    ]
    found = product_affinity(
        spark.createDataFrame([], ORDER), spark.createDataFrame(sessions, SESSION)
    )
    # Of four sessions that looked at something and not at everything, three looked at A, two
    # ordered B, and both of these had looked at A.
    assert tuples(found, *COLUMNS) == [("view_to_order", "A", "B", 2, 3, 2, 4, 4 / 3)]

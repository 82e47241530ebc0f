"""Products that go together: a wholesaler's order, and what is looked at before it is ordered."""

from __future__ import annotations

from pyspark.sql import SparkSession

from clickstream_platform.transforms.product_affinity import product_affinity
from clickstream_platform_tests.transforms.literal import ITEMS, item, tuples

ORDER = f"order_id string, customer_id string, items {ITEMS}, is_bot_on_day boolean"
SESSION = "session_id string, viewed array<string>, ordered array<string>, is_bot boolean"
COLUMNS = ("traffic", "basis", "item_a", "item_b", "n", "baskets_a", "baskets_b", "baskets", "lift")


def test_a_basket_of_5000_products_makes_no_pairs_and_no_difference(spark: SparkSession) -> None:
    small = [(f"o{n}", f"c{n}", [item("A", "1", 1), item("B", "1", 1)], False) for n in range(3)]
    huge = ("wholesale", "w", [item(f"p{n}", "1", 1) for n in range(5000)], False)
    sessions = spark.createDataFrame([], SESSION)
    without = product_affinity(spark.createDataFrame(small, ORDER), sessions)
    with_it = product_affinity(spark.createDataFrame([*small, huge], ORDER), sessions)
    expected = [
        (traffic, basis, a, b, 3, 3, 3, 3, 1.0)
        for traffic in ("all", "human")
        for basis in ("customer", "order")
        for a, b in ("AB", "BA")
    ]
    assert tuples(without, *COLUMNS) == expected
    assert tuples(with_it, *COLUMNS) == expected


def test_looking_at_a_and_ordering_b_has_a_direction(spark: SparkSession) -> None:
    sessions = [
        ("s1", ["A", "B"], ["B"], False),
        ("s2", ["A"], ["B"], False),
        ("s3", ["A"], [], False),
        ("s4", ["C"], [], False),
        ("s5", [], ["B"], False),
        ("crawler", [f"p{n}" for n in range(101)] + ["A"], ["B"], False),
    ]
    found = product_affinity(
        spark.createDataFrame([], ORDER), spark.createDataFrame(sessions, SESSION)
    )
    # Of four sessions that looked at something and not at everything, three looked at A, two
    # ordered B, and both of these had looked at A.
    assert tuples(found, *COLUMNS) == [
        (traffic, "view_to_order", "A", "B", 2, 3, 2, 4, 4 / 3) for traffic in ("all", "human")
    ]

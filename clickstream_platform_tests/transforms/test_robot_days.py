"""Marts with robots and without: a visitor that is a robot on one day and a person on the next."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.transforms.customers import (
    dim_user_metrics,
    retention_cohort,
    rfm_scores,
)
from clickstream_platform.transforms.experiments import experiment_exposures, experiment_results
from clickstream_platform.transforms.journey_paths import journey_paths
from clickstream_platform.transforms.product_affinity import product_affinity
from clickstream_platform.transforms.product_metrics import (
    dim_product_metrics,
    product_metrics_daily,
)
from clickstream_platform.transforms.robot_days import with_is_bot_on_day, with_traffic
from clickstream_platform_tests.transforms.literal import ITEMS, at, item, tuples

ONE, TWO, THREE = "2024-11-28", "2024-11-29", "2024-11-30"
Rows = list[tuple[Any, ...]]


@pytest.fixture
def bots(spark: SparkSession) -> DataFrame:
    """`r` is a robot on the first day and on the last."""
    return spark.createDataFrame([(ONE, "r"), (THREE, "r")], "event_day string, visitor_id string")


@pytest.fixture
def sessions(spark: SparkSession, bots: DataFrame) -> DataFrame:
    """`r` comes on both days, `v` on the first; `r` and `v` are customers `c` and `v`."""
    came = [
        (ONE, "s1", "v", "v", at("10:00:00", ONE), at("10:05:00", ONE), True, 1),
        (ONE, "s2", "r", "c", at("11:00:00", ONE), at("11:05:00", ONE), True, 1),
        (TWO, "s3", "r", "c", at("12:00:00", TWO), at("12:00:09", TWO), False, 0),
    ]
    schema = (
        "event_day string, session_id string, visitor_id string, customer_id string, "
        "started_at timestamp, ended_at timestamp, is_engaged boolean, purchases bigint"
    )
    return with_is_bot_on_day(spark.createDataFrame(came, schema), bots)


@pytest.fixture
def orders(spark: SparkSession, bots: DataFrame) -> DataFrame:
    """`v` and the robot order on the first day, `c` as a person on the second, no one knows who
    on the third, and the robot again."""
    bought: Rows = [
        (ONE, "o1", "v", "v", at("10:04:00", ONE), "10.00", ["A", "B"]),
        (ONE, "o2", "r", "c", at("11:04:00", ONE), "600.00", ["A", "B"]),
        (TWO, "o3", "r", "c", at("12:04:00", TWO), "20.00", ["A"]),
        (THREE, "o4", None, None, at("09:00:00", THREE), "1.00", ["A", "B"]),
        (THREE, "o5", "r", "c", at("10:00:00", THREE), "7.00", ["B"]),
    ]
    rows = [
        (*ids, Decimal(value), True, [item(name, "5.00", 1, "c") for name in names])
        for *ids, value, names in bought
    ]
    schema = (
        "event_day string, order_id string, visitor_id string, customer_id string, "
        f"ordered_at timestamp, value decimal(12,2), is_reported boolean, items {ITEMS}"
    )
    return with_is_bot_on_day(spark.createDataFrame(rows, schema), bots)


def test_a_row_counts_as_human_unless_its_visitor_is_a_robot_that_day(
    spark: SparkSession, bots: DataFrame
) -> None:
    rows = [(ONE, "r"), (TWO, "r"), (ONE, "v"), (ONE, None)]
    came = spark.createDataFrame(rows, "event_day string, visitor_id string")
    found = tuples(
        with_traffic(with_is_bot_on_day(came, bots)), "event_day", "visitor_id", "traffic"
    )
    assert found == [
        (ONE, None, "all"), (ONE, None, "human"), (ONE, "r", "all"), (ONE, "v", "all"),
        (ONE, "v", "human"), (TWO, "r", "all"), (TWO, "r", "human"),
    ]  # fmt: skip


def test_products_of_the_day_and_of_all_time(
    spark: SparkSession, orders: DataFrame, bots: DataFrame
) -> None:
    seen = [
        (ONE, "e1", "view_item", "v", [item("A", "5.00", 1, "c")]),
        (ONE, "e2", "view_item", "r", [item("A", "4.00", 1, "z")]),
        (ONE, "e3", "add_to_cart", "r", [item("C", "1.00", 1)]),
        (TWO, "e4", "view_item", "r", [item("A", "5.00", 1, "c")]),
        (TWO, "e5", "view_item", None, [item("A", "5.00", 1, "c")]),
    ]
    events = spark.createDataFrame(
        [(day, f"{day}T10", "x", *rest) for day, *rest in seen],
        "event_day string, event_hour string, id_scope string, event_id string, "
        f"event_name string, visitor_id string, items {ITEMS}",
    )
    days = product_metrics_daily(events, orders, bots)
    columns = ("event_day", "traffic", "item_id", "item_category", "views", "viewers", "orders",
               "revenue", "min_price")  # fmt: skip
    five = Decimal("5.00")
    assert tuples(days.where(f"event_day <> '{THREE}'"), *columns) == [
        (ONE, "all", "A", "z", 2, 2, 2, 2 * five, Decimal("4.00")),
        (ONE, "all", "B", "c", 0, 0, 2, 2 * five, five),
        (ONE, "all", "C", None, 0, 0, 0, 0 * five, Decimal("1.00")),
        (ONE, "human", "A", "c", 1, 1, 1, five, five),
        (ONE, "human", "B", "c", 0, 0, 1, five, five),
        (TWO, "all", "A", "c", 2, 1, 1, five, five),
        (TWO, "human", "A", "c", 2, 1, 1, five, five),
    ]
    over_all = ("traffic", "item_id", "last_day", "views", "orders")
    assert tuples(dim_product_metrics(days), *over_all) == [
        ("all", "A", THREE, 4, 4), ("all", "B", THREE, 0, 4), ("all", "C", ONE, 0, 0),
        ("human", "A", THREE, 3, 3), ("human", "B", THREE, 0, 2),
    ]  # fmt: skip


def test_journeys(spark: SparkSession, sessions: DataFrame) -> None:
    walked = [("s1", 1, "a"), ("s1", 2, "b"), ("s2", 1, "a"), ("s2", 2, "a"), ("s3", 1, "a")]
    events = spark.createDataFrame(
        walked, "session_id string, event_sequence bigint, event_name string"
    )
    columns = ("event_day", "traffic", "path", "sessions", "exits", "converted_sessions")
    assert tuples(journey_paths(sessions, events), *columns) == [
        (ONE, "all", "a", 2, 1, 2), (ONE, "all", "a > b", 1, 1, 1),
        (ONE, "human", "a", 1, 0, 1), (ONE, "human", "a > b", 1, 1, 1),
        (TWO, "all", "a", 1, 1, 0), (TWO, "human", "a", 1, 1, 0),
    ]  # fmt: skip


def test_a_customer_is_what_they_did_as_a_person(sessions: DataFrame, orders: DataFrame) -> None:
    columns = ("traffic", "customer_id", "first_seen_at", "active_days", "sessions", "orders",
               "customer_lifetime_value", "segment")  # fmt: skip
    assert tuples(dim_user_metrics(sessions, orders), *columns) == [
        ("all", "c", at("11:00:00", ONE), 3, 2, 3, Decimal("627.00"), "High Value"),
        ("all", "v", at("10:00:00", ONE), 1, 1, 1, Decimal("10.00"), "Converted"),
        ("human", "c", at("12:00:00", TWO), 1, 1, 1, Decimal("20.00"), "Converted"),
        ("human", "v", at("10:00:00", ONE), 1, 1, 1, Decimal("10.00"), "Converted"),
    ]
    scores = ("traffic", "customer_id", "as_of_date", "recency_days", "frequency", "r", "f", "m")
    newest, human = date.fromisoformat(THREE), date.fromisoformat(TWO)
    assert tuples(rfm_scores(orders), *scores) == [
        ("all", "c", newest, 0, 3, 4, 4, 4), ("all", "v", newest, 2, 1, 2, 1, 2),
        ("human", "c", human, 0, 1, 4, 1, 4), ("human", "v", human, 1, 1, 2, 1, 2),
    ]  # fmt: skip


def test_who_was_a_robot_first_is_of_the_cohort_they_came_in_as_a_person(
    sessions: DataFrame, orders: DataFrame
) -> None:
    cohorts = retention_cohort(sessions, orders).where("period = 'day' and basis = 'activity'")
    first, second = date.fromisoformat(ONE), date.fromisoformat(TWO)
    columns = ("traffic", "cohort_start", "period_no", "customers", "cohort_size")
    assert tuples(cohorts, *columns) == [
        ("all", first, 0, 2, 2), ("all", first, 1, 1, 2), ("all", first, 2, 1, 2),
        ("human", first, 0, 1, 1), ("human", second, 0, 1, 1),
    ]  # fmt: skip


def test_baskets_hold_what_was_ordered_as_a_person(spark: SparkSession, orders: DataFrame) -> None:
    looked = [("s1", ["A"], ["B"], False), ("s2", ["A"], ["B"], True), ("s3", ["A"], ["B"], False),
              ("s4", ["A"], [], True)]  # fmt: skip
    seen = spark.createDataFrame(
        looked, "session_id string, viewed array<string>, ordered array<string>, is_bot boolean"
    )
    columns = ("traffic", "basis", "n", "baskets_a", "baskets_b", "baskets")
    found = product_affinity(orders, seen).where("item_a = 'A'")
    assert tuples(found, *columns) == [
        ("all", "customer", 2, 2, 2, 2),  # the robot's and the person's orders of `c` together
        ("all", "order", 3, 4, 4, 5),
        ("all", "view_to_order", 3, 4, 3, 4),
        ("human", "order", 2, 3, 2, 3),  # as a person, `c` holds A alone
        ("human", "view_to_order", 2, 2, 2, 2),
    ]


def test_who_sees_an_arm_as_a_robot_has_not_seen_it(
    spark: SparkSession, orders: DataFrame, bots: DataFrame
) -> None:
    seen = [
        (ONE, "x", "control", "v", at("10:00:00", ONE)),
        (ONE, "x", "control", "r", at("11:00:00", ONE)),  # robot: mixed in `all`
        (TWO, "x", "new", "r", at("12:00:00", TWO)),
    ]
    events = spark.createDataFrame(
        seen,
        "event_day string, experiment_id string, variant_id string, visitor_id string, "
        "event_timestamp timestamp",
    )
    exposures = experiment_exposures(events, bots)
    assert tuples(exposures, "event_day", "visitor_id", "is_bot") == [
        (ONE, "r", True), (ONE, "v", False), (TWO, "r", False),
    ]  # fmt: skip
    columns = ("traffic", "variant_id", "exposures", "conversions", "revenue", "mixed_visitors")
    assert tuples(experiment_results(exposures, orders), *columns) == [
        ("all", "control", 1, 1, Decimal("10.00"), 1),
        ("human", "control", 1, 1, Decimal("10.00"), 0),
        ("human", "new", 1, 1, Decimal("20.00"), 0),  # not the robot's order of the day after
    ]

"""The two models of channels: Markov's removal effects, and Shapley values."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise, permutations
from typing import Any

import pytest
from pyspark.sql import SparkSession

from clickstream_platform.oracle.removal import weights as weights_by_solving_anew
from clickstream_platform.tables.attribution import MODELS
from clickstream_platform.transforms.attribution import attribution_credit
from clickstream_platform.transforms.markov import removal_weights
from clickstream_platform_tests.transforms.literal import at, money

SESSION = (
    "event_day string, visitor_id string, session_id string, started_at timestamp, "
    "channel_group string, mkt_source string, mkt_campaign string"
)
ORDER = (
    "event_day string, order_id string, visitor_id string, ordered_at timestamp, "
    "value decimal(12,2), is_reported boolean, is_bot_on_day boolean"
)
DAY = "2024-11-29"


def steps(*journeys: str) -> Counter[tuple[str, str]]:
    """`AB+` is a journey over A and B that ended in an order, `A-` one that did not."""
    counted: Counter[tuple[str, str]] = Counter()
    for text in journeys:
        way = ["(start)", *text[:-1], "(order)" if text[-1] == "+" else "(lost)"]
        counted.update(pairwise(way))
    return counted


def test_a_channel_weighs_what_would_be_lost_without_it() -> None:
    # From the start 2/3 go to A, 1/3 to B; half of A goes on to B, and B always sells: 2/3 in all.
    # Without B nothing is sold, without A one third: it loses half.
    assert removal_weights(steps("AB+", "A-", "B+")) == {"A": 500_000, "B": 1_000_000}
    assert removal_weights(steps("AAAB+", "A-", "B+"))["B"] == 1_000_000
    assert removal_weights(steps("A-", "B-")) == {"A": 1, "B": 1}, "no order, no effect"
    assert removal_weights(steps("A+", "B-")) == {"A": 1_000_000, "B": 1}


@pytest.mark.parametrize("seed", range(40))
def test_one_inverse_gives_what_solving_without_each_channel_gives(seed: int) -> None:
    dice = random.Random(seed)
    channels = "ABCDEFGH"[: dice.randint(1, 8)]
    journeys = [
        "".join(dice.choices(channels, k=dice.randint(1, 6))) + dice.choice("+--")
        for _ in range(dice.randint(1, 50))
    ]
    nested: dict[str, dict[str, int]] = defaultdict(dict)
    for (here, there), n in steps(*journeys).items():
        nested[here][there] = n
    assert removal_weights(steps(*journeys)) == weights_by_solving_anew(nested)


def shapley(journeys: list[tuple[set[str], Decimal]]) -> dict[str, Decimal]:
    """By all orders in which the channels could have been switched on."""
    channels = sorted({channel for used, _ in journeys for channel in used})

    def earned(on: set[str]) -> Decimal:
        return sum((value for used, value in journeys if used <= on), Decimal(0))

    total: dict[str, Decimal] = defaultdict(Decimal)
    ways = list(permutations(channels))
    for way in ways:
        for place, channel in enumerate(way):
            total[channel] += earned({*way[: place + 1]}) - earned({*way[:place]})
    return {channel: worth / len(ways) for channel, worth in total.items()}


def test_channels_get_their_shapley_values_and_orders_keep_their_cents(
    spark: SparkSession,
) -> None:
    dice = random.Random(5)
    ways = ["".join(dice.choices("ABCD", k=dice.randint(1, 7))) for _ in range(25)]
    sessions = [
        (DAY, f"v{v}", f"s{v}-{n}", at(f"10:{n:02d}:00"), channel, None, None)
        for v, way in enumerate(ways)
        for n, channel in enumerate(way)
    ]
    worth = [Decimal(dice.randint(1, 99_999)) / 100 for _ in ways]
    orders = [(DAY, f"o{v}", f"v{v}", at("12:00:00"), value, True) for v, value in enumerate(worth)]
    rows = credits(spark, sessions, orders)
    for model in {row["model"] for row in rows}:
        for v, value in enumerate(worth):
            mine = [r for r in rows if r["model"] == model and r["conversion_id"] == f"o{v}"]
            assert sum(row["credited_value"] for row in mine) == value, model
            assert sum(row["credit"] for row in mine) == 1, model
    by_channel: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["model"] == "shapley":
            by_channel[row["channel_group"]] += row["credited_value"]
    exact = shapley([({*way}, value) for way, value in zip(ways, worth, strict=True)])
    for channel, value in exact.items():  # each order rounds its cents
        assert abs(by_channel[channel] - value) < Decimal("0.01") * len(ways)


def test_markov_learns_from_those_who_did_not_order_that_day(spark: SparkSession) -> None:
    """Both orders went over A and B; of the others A lost many and B none."""
    sessions = [
        *[(DAY, "v1", "s1", at("10:00:00"), "A", None, None),
          (DAY, "v1", "s2", at("11:00:00"), "B", None, None)],
        *[(DAY, f"idle{n}", f"i{n}", at("10:30:00"), "A", None, None) for n in range(3)],
        ("2024-11-28", "old", "o", at("10:00:00", "2024-11-28"), "C", None, None),
    ]  # fmt: skip
    orders = [(DAY, "o1", "v1", at("12:00:00"), money("10.00"), True)]
    found = {r["touch_id"]: r["credited_value"] for r in credits(spark, sessions, orders)
             if r["model"] == "markov"}  # fmt: skip
    # All orders go over A and B alike: without either none is left.
    assert found == {"s1": Decimal("5.00"), "s2": Decimal("5.00")}
    more = [*sessions, (DAY, "v2", "s3", at("10:00:00"), "B", None, None)]
    bought = [*orders, (DAY, "o2", "v2", at("12:00:00"), money("8.00"), True)]
    found = {r["touch_id"]: r["credited_value"] for r in credits(spark, more, bought)
             if r["model"] == "markov"}  # fmt: skip
    # Start: A 4 of 5, B 1 of 5; A goes to B once in 4: 2/5 order in all. Without A 1/5: it loses
    # half; without B all is lost. So A : B = 1 : 2.
    assert found == {"s1": Decimal("3.33"), "s2": Decimal("6.67"), "s3": Decimal("8.00")}


def test_the_look_back_is_what_is_asked_for(spark: SparkSession) -> None:
    sessions = [
        ("2024-11-25", "v1", "early", at("12:00:00", "2024-11-25"), "A", None, None),
        (DAY, "v1", "late", at("11:00:00"), "B", None, None),
    ]
    orders = [(DAY, "o1", "v1", at("12:00:00"), money("10.00"), True)]

    def touched(days: int) -> set[str]:
        rows = credits(spark, sessions, orders, look_back_days=days)
        return {row["touch_id"] for row in rows}

    assert touched(4) == {"early", "late"}, "exactly four days belong"
    assert touched(3) == {"late"}


def test_an_order_without_a_touch_is_whole_in_the_unattributed_row(spark: SparkSession) -> None:
    """Its visitor's sessions started just before the look-back and just after the order; others
    order and look around on the same day."""
    sessions = [
        ("2024-10-30", "v1", "too early", at("11:59:59", "2024-10-30"), "A", None, None),
        (DAY, "v1", "too late", at("12:00:01"), "B", None, None),
        (DAY, "v2", "touch", at("11:00:00"), "A", "x", None),
        (DAY, "v3", "idle", at("11:00:00"), "B", None, None),
    ]
    orders = [
        (DAY, "alone", "v1", at("12:00:00"), money("33.37"), True),
        (DAY, "nobody", None, at("12:00:00"), money("0.01"), True),
        (DAY, "led", "v2", at("12:00:00"), money("10.00"), True),
    ]
    rows = credits(spark, sessions, orders)
    assert {row["model"] for row in rows} == {*MODELS} and len(MODELS) == 7
    for model in MODELS:
        of_model = [row for row in rows if row["model"] == model]
        unattributed = {
            row["conversion_id"]: (row["credited_value"], row["credit"], row["touch_no"])
            for row in of_model
            if row["channel_group"] == "(unattributed)"
        }
        assert unattributed == {
            "alone": (Decimal("33.37"), 1, 0),
            "nobody": (Decimal("0.01"), 1, 0),
        }, model
        touches = {row["touch_id"] for row in of_model if row["conversion_id"] != "led"}
        assert touches == {None}
        assert len(of_model) == 3, "one row an order, nothing twice"
        assert sum(row["credited_value"] for row in of_model) == Decimal("43.38")


def credits(
    spark: SparkSession, sessions: list[Any], orders: list[Any], *, look_back_days: int = 30
) -> list[dict[str, Any]]:
    flagged = [(*order, order[1] == "by robot") for order in orders]
    found = attribution_credit(
        spark.createDataFrame(flagged, ORDER),
        spark.createDataFrame(sessions, SESSION),
        look_back_days=look_back_days,
    )
    return found.toArrow().to_pylist()

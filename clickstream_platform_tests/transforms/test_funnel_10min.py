"""Units at a step, and units through all steps up to it; by visitor and by user, in three modes."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import mean, median
from typing import Any

import pytest
from pyspark.sql import SparkSession

from clickstream_platform.transforms.funnel_10min import funnel_10min
from clickstream_platform_tests.transforms.literal import at, robots, tuples
from clickstream_platform_tests.transforms.test_funnels_daily import MODES, Walk, reached

EVENT = (
    "visitor_id string, user_id string, event_name string, event_timestamp timestamp, "
    "event_id string, id_scope string, event_hour string"
)
TEN, ELEVEN = "2024-11-29T10", "2024-11-29T11"
STEPS = ("a", "b", "c")
TEN_MINUTES = timedelta(minutes=10)
# Visitor, account, event name, moment, event id, id scope, hour.
Event = tuple[str, str | None, str, datetime, str, str, str]
Place = tuple[str, datetime, str, str]  # hour, window, traffic, unit


def test_a_unit_is_through_a_step_only_with_all_steps_before(spark: SparkSession) -> None:
    rows = [
        ("v1", "view_item", at("10:00:00")),
        ("v1", "add_to_cart", at("10:09:59.999999")),
        ("v1", "purchase", at("10:05:00")),
        ("v2", "add_to_cart", at("10:01:00")),  # never viewed
        ("v3", "view_item", at("10:02:00")),
        ("v3", "view_item", at("10:03:00")),
        (None, "view_item", at("10:04:00")),
        ("v1", "purchase", at("10:10:00")),  # the next window begins
        ("r", "view_item", at("10:19:59")),
        ("r", "purchase", at("10:25:00")),  # nobody else is there
    ]
    named = [
        (visitor, None, name, moment, f"e{no}", "x", TEN)
        for no, (visitor, name, moment) in enumerate(rows)
    ]
    events, flagged = spark.createDataFrame(named, EVENT), robots(spark, "r")
    steps = ("view_item", "add_to_cart", "purchase")
    of_all = funnel_10min(events, flagged, steps=steps)
    found = of_all.where("unit = 'session' and mode = 'any'")
    humans = found.where("traffic = 'human'")
    times = {
        (row["window_start"].minute, row["step_no"]): (
            *(row["mean_step_s"], row["median_step_s"], row["median_total_s"]),
        )
        for row in humans.toArrow().to_pylist()
    }
    # v1's purchase of 10:05 waits for its cart of 10:09:59.999999: through both at once.
    assert times == {
        (0, 1): (None, None, None),
        (0, 2): (599.999999, 599.999999, 599.999999),
        (0, 3): (0.0, 0.0, 599.999999),
        **dict.fromkeys([(10, 1), (10, 2), (10, 3)], (None, None, None)),
    }
    names = ("sessions_at_step", "sessions_through_step", "step_rate", "overall_rate")
    assert tuples(humans, "window_start", "window_end", "step_no", "step", *names) == [
        (at("10:00:00"), at("10:10:00"), 1, "view_item", 2, 2, None, 1.0),
        (at("10:00:00"), at("10:10:00"), 2, "add_to_cart", 2, 1, 0.5, 0.5),
        (at("10:00:00"), at("10:10:00"), 3, "purchase", 1, 1, 1.0, 0.5),
        (at("10:10:00"), at("10:20:00"), 1, "view_item", 0, 0, None, None),
        (at("10:10:00"), at("10:20:00"), 2, "add_to_cart", 0, 0, None, None),
        (at("10:10:00"), at("10:20:00"), 3, "purchase", 1, 0, None, None),
    ]
    later = found.where("traffic = 'all' and window_start >= '2024-11-29T10:10:00Z'")
    assert tuples(later, "window_start", "step_no", *names) == [
        (at("10:10:00"), 1, 1, 1, None, 1.0),
        (at("10:10:00"), 2, 0, 0, 0.0, 0.0),
        (at("10:10:00"), 3, 1, 0, None, 0.0),
        (at("10:20:00"), 1, 0, 0, None, None),
        (at("10:20:00"), 2, 0, 0, None, None),
        (at("10:20:00"), 3, 1, 0, None, None),
    ]
    names = ("window_start", "step_no", "sessions_at_step", "sessions_through_step")
    v1_bought_first = of_all.where("traffic = 'human' and mode = 'ordered' and unit = 'user'")
    assert tuples(v1_bought_first, *names)[:3] == [
        (at("10:00:00"), 1, 2, 2),
        (at("10:00:00"), 2, 2, 1),
        (at("10:00:00"), 3, 1, 0),
    ]


def test_a_user_is_counted_once_with_all_devices_and_without_robots(spark: SparkSession) -> None:
    rows = [
        ("phone", "u", "a", at("10:00:00")),
        ("desk", "u", "b", at("10:01:00")),
        ("desk", None, "c", at("10:02:00")),  # signed out: the visitor itself
        ("crawler", "u", "c", at("10:03:00")),
        ("shared", "u1", "a", at("10:04:00")),
        ("shared", "u2", "c", at("10:05:00")),
        ("shared", "u2", "b", at("10:06:00")),
    ]
    events = [(*row, f"e{no}", "x", TEN) for no, row in enumerate(rows)]
    found = funnel_10min(
        spark.createDataFrame(events, EVENT), robots(spark, "crawler"), steps=STEPS
    )
    through = defaultdict(list)
    order = ("traffic", "unit", "mode", "step_no", "sessions_at_step", "sessions_through_step")
    for traffic, unit, mode, _, at_step, came in tuples(found, *order):
        through[traffic, unit, mode].append((at_step, came))
    by_visitor = {
        "any": [(2, 2), (2, 1), (2, 1)],  # shared: a, c, b
        "ordered": [(2, 2), (2, 1), (2, 0)],
        "strict": [(2, 2), (2, 0), (2, 0)],
    }
    assert through == {
        **{("human", "session", mode): counts for mode, counts in by_visitor.items()},
        **{
            ("all", "session", mode): [*counts[:2], (3, counts[2][1])]
            for mode, counts in by_visitor.items()
        },
        **{("human", "user", mode): [(2, 2), (2, 1), (2, 0)] for mode in MODES},
        **{("all", "user", mode): [(2, 2), (2, 1), (3, 1)] for mode in MODES},
    }


def random_visits(seed: int, count: int) -> list[Event]:
    """Visitors whose minutes go over the ends of windows; some events share a moment."""
    rng = random.Random(seed)
    events: list[Event] = []
    for number in range(count):
        moment = at("10:00:00") + timedelta(seconds=rng.randrange(3000, 4200))
        for step in range(rng.randrange(1, 9)):
            moment += timedelta(seconds=rng.choice((0, 1, 7, 40)))
            user = f"u{number // 3}" if rng.random() < 0.4 else None
            event_id = f"{rng.randrange(100):02}-{number}-{step}"
            hour = TEN if moment < at("11:00:00") else ELEVEN
            events.append((f"v{number}", user, rng.choice("aabbccd"), moment, event_id, "x", hour))
    rng.shuffle(events)
    return events


def rows_of(
    events: list[Event], flagged: set[tuple[str, str]]
) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    """Key and values of each row, by a walk in plain Python."""
    walks: dict[Place, dict[str, Walk]] = defaultdict(lambda: defaultdict(list))
    for visitor, user, name, moment, event_id, _, hour in events:
        window = moment - (moment - at("10:00:00")) % TEN_MINUTES
        for unit, unit_id in (("session", visitor), ("user", user or visitor)):
            for traffic in ("all", "human"):
                if traffic == "all" or (hour, visitor) not in flagged:
                    place = (hour, window, traffic, unit)
                    walks[place][unit_id].append((moment, event_id, name))
    for place, by_id in walks.items():
        for mode in MODES:
            times = [reached(walk, STEPS, mode) for walk in by_id.values()]
            for no, step in enumerate(STEPS):
                at_step = sum(step in {name for *_, name in walk} for walk in by_id.values())
                came = [moments for moments in times if len(moments) > no]
                gaps = [(t[no] - t[no - 1]).total_seconds() for t in came] if no else []
                spans = [(t[no] - t[0]).total_seconds() for t in came] if no else []
                said = [mean(gaps), median(gaps), median(spans)] if gaps else [None] * 3
                yield (*place, mode, no + 1), [step, at_step, len(came), *said]


def test_random_visits_come_as_far_as_a_walk_along_them_says(spark: SparkSession) -> None:
    events = random_visits(seed=16, count=300)
    flagged = {(TEN, f"v{number}") for number in range(0, 300, 7)}
    expected = dict(rows_of(events, flagged))
    robots_of_ten = robots(spark, *sorted(visitor for _, visitor in flagged))
    found = funnel_10min(spark.createDataFrame(events, EVENT), robots_of_ten, steps=STEPS)
    keys = ("event_hour", "window_start", "traffic", "unit", "mode", "step_no")
    values = (
        *("step", "sessions_at_step", "sessions_through_step"),
        *("mean_step_s", "median_step_s", "median_total_s"),
    )
    rows = found.toArrow().to_pylist()
    assert {tuple(row[key] for key in keys): [row[name] for name in values] for row in rows} == {
        key: [*row[:3], *(pytest.approx(value) for value in row[3:])]
        for key, row in expected.items()
    }
    assert len(rows) == len(expected)

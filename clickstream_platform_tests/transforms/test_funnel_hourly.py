"""How far sessions come, and how long it takes them, in three modes; counted by hand."""

from __future__ import annotations

from pyspark.sql import SparkSession

from clickstream_platform.transforms.funnel_hourly import funnel_hourly
from clickstream_platform_tests.transforms.literal import at, robots, tuples

STEPS = ("view", "cart", "buy")


def test_a_step_is_reached_when_its_mode_s_condition_first_holds(spark: SparkSession) -> None:
    walks = {
        "straight": [("view", 0), ("cart", 10), ("buy", 40)],
        "detour": [("view", 0), ("buy", 5), ("cart", 20), ("search", 30), ("buy", 60)],
        "backwards": [("cart", 0), ("view", 8)],
        "again": [("view", 0), ("view", 3), ("cart", 9), ("cart", 11), ("view", 12)],
        "elsewhere": [("search", 0)],
        "robot": [("view", 0), ("cart", 1), ("buy", 2)],
    }
    rows = [
        (
            session,
            f"visitor of {session}",
            "2024-11-29T10",
            no,
            name,
            at(f"10:00:{second:02}") if second < 60 else at("10:01:00"),
        )
        for session, walk in walks.items()
        for no, (name, second) in enumerate(walk, start=1)
    ]
    # A robot in a later hour only, in which its session goes on: human in the hour of its start.
    rows.append(("straight", "visitor of straight", "2024-11-29T11", 4, "view", at("11:00:00")))
    rows.append((None, None, "2024-11-29T10", None, "view", at("10:00:00")))
    schema = (
        "session_id string, visitor_id string, event_hour string, event_sequence bigint, "
        "event_name string, event_timestamp timestamp"
    )
    flagged = robots(spark, "visitor of robot").union(
        robots(spark, "visitor of straight", hour="2024-11-29T11")
    )
    found = funnel_hourly(spark.createDataFrame(rows, schema), flagged, steps=STEPS)
    names = ("sessions", "step_rate", "mean_step_s", "median_step_s", "median_total_s")
    everyone = found.where("traffic = 'all'")
    assert tuples(everyone, "event_hour", "mode", "step_no", "sessions") == [
        ("2024-11-29T10", mode, no, sessions)
        for mode, counts in (("any", (5, 5, 3)), ("ordered", (5, 4, 3)), ("strict", (5, 3, 2)))
        for no, sessions in enumerate(counts, start=1)
    ]
    humans = found.where("traffic = 'human'")
    assert tuples(humans, "mode", "step_no", *names) == [
        ("any", 1, 4, None, None, None, None),
        # straight 10, detour 20, backwards 0 (the cart was there before the view), again 9
        ("any", 2, 4, 1.0, 39 / 4, 9.5, 9.5),
        # straight 30; detour's first buy was before its cart: 0
        ("any", 3, 2, 0.5, 15.0, 15.0, 30.0),
        ("ordered", 1, 4, None, None, None, None),
        ("ordered", 2, 3, 0.75, 13.0, 10.0, 10.0),
        ("ordered", 3, 2, 2 / 3, 35.0, 35.0, 50.0),
        ("strict", 1, 4, None, None, None, None),
        # detour: a buy stands between view and cart; again: 9 s after its first view
        ("strict", 2, 2, 0.5, 9.5, 9.5, 9.5),
        ("strict", 3, 1, 0.5, 30.0, 30.0, 40.0),
    ]

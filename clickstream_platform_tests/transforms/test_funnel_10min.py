"""Units at a step, and units through all steps up to it."""

from __future__ import annotations

from pyspark.sql import SparkSession

from clickstream_platform.transforms.funnel_10min import funnel_10min
from clickstream_platform_tests.transforms.literal import at, robots, tuples


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
    schema = "visitor_id string, event_name string, event_timestamp timestamp"
    events = spark.createDataFrame(rows, schema).selectExpr("*", "'2024-11-29T10' AS event_hour")
    flagged = robots(spark, "r")
    found = funnel_10min(events, flagged, steps=("view_item", "add_to_cart", "purchase"))
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

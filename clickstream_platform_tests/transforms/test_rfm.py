"""RFM segments: the whole table, and a shop where most buy once."""

from __future__ import annotations

from collections import Counter

from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.tables.customers import RFM_SEGMENTS
from clickstream_platform.transforms.customers import rfm_scores, rfm_segment
from clickstream_platform_tests.transforms.literal import money, tuples

N, P, L, C = "New Customers", "Promising", "Loyal Customers", "Champions"
PL, NA, S, R = "Potential Loyalist", "Need Attention", "About To Sleep", "At Risk"
X, H, GONE = "Cannot Lose Them", "Hibernating", "Lost"
SEGMENT = {  # r, then a line for each f, in it a segment for each m
    5: ((N, N, PL, PL, PL), (PL, PL, PL, L, L), (PL, L, L, L, C), (L, L, C, C, C), (C,) * 5),
    4: ((P, P, PL, PL, PL), (PL, PL, PL, L, L), (PL, L, L, L, C), (L, L, C, C, C), (C,) * 5),
    3: ((S,) * 5, (S, S, S, NA, NA), (S, NA, NA, NA, L), (NA, NA, L, L, L), (L,) * 5),
    2: ((H,) * 5, (H, H, H, R, R), (H, R, R, R, R), (R,) * 5, (R,) * 5),
    1: ((GONE,) * 5, (GONE, GONE, GONE, R, R), (GONE, R, R, R, X), (R, R, X, X, X), (X,) * 5),
}
PLACES = range(1, 6)


def test_every_scores_segment(spark: SparkSession) -> None:
    every = [(r, f, m) for r in PLACES for f in PLACES for m in PLACES]
    scored = spark.createDataFrame(every, "r bigint, f bigint, m bigint")
    found = scored.withColumn("segment", rfm_segment())
    expected = [(r, f, m, SEGMENT[r][f - 1][m - 1]) for r, f, m in every]
    assert tuples(found, "r", "f", "m", "segment") == expected
    assert {segment for *_, segment in expected} == set(RFM_SEGMENTS)


def mostly_once(spark: SparkSession) -> DataFrame:
    """200 customers over ten days, each day alike; twelve order two or three times."""
    orders = [
        (f"2024-11-{10 + (number + step) % 10:02d}", f"c{number:03d}", money(f"{5 + number % 40}"))
        for number in range(200)
        for step in range(1 if number % 17 else 2 + number % 2)
    ]
    made = spark.createDataFrame(
        orders, "event_day string, customer_id string, value decimal(12,2)"
    )
    return made.selectExpr("*", "true AS is_reported", "false AS is_bot_on_day")


def test_in_a_shop_where_most_buy_once_newcomers_are_new_and_champions_came_back(
    spark: SparkSession,
) -> None:
    scored = tuples(rfm_scores(mostly_once(spark)).where("traffic = 'all'"),
                    "rfm_segment", "frequency", "f")  # fmt: skip
    once = Counter(segment for segment, frequency, _ in scored if frequency == 1)
    more = Counter(segment for segment, frequency, _ in scored if frequency > 1)
    assert sum(once.values()) == 188 and {f for _, times, f in scored if times == 1} == {1}
    assert set(once) == {N, P, PL, S, H, GONE}
    assert more[C] > 0 and not {N, P} & set(more)
    # Six of twelve each: in the middle of the lower half, and of the upper.
    assert {(times, f) for _, times, f in scored} == {(1, 1), (2, 3), (3, 5)}

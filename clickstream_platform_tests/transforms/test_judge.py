"""Every line is accepted, duplicate or quarantined, by the set of lines alone."""

from __future__ import annotations

from pyspark.sql import SparkSession

from clickstream_platform.transforms.judge import Spread, judge
from clickstream_platform_tests.transforms.literal import ITEMS, at, item, money, tuples


def test_the_first_payload_wins_and_of_its_copies_the_smallest_address(
    spark: SparkSession,
) -> None:
    ten, goods = at("10:00:00"), [item("p", "1.00", 1)]
    hour = "2024-11-29T10"
    rows = [
        # file, offset, id, fingerprint, time, name, value, items, reasons, home hour
        ("b", 0, "copy", "f1", ten, "page_view", None, [], [], hour),
        ("a", 9, "copy", "f1", ten, "page_view", None, [], [], hour),
        ("a", 10, "copy", "f1", ten, "page_view", None, [], [], hour),
        ("b", 1, "clash", "f2", ten, "page_view", None, [], [], hour),
        ("a", 1, "clash", "f3", ten, "page_view", None, [], [], hour),
        ("a", 2, "clash", "f3", at("10:00:01"), "page_view", None, [], [], hour),
        ("a", 3, "late", "f4", at("09:00:00"), "page_view", None, [], [], "2024-11-29T09"),
        ("a", 4, "late", "f4", ten, "page_view", None, [], [], hour),  # another hour, another event
        ("a", 5, "sold", "f5", ten, "purchase", money("1.00"), goods, [], hour),
        ("a", 6, "bare", "f6", ten, "purchase", None, [], [], hour),
        ("a", 7, "cheap", "f7", ten, "page_view", None, [item("p", "-0.01", 0)], [], hour),
        ("a", 8, None, "f8", None, None, None, [], ["missing_event_timestamp"], hour),
        ("a", 11, "copy", "f1", ten, "page_view", None, [], ["future_event"], hour),
    ]
    schema = (
        "source_file string, source_offset bigint, event_id string, event_fingerprint string, "
        "event_timestamp timestamp, event_name string, value decimal(12,2), "
        f"items {ITEMS}, reasons array<string>, home_hour string"
    )
    lines = spark.createDataFrame(rows, schema).selectExpr(
        "*",
        "'s' AS id_scope",
        "true AS is_readable",
        "if(source_offset = 2, 'other', 'v') AS visitor_id",
    )
    found = judge(lines, Spread(tasks=3, parts=5)).selectExpr(
        "concat(source_file, source_offset) AS line",
        "verdict",
        "array_join(array_sort(reasons), ',') AS reasons",
        "concat(accepted_source_file, accepted_source_offset) AS winner",
        "winner_fingerprint",
        "reused_id_lines",
    )
    copies = {row[0]: row[1:] for row in tuples(found, *found.columns)}
    assert {line: row[:2] for line, row in copies.items()} == {
        "b0": ("duplicate", ""),
        "a9": ("accepted", ""),
        "a10": ("duplicate", ""),
        "b1": ("accepted", ""),
        "a1": ("quarantined", "event_id_collision"),
        "a2": ("quarantined", "event_id_collision"),
        "a3": ("accepted", ""),
        "a4": ("accepted", ""),
        "a5": ("accepted", ""),
        "a6": ("quarantined", "purchase_without_product,purchase_without_value"),
        "a7": ("quarantined", "negative_price,quantity_below_one"),
        "a8": ("quarantined", "missing_event_id,missing_event_name,missing_event_timestamp"),
        "a11": ("quarantined", "future_event"),
    }
    assert (copies["b0"][2], copies["a10"][2]) == ("a9", "a9")
    assert (copies["a1"][3], copies["a2"][3], copies["b0"][3]) == ("f2", "f2", None)
    assert copies["b1"][4] == 1, "a1 is the same visitor's, a2 another's"
    assert (copies["a9"][4], copies["a3"][4]) == (0, 0), "copies are no other payload"


def test_a_repaired_clock_meets_the_copies_in_the_hour_before(spark: SparkSession) -> None:
    ten, eleven, noon = "2024-11-29T10", "2024-11-29T11", "2024-11-29T12"
    early, late, later = at("10:59:59"), at("11:00:01"), at("12:00:00")
    rows = [
        # line, id, fingerprint, time, repaired, reasons, home hour
        ("a", "copy", "f1", early, True, [], ten),
        ("b", "copy", "f1", late, True, [], eleven),
        ("c", "copy", "f1", at("11:00:02"), True, [], eleven),
        ("d", "copy", "f1", later, True, [], noon),  # meets b, which was repaired too
        ("e", "clash", "f2", early, True, [], ten),
        ("f", "clash", "f3", late, True, [], eleven),
        ("g", "mixed", "f4", early, True, [], ten),
        ("h", "mixed", "f4", late, False, [], eleven),  # its own clock: another event
        ("i", "mixed", "f4", at("11:00:02"), True, [], eleven),
        ("j", "bad", "f5", early, True, ["missing_user_id"], ten),  # no rival of the next hour
        ("k", "bad", "f5", late, True, [], eleven),
        ("l", "far", "f6", early, True, [], ten),
        ("m", "far", "f6", later, True, [], noon),  # two hours on: another event
    ]
    schema = (
        "source_file string, event_id string, event_fingerprint string, "
        "event_timestamp timestamp, is_clock_repaired boolean, reasons array<string>, "
        "home_hour string"
    )
    lines = spark.createDataFrame(rows, schema).selectExpr(
        *("*", "0L AS source_offset", "'s' AS id_scope", "true AS is_readable"),
        *("'v' AS visitor_id", "'page_view' AS event_name", "CAST(NULL AS decimal(12,2)) AS value"),
        f"CAST(array() AS {ITEMS}) AS items",
    )
    found = judge(lines, Spread(tasks=3, parts=5), meets_hour_before=True)
    verdicts = {
        row[0]: row[1:]
        for row in tuples(
            found,
            *("source_file", "verdict", "accepted_source_file", "accepted_of_id", "event_hour"),
        )
    }
    assert verdicts == {
        "a": ("accepted", "a", 1, ten),
        "b": ("duplicate", "a", 1, eleven),
        "c": ("duplicate", "a", 1, eleven),
        "d": ("duplicate", "b", 1, noon),
        "e": ("accepted", "e", 1, ten),
        "f": ("quarantined", "e", 1, eleven),
        "g": ("accepted", "g", 1, ten),
        "h": ("accepted", "h", 1, eleven),
        "i": ("duplicate", "g", 1, eleven),
        "j": ("quarantined", "j", 0, ten),
        "k": ("accepted", "k", 1, eleven),
        "l": ("accepted", "l", 1, ten),
        "m": ("accepted", "m", 1, noon),
    }

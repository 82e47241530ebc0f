"""Chains, sessions and their cap, on literal events."""

from __future__ import annotations

import hashlib

from pyspark.sql import SparkSession

from clickstream_platform.transforms.sessions import with_sessions
from clickstream_platform_tests.transforms.literal import at, tuples

SCHEMA = "visitor_id string, event_id string, id_scope string, event_timestamp timestamp"
HOUR = "date_format(event_timestamp, \"yyyy-MM-dd'T'HH\") AS event_hour"


def session(visitor: str, first: str, hour: str) -> str:
    named = "\x1f".join([visitor, "s", first, hour if "T" in hour else f"2024-11-29T{hour}"])
    return hashlib.md5(named.encode(), usedforsecurity=False).hexdigest()


def test_a_gap_of_exactly_half_an_hour_belongs_and_a_microsecond_more_does_not(
    spark: SparkSession,
) -> None:
    rows = [
        ("on_limit", "a1", "s", at("10:00:00")),
        ("on_limit", "a2", "s", at("10:30:00")),
        ("beyond", "b1", "s", at("10:00:00")),
        ("beyond", "b2", "s", at("10:30:00.000001")),
        ("no_gap", "c2", "s", at("10:00:00")),
        ("no_gap", "c1", "s", at("10:00:00")),  # same moment: the smaller id is first
        ("across", "d2", "s", at("00:10:00", "2024-11-30")),  # listed late: order is by time
        ("across", "d1", "s", at("23:50:00")),
        (None, "n1", "s", at("10:00:00")),
        (None, "n2", "s", at("10:00:01")),
    ]
    found = (
        spark.createDataFrame(rows, SCHEMA)
        .selectExpr("*", HOUR)
        .transform(lambda events: with_sessions(events, idle_s=1800, cap_s=86_400))
    )
    assert tuples(found, "event_id", "session_id", "event_sequence") == [
        ("a1", session("on_limit", "a1", "10"), 1),
        ("a2", session("on_limit", "a1", "10"), 2),
        ("b1", session("beyond", "b1", "10"), 1),
        ("b2", session("beyond", "b2", "10"), 1),
        ("c1", session("no_gap", "c1", "10"), 1),
        ("c2", session("no_gap", "c1", "10"), 2),
        ("d1", session("across", "d1", "23"), 1),
        ("d2", session("across", "d1", "23"), 2),
        ("n1", None, None),
        ("n2", None, None),
    ]


def test_a_chain_is_cut_every_cap_from_its_start(spark: SparkSession) -> None:
    times = ["00:00:00", "00:20:00", "00:39:59.999999", "00:40:00", "01:05:00", "01:20:00"]
    rows = [("v", f"e{number}", "s", at(time)) for number, time in enumerate(times)]
    found = (
        spark.createDataFrame(rows, SCHEMA)
        .selectExpr("*", HOUR)
        .transform(lambda events: with_sessions(events, idle_s=1800, cap_s=2400))
    )
    assert tuples(found, "event_id", "session_id", "event_sequence", "chain_start") == [
        ("e0", session("v", "e0", "00"), 1, at("00:00:00")),
        ("e1", session("v", "e0", "00"), 2, at("00:00:00")),
        ("e2", session("v", "e0", "00"), 3, at("00:00:00")),
        ("e3", session("v", "e3", "00"), 1, at("00:00:00")),  # the cap itself opens the next
        ("e4", session("v", "e3", "00"), 2, at("00:00:00")),
        ("e5", session("v", "e5", "01"), 1, at("00:00:00")),
    ]


def test_an_id_that_opens_sessions_in_two_hours_names_two_sessions(spark: SparkSession) -> None:
    rows = [
        ("v", "e1", "s", at("10:00:00")),
        ("v", "e2", "s", at("10:10:00")),
        ("v", "e1", "s", at("14:00:00")),
        ("v", "e3", "s", at("14:10:00")),
    ]
    found = (
        spark.createDataFrame(rows, SCHEMA)
        .selectExpr("*", HOUR)
        .transform(lambda events: with_sessions(events, idle_s=1800, cap_s=86_400))
    )
    early, late = session("v", "e1", "10"), session("v", "e1", "14")
    assert tuples(found, "event_hour", "event_id", "session_id", "event_sequence") == [
        ("2024-11-29T10", "e1", early, 1),
        ("2024-11-29T10", "e2", early, 2),
        ("2024-11-29T14", "e1", late, 1),
        ("2024-11-29T14", "e3", late, 2),
    ]

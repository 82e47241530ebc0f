"""Event times as text, and the hour a line belongs to."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from clickstream_platform.transforms.times import home_hour, is_future, parsed_time
from clickstream_platform_tests.transforms.literal import at


def test_iso_times_are_read_to_the_microsecond_and_anything_else_is_null(
    spark: SparkSession,
) -> None:
    expected = {
        "2024-11-29T10:00:00": at("10:00:00"),
        "2024-11-29 10:00:00": at("10:00:00"),
        "2024-11-29T10:00:00Z": at("10:00:00"),
        "2024-11-29 10:00:00 UTC": at("10:00:00"),
        "2024-11-29T10:00:00+02:00": at("08:00:00"),
        "2024-11-29T23:30:00-01:30": at("01:00:00", "2024-11-30"),
        "2024-11-29T10:00:00.1234567Z": at("10:00:00.123456"),
        "2024-02-29T00:00:00Z": at("00:00:00", "2024-02-29"),
        "2023-02-29T00:00:00Z": None,
        "2024-11-29T25:00:00Z": None,
        "2024-11-29": None,
        "2024": None,
        "10:30": None,
        "1732874400": None,
        "yesterday": None,
        "": None,
        None: None,
    }
    rows = spark.createDataFrame([(text,) for text in expected], "text string")
    found = rows.select("text", parsed_time(F.col("text"), "iso8601").alias("time")).toArrow()
    assert {row["text"]: row["time"] for row in found.to_pylist()} == expected


def test_epochs_are_whole_numbers_of_their_unit(spark: SparkSession) -> None:
    texts = ["1732874400", "-1", "1.5", "1e9", "", None, "99999999999999999"]
    rows = spark.createDataFrame([(text,) for text in texts], "text string")
    seconds = rows.select("text", parsed_time(F.col("text"), "epoch_s").alias("time")).toArrow()
    found = {row["text"]: row["time"] for row in seconds.to_pylist()}
    assert found["1732874400"] == at("10:00:00")
    assert found["-1"] == at("23:59:59", "1969-12-31")
    assert {text for text, time in found.items() if time is None} == set(texts[2:])
    milli = spark.range(1).select(parsed_time(F.lit("1732874400123"), "epoch_ms")).toArrow()
    assert milli.column(0).to_pylist() == [at("10:00:00.123")]


def test_a_line_lives_in_the_hour_of_its_event_unless_that_cannot_be(spark: SparkSession) -> None:
    first, ingest = "2024-11-29T08", "2024-11-29T10"
    expected = [
        (at("10:30:00"), "2024-11-29T10", False),
        (at("08:00:00"), "2024-11-29T08", False),  # late, on the limit
        (at("07:59:59.999999"), ingest, False),  # before the first hour
        (at("11:04:59.999999"), "2024-11-29T11", False),  # within the allowed skew
        (at("11:05:00"), ingest, True),
        (None, ingest, None),
    ]
    rows = spark.createDataFrame([(time,) for time, _, _ in expected], "time timestamp")
    hour = home_hour(F.col("time"), F.lit(ingest), first_hour=first, max_future_skew_s=300)
    future = is_future(F.col("time"), F.lit(ingest), max_future_skew_s=300)
    found = rows.select("time", hour.alias("hour"), future.alias("future")).toArrow().to_pylist()
    assert {row["time"]: (row["hour"], row["future"]) for row in found} == {
        time: (hour, future) for time, hour, future in expected
    }

"""Event times and hours (docs/DEFINITIONS.md, Reading a line, 5, and Home hour)."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from clickstream_platform.sources.model import TimeFormat

_ISO = (
    r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?"
    r" ?(?:Z|UTC|[+-]\d{2}:\d{2})?$"
)
_MICROS_PER = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
HOUR_PATTERN = "yyyy-MM-dd'T'HH"


def parsed_time(text: Column, time_format: TimeFormat) -> Column:
    """The UTC timestamp; null if the text is none. Never depends on the clock or host zone.

    The pattern goes first: Spark's cast also takes `2024`, and `10:30` as a time of today.
    """
    if time_format == "iso8601":
        return F.when(text.rlike(_ISO), text.try_cast("timestamp"))
    whole = F.when(text.rlike(r"^-?\d{1,17}$"), text.try_cast("bigint"))
    micros = F.try_multiply(whole, F.lit(_MICROS_PER[time_format]))
    return F.timestamp_micros(micros)


def hour_of(timestamp: Column) -> Column:
    """The hour key of a timestamp, such as `2026-11-20T10`."""
    return F.date_format(timestamp, HOUR_PATTERN)


def hour_start(hour: Column) -> Column:
    """The first moment of an hour key."""
    return F.to_timestamp(F.concat(hour, F.lit(":00:00Z")))


def is_future(timestamp: Column, ingest_hour: Column, *, max_future_skew_s: int) -> Column:
    """True from the end of the line's own ingest hour plus the allowed skew on."""
    end = hour_start(ingest_hour) + F.make_dt_interval(secs=F.lit(3600 + max_future_skew_s))
    return timestamp >= end


def is_before(timestamp: Column, first_hour: str) -> Column:
    """True before the platform's first hour."""
    return timestamp < hour_start(F.lit(first_hour))


def home_hour(
    timestamp: Column, ingest_hour: Column, *, first_hour: str, max_future_skew_s: int
) -> Column:
    """The hour of the event time if usable, else the ingest hour; never null."""
    usable = ~is_before(timestamp, first_hour) & ~is_future(
        timestamp, ingest_hour, max_future_skew_s=max_future_skew_s
    )
    return F.when(usable, hour_of(timestamp)).otherwise(ingest_hour)

"""Event times and hours (docs/DEFINITIONS.md, Reading a line, 5, and Home hour)."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from clickstream_platform.sources.model import TimeFormat

_ZONE = r"(?:Z|UTC|[+-]\d{2}:\d{2})"
_ISO = rf"^\d{{4}}-\d{{2}}-\d{{2}}[T ]\d{{2}}:\d{{2}}:\d{{2}}(?:\.\d{{1,9}})? ?{_ZONE}?$"
_MICROS_PER = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_REST = r"(\d{2}:\d{2}:\d{2}.*)$"
# Other ways to write a time, and how each becomes an ISO 8601 text.
_REWRITTEN = {
    "dmy": (rf"^(\d{{2}})[./-](\d{{2}})[./-](\d{{4}})[T ]{_REST}", "$3-$2-$1 $4"),
    "mdy": (rf"^(\d{{2}})[./-](\d{{2}})[./-](\d{{4}})[T ]{_REST}", "$3-$1-$2 $4"),
    "compact": (
        r"^(\d{4})(\d{2})(\d{2})T?(\d{2})(\d{2})(\d{2})(.*)$",
        "$1-$2-$3 $4:$5:$6$7",
    ),
}
_CLF = (
    r"^\d{2}/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}"
    r":\d{2}:\d{2}:\d{2} [+-]\d{4}$"
)
# Up to these a number of seconds or milliseconds lies within the years 1 to 5138.
_SECONDS_BELOW, _MILLIS_BELOW = 10**11, 10**14
_WRITABLE = (-62_135_596_800_000_000, 253_402_300_799_999_999)  # years 1 to 9999
HOUR_PATTERN = "yyyy-MM-dd'T'HH"


def parsed_time(text: Column, time_format: TimeFormat, zone: str = "UTC") -> Column:
    """The UTC timestamp; null if the text is none. Never depends on the clock or host zone.

    `zone` is that of texts that name none. The pattern goes first: Spark's cast also takes `2024`,
    and `10:30` as a time of today.
    """
    if time_format.startswith("epoch"):
        return F.timestamp_micros(_epoch_micros(text, time_format))
    if time_format == "clf":
        found = F.try_to_timestamp(text, F.lit("dd/MMM/yyyy:HH:mm:ss Z"))
        return F.when(text.rlike(_CLF), found)
    if time_format in _REWRITTEN:
        text = F.regexp_replace(text, *_REWRITTEN[time_format])
    moment = F.when(text.rlike(_ISO), text.try_cast("timestamp"))
    if zone == "UTC":
        return moment
    return F.when(text.rlike(f"{_ZONE}$"), moment).otherwise(F.to_utc_timestamp(moment, zone))


def _epoch_micros(text: Column, time_format: TimeFormat) -> Column:
    whole = F.when(text.rlike(r"^-?\d{1,17}$"), text.try_cast("bigint"))
    if time_format != "epoch_auto":
        return F.try_multiply(whole, F.lit(_MICROS_PER[time_format]))
    size = F.abs(whole)
    unit = F.when(size < _SECONDS_BELOW, F.lit(1_000_000)).when(size < _MILLIS_BELOW, F.lit(1_000))
    return F.try_multiply(whole, F.coalesce(unit, F.lit(1)))


def repaired_time(
    client_timestamp: Column, sent_at: Column, received_at: Column, own: Column
) -> Column:
    """received - (sent - created): the event's time by the collector's clock; else `own`."""
    micros = F.unix_micros(received_at) - F.unix_micros(sent_at) + F.unix_micros(client_timestamp)
    return F.coalesce(F.when(micros.between(*_WRITABLE), F.timestamp_micros(micros)), own)


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

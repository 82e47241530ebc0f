"""The fingerprint of an event's business columns (docs/DEFINITIONS.md, Duplicates)."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from clickstream_platform.sources.model import TIME_FIELDS, Source
from clickstream_platform.tables.silver import ITEM
from clickstream_platform.transforms.enrichment import own_column, own_texts

UNIT, RECORD, GROUP = "\x1f", "\x1e", "\x1d"  # ASCII separators: unit, record, group
NULL_TEXT = "\\N"


def joined(texts: Sequence[Column], separator: str) -> Column:
    """The texts with the separator between them, a null one as a mark."""
    return F.concat_ws(separator, *[F.coalesce(text, F.lit(NULL_TEXT)) for text in texts])


def event_fingerprint(source: Source) -> Column:
    """First 16 hex digits of the MD5; equal for two lines that say the same."""
    own = [F.col(own_column(name)) for name in own_texts(source)]
    texts = [*_first(source), _items(source), *_last(), *own]
    return F.left(F.md5(joined(texts, UNIT)), F.lit(16))


def is_clock_repaired(source: Source) -> Column:
    """True if the event's time was worked out from the three times of the line."""
    if not source.event_timestamp.repair_clock:
        return F.lit(False)
    return ~F.greatest(*[F.col(name).isNull() for name in TIME_FIELDS])


def _first(source: Source) -> list[Column]:
    """A repaired time moves with the network from one copy to the next, so it does not count."""
    names = (
        "user_id",
        "anonymous_id",
        "client_session_id",
        "page_location",
        "page_referrer",
        "user_agent",
        "ip_anonymised",
    )
    time = F.unix_micros("event_timestamp").cast("string")
    if source.event_timestamp.repair_clock:
        time = F.when(~is_clock_repaired(source), time)
    return [F.col("event_name"), time, *[F.col(name) for name in names]]


def _last() -> list[Column]:
    names = (
        "value", "currency", "transaction_id", "outcome", "experiment_id", "variant_id",
        "page_title", "geo_country", "geo_region", "geo_city", "tax", "shipping", "coupon",
        "consent_state",
    )  # fmt: skip
    created = F.unix_micros("client_timestamp").cast("string")
    return [*[F.col(name).cast("string") for name in names], created]


def _items(source: Source) -> Column:
    def text(item: Column) -> Column:
        return joined([item[name].cast("string") for name in ITEM.fieldNames()], RECORD)

    if source.items:
        return F.array_join(F.transform("items", text), GROUP)
    return F.when(F.size("items") == 0, F.lit("")).otherwise(text(F.col("items")[0]))

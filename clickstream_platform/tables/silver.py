"""Silver: accepted events, rejected lines and repeated lines, keyed by home hour."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables.contract import RowRule, Table, column
from clickstream_platform.tables.enrichment import RAW, Enrichment

ITEM = T.StructType(
    [
        T.StructField("item_id", T.StringType()),
        T.StructField("item_name", T.StringType()),
        T.StructField("item_brand", T.StringType()),
        T.StructField("item_category", T.StringType()),
        T.StructField("price", T.DecimalType(12, 2)),
        T.StructField("quantity", T.LongType()),
    ]
)
COLUMNS_VERSION = 2  # raise it when a column of silver is new or filled otherwise
RULES_VERSION = 2  # raise it when the rules of silver change what comes out
LINEAGE = (
    "source_file",
    "source_offset",
    "ingest_hour",
    "enqueued_at",
    "run_id",
)


class EventsAsRead(pa.DataFrameModel):
    """What a line says of its event, and where the line is."""

    event_id: T.StringType = column(
        "Kept when a tracker resends; from the line, or a fingerprint of the listed fields.",
        of=(RAW,),
        action="reject",
    )
    id_scope: T.StringType = column("Where `event_id` is unique: the source.", of=(RAW,))
    event_fingerprint: T.StringType = column(
        "First 8 bytes (16 hex digits) of the MD5 of the business columns.",
        of=(RAW,),
        str_matches=r"^[0-9a-f]{16}$",
    )
    event_name: T.StringType = column(
        "What was done (GA4 names); unknown names are kept in snake_case.",
        of=(RAW,),
        action="reject",
        profile=True,
    )
    event_timestamp: T.TimestampType = column("When it was done, UTC.", of=(RAW,))
    event_hour: T.StringType = column("Hour of `event_timestamp`.", of=("bronze/events.home_hour",))
    event_date: T.DateType = column("UTC day of `event_timestamp`.", of=(RAW,))
    hour_of_day: T.IntegerType = column("UTC hour of day.", of=(RAW,), ge=0, le=23, unit="hour")
    is_weekend: T.BooleanType = column("Saturday or Sunday, UTC.", of=(RAW,))
    visitor_id: T.StringType = column(
        "`anonymous_id`, else `user_id`, else `client_session_id`.",
        nullable=True,
        of=(RAW,),
        pii="id",
        profile=True,
    )
    user_id: T.StringType = column(
        "The shop's account id.", nullable=True, of=(RAW,), pii="id", profile=True
    )
    anonymous_id: T.StringType = column(
        "The browser's cookie id.", nullable=True, of=(RAW,), pii="id"
    )
    client_session_id: T.StringType = column(
        "The tracker's own session id.", nullable=True, of=(RAW,), pii="id", profile=True
    )
    page_location: T.StringType = column("URL of the page.", nullable=True, of=(RAW,))
    page_title: T.StringType = column("Title of the page.", nullable=True, of=(RAW,))
    page_referrer: T.StringType = column("URL that led here.", nullable=True, of=(RAW,))
    user_agent: T.StringType = column("As sent by the browser.", nullable=True, of=(RAW,))
    ip_anonymised: T.StringType = column(
        "Client address, cut to /24 (IPv4) or /48 (IPv6).", nullable=True, of=(RAW,), pii="network"
    )
    geo_country: T.StringType = column("Country, as sent by the tracker.", nullable=True, of=(RAW,))
    geo_region: T.StringType = column("Region, as sent by the tracker.", nullable=True, of=(RAW,))
    geo_city: T.StringType = column("City, as sent by the tracker.", nullable=True, of=(RAW,))
    items: Annotated[T.ArrayType, ITEM, True] = column(
        "The products the event is about; empty if none.", of=(RAW,)
    )
    value: Annotated[T.DecimalType, 12, 2] = column(
        "Sum of price x quantity over `items`, without tax and shipping.",
        nullable=True,
        of=(RAW,),
        unit="currency",
        ge=0,
    )
    currency: T.StringType = column(
        "ISO 4217 code.", nullable=True, of=(RAW,), action="warn", str_matches=r"^[A-Z]{3}$"
    )
    transaction_id: T.StringType = column("The shop's order number.", nullable=True, of=(RAW,))
    tax: Annotated[T.DecimalType, 12, 2] = column(
        "Tax of the order as sent; not in `value`.", nullable=True, of=(RAW,), unit="currency"
    )
    shipping: Annotated[T.DecimalType, 12, 2] = column(
        "Shipping of the order as sent; not in `value`.",
        nullable=True,
        of=(RAW,),
        unit="currency",
    )
    coupon: T.StringType = column("Coupon code of the order.", nullable=True, of=(RAW,))
    consent_state: T.StringType = column(
        "What the visitor allowed, as sent.", nullable=True, of=(RAW,)
    )
    outcome: T.StringType = column("`success` or `failure` as sent.", nullable=True, of=(RAW,))
    experiment_id: T.StringType = column("A/B test seen.", nullable=True, of=(RAW,))
    variant_id: T.StringType = column("Arm of the A/B test.", nullable=True, of=(RAW,))
    is_high_value: T.BooleanType = column("An item's price is above the threshold.", of=(RAW,))
    warnings: Annotated[T.ArrayType, T.StringType(), True] = column(
        "Names of the rules that warned; the row was kept.", of=(RAW,)
    )
    reused_id_lines: T.LongType = column(
        "Lines of the same visitor and hour that were rejected because they have this event's id "
        "and another payload.",
        of=(RAW,),
        ge=0,
    )
    client_timestamp: T.TimestampType = column(
        "When it was done by the client's clock, UTC.", nullable=True, of=(RAW,)
    )
    sent_at: T.TimestampType = column(
        "When the client sent it by its own clock, UTC.", nullable=True, of=(RAW,)
    )
    received_at: T.TimestampType = column(
        "When the tracker's collector got it, UTC.", nullable=True, of=(RAW,)
    )
    added_fields: T.StringType = column(
        "JSON of fields the mapping does not know, where its `schema_mode` is `add`.",
        nullable=True,
        of=(RAW,),
        pii="free_text",
    )
    rescued_data: T.StringType = column(
        "JSON of fields the mapping does not know or could not convert.",
        nullable=True,
        of=(RAW,),
        pii="free_text",
    )
    source: T.StringType = column("Source mapping.", of=("bronze/events.source",), profile=True)
    source_version: T.LongType = column("Version of the mapping that read the line.")
    source_file: T.StringType = column("Address of the line.", of=("bronze/events.source_file",))
    source_offset: T.LongType = column("Address of the line.", of=("bronze/events.source_offset",))
    ingest_hour: T.StringType = column("Hour of arrival.", of=("bronze/events.ingest_hour",))
    enqueued_at: T.TimestampType = column(
        "When the broker or file system got it.", nullable=True, of=("bronze/events.enqueued_at",)
    )
    run_id: T.StringType = column("Dagster run that wrote the row.")


class SilverEvents(Enrichment, EventsAsRead):
    """Events that passed every rule; resends removed, late events included."""


def _is_purchase() -> Column:
    return F.col("event_name") == "purchase"


EVENT_ROW_RULES = (
    RowRule(
        "lives_in_its_hour",
        lambda: F.col("event_hour") == F.date_format("event_timestamp", "yyyy-MM-dd'T'HH"),
        "an accepted event lies in the hour it happened in",
    ),
    RowRule(
        "negative_price",
        lambda: F.array_min("items.price") >= 0,
        "no item may have a price below 0",
        "reject",
    ),
    RowRule(
        "quantity_below_one",
        lambda: F.array_min("items.quantity") >= 1,
        "no item may have a quantity below 1",
        "reject",
    ),
    RowRule(
        "purchase_without_product",
        lambda: ~_is_purchase() | F.array_max("items.item_id").isNotNull(),
        "a purchase must name a product",
        "reject",
    ),
    RowRule(
        "purchase_without_value",
        lambda: ~_is_purchase() | F.col("value").isNotNull(),
        "a purchase must have a readable price (and a value below 10 billion)",
        "reject",
    ),
    RowRule(
        "no_visitor",
        lambda: F.col("visitor_id").isNotNull(),
        "an event without visitor counts as event, never in sessions",
        "warn",
    ),
)

SILVER_EVENTS = Table(
    layer="silver",
    name="events",
    model=SilverEvents,
    grain="one row per accepted event",
    keys=("event_hour", "id_scope", "event_id"),
    partition_by="event_hour",
    writer="spark",
    owner="team:data-platform",
    inputs=("bronze/events",),
    row_rules=EVENT_ROW_RULES,
    stats_columns=("event_timestamp", "source", "event_name"),
    lineage_columns=LINEAGE,
    kinds=("pyspark", "deltalake", "silver"),
)


class SilverQuarantine(pa.DataFrameModel):
    """Every line that was rejected, with all reasons, so that it can be repaired and replayed."""

    source: T.StringType = column("Source mapping.", of=("bronze/events.source",))
    source_file: T.StringType = column("Address of the line.", of=("bronze/events.source_file",))
    source_offset: T.LongType = column("Address of the line.", of=("bronze/events.source_offset",))
    ingest_hour: T.StringType = column("Hour of arrival.", of=("bronze/events.ingest_hour",))
    event_hour: T.StringType = column("Home hour of the line.", of=("bronze/events.home_hour",))
    raw: T.BinaryType = column("The line as received.", of=(RAW,), pii="free_text")
    reasons: Annotated[T.ArrayType, T.StringType(), True] = column(
        "Names of the rules the line broke, at least one.", of=(RAW,)
    )
    detail: T.StringType = column(
        "What was found, such as the missing column.", nullable=True, of=(RAW,)
    )
    event_id: T.StringType = column("If it could be read.", nullable=True, of=(RAW,))
    event_name: T.StringType = column("If it could be read.", nullable=True, of=(RAW,))
    event_timestamp: T.TimestampType = column("If it could be read.", nullable=True, of=(RAW,))
    event_fingerprint: T.StringType = column(
        "Of the payload, for `event_id_collision`.", nullable=True, of=(RAW,)
    )
    winner_fingerprint: T.StringType = column(
        "Of the accepted payload with the same id.", nullable=True, of=(RAW,)
    )
    source_version: T.LongType = column("Version of the mapping that read the line.")
    rules_version: T.LongType = column("Version of the rules that judged the line.", ge=1)
    run_id: T.StringType = column("Dagster run that wrote the row.")


SILVER_QUARANTINE = Table(
    layer="silver",
    name="quarantine",
    model=SilverQuarantine,
    grain="one row per rejected line",
    keys=("source_file", "source_offset"),
    partition_by="event_hour",
    writer="spark",
    owner="team:data-platform",
    inputs=("bronze/events",),
    row_rules=(RowRule("has_reason", lambda: F.size("reasons") > 0, "a rejected line says why"),),
    stats_columns=("source",),
    lineage_columns=LINEAGE,
    kinds=("pyspark", "deltalake", "silver"),
)


class SilverDuplicates(pa.DataFrameModel):
    """Every repeated line, and which line survived."""

    source: T.StringType = column("Source mapping.", of=("bronze/events.source",))
    source_file: T.StringType = column("Address of the line.", of=("bronze/events.source_file",))
    source_offset: T.LongType = column("Address of the line.", of=("bronze/events.source_offset",))
    ingest_hour: T.StringType = column("Hour of arrival.", of=("bronze/events.ingest_hour",))
    event_hour: T.StringType = column("Home hour of the line.", of=("bronze/events.home_hour",))
    id_scope: T.StringType = column("Where `event_id` is unique.", of=(RAW,))
    event_id: T.StringType = column("Id shared with the accepted line.", of=(RAW,))
    event_timestamp: T.TimestampType = column("When it was done.", of=(RAW,))
    event_fingerprint: T.StringType = column("Equal to the accepted line's.", of=(RAW,))
    accepted_source_file: T.StringType = column("Address of the line that survived.", of=(RAW,))
    accepted_source_offset: T.LongType = column("Address of the line that survived.", of=(RAW,))
    run_id: T.StringType = column("Dagster run that wrote the row.")


SILVER_DUPLICATES = Table(
    layer="silver",
    name="duplicates",
    model=SilverDuplicates,
    grain="one row per repeated line",
    keys=("source_file", "source_offset"),
    partition_by="event_hour",
    writer="spark",
    owner="team:data-platform",
    inputs=("bronze/events",),
    stats_columns=("source",),
    lineage_columns=(*LINEAGE, "accepted_source_file", "accepted_source_offset"),
    kinds=("pyspark", "deltalake", "silver"),
)

"""Gold facts: events, sessions and orders, keyed by event hour."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables.contract import RowRule, Table, column
from clickstream_platform.tables.silver import ITEM

_SILVER = "silver/events."
_OWNER = "team:analytics"
_SPARK = ("pyspark", "deltalake", "gold")
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")


class FactEvents(pa.DataFrameModel):
    """Accepted events with their server-side session."""

    event_id: T.StringType = column("Id within `id_scope`.", of=(_SILVER + "event_id",))
    id_scope: T.StringType = column("Where `event_id` is unique.", of=(_SILVER + "id_scope",))
    event_name: T.StringType = column("What was done.", of=(_SILVER + "event_name",))
    event_timestamp: T.TimestampType = column("When.", of=(_SILVER + "event_timestamp",))
    event_hour: T.StringType = column("Hour of the event.", of=(_SILVER + "event_hour",))
    event_date: T.DateType = column("UTC day of the event.", of=(_SILVER + "event_date",))
    hour_of_day: T.IntegerType = column("UTC hour of day.", of=(_SILVER + "hour_of_day",))
    is_weekend: T.BooleanType = column("Saturday or Sunday.", of=(_SILVER + "is_weekend",))
    visitor_id: T.StringType = column(
        "Who, as far as one event tells.", nullable=True, of=(_SILVER + "visitor_id",), pii="id"
    )
    user_id: T.StringType = column(
        "The shop's account id.", nullable=True, of=(_SILVER + "user_id",), pii="id"
    )
    client_session_id: T.StringType = column(
        "The tracker's session.", nullable=True, of=(_SILVER + "client_session_id",), pii="id"
    )
    session_id: T.StringType = column(
        "Session of `fact_sessions`; null without visitor.",
        nullable=True,
        of=tuple(
            _SILVER + name for name in ("visitor_id", "event_timestamp", "event_id", "event_hour")
        ),
    )
    event_sequence: T.LongType = column(
        "1 for the session's first event, by (event_timestamp, event_id, id_scope).",
        nullable=True,
        of=(_SILVER + "event_timestamp", _SILVER + "event_id"),
        ge=1,
    )
    page_location: T.StringType = column("Page.", nullable=True, of=(_SILVER + "page_location",))
    page_referrer: T.StringType = column(
        "Referrer.", nullable=True, of=(_SILVER + "page_referrer",)
    )
    items: Annotated[T.ArrayType, ITEM, True] = column("Products.", of=(_SILVER + "items",))
    value: Annotated[T.DecimalType, 12, 2] = column(
        "Sum of price x quantity.", nullable=True, of=(_SILVER + "value",), unit="currency", ge=0
    )
    currency: T.StringType = column("ISO 4217.", nullable=True, of=(_SILVER + "currency",))
    transaction_id: T.StringType = column(
        "Order number.", nullable=True, of=(_SILVER + "transaction_id",)
    )
    outcome: T.StringType = column("As sent.", nullable=True, of=(_SILVER + "outcome",))
    experiment_id: T.StringType = column(
        "A/B test.", nullable=True, of=(_SILVER + "experiment_id",)
    )
    variant_id: T.StringType = column("Arm.", nullable=True, of=(_SILVER + "variant_id",))
    is_high_value: T.BooleanType = column("Dear item.", of=(_SILVER + "is_high_value",))
    device_category: T.StringType = column(
        "Kind of device.", nullable=True, of=(_SILVER + "device_category",)
    )
    is_declared_bot: T.BooleanType = column(
        "The user agent names a robot.", of=(_SILVER + "is_declared_bot",)
    )
    channel_group: T.StringType = column(
        "GA4's default channel group of this event alone.",
        nullable=True,
        of=(_SILVER + "channel_group",),
    )
    mkt_source: T.StringType = column(
        "Campaign's source.", nullable=True, of=(_SILVER + "mkt_source",)
    )
    mkt_medium: T.StringType = column(
        "Campaign's medium.", nullable=True, of=(_SILVER + "mkt_medium",)
    )
    mkt_campaign: T.StringType = column(
        "Campaign's name.", nullable=True, of=(_SILVER + "mkt_campaign",)
    )
    refr_source: T.StringType = column(
        "Referrer: listed name or host.", nullable=True, of=(_SILVER + "refr_source",)
    )
    source: T.StringType = column("Source mapping.", of=(_SILVER + "source",))


FACT_EVENTS = Table(
    layer="gold",
    name="fact_events",
    model=FactEvents,
    grain="one row per accepted event",
    keys=("event_hour", "id_scope", "event_id"),
    partition_by="event_hour",
    writer="spark",
    owner=_OWNER,
    inputs=("silver/events",),
    reach="sessions",
    row_rules=(
        RowRule(
            "visitor_has_session",
            lambda: F.col("visitor_id").isNull() == F.col("session_id").isNull(),
            "an event has a session if and only if it has a visitor",
        ),
    ),
    stats_columns=("event_timestamp", "visitor_id", "event_name"),
    kinds=_SPARK,
)


class FactSessions(pa.DataFrameModel):
    """Server-side sessions: 30 minutes idle, cut every 24 hours from the chain's start."""

    session_id: T.StringType = column(
        "First 32 hex digits of MD5 over visitor, and scope, id and hour of the first event.",
        of=(_SILVER + "visitor_id", _SILVER + "event_id", _SILVER + "event_hour"),
    )
    visitor_id: T.StringType = column("Who.", of=(_SILVER + "visitor_id",), pii="id")
    user_id: T.StringType = column(
        "Last account id seen in the session.", nullable=True, of=(_SILVER + "user_id",), pii="id"
    )
    event_hour: T.StringType = column(
        "Hour of the first event: where the session lives.", of=(_SILVER + "event_timestamp",)
    )
    started_at: T.TimestampType = column("First event.", of=(_SILVER + "event_timestamp",))
    ended_at: T.TimestampType = column("Last event.", of=(_SILVER + "event_timestamp",))
    duration_s: T.DoubleType = column(
        "Last minus first event.", of=(_SILVER + "event_timestamp",), unit="s", ge=0.0
    )
    engaged_time_s: T.DoubleType = column(
        "Sum of the times between one event and the next, each counted with at most 60 s.",
        of=(_SILVER + "event_timestamp",),
        unit="s",
        ge=0.0,
    )
    event_count: T.LongType = column("Events.", of=(_SILVER + "event_id",), ge=1)
    page_views: T.LongType = column("`page_view` events.", of=(_SILVER + "event_name",), ge=0)
    unique_page_views: T.LongType = column(
        "Distinct `page_location` of its `page_view` events.", of=(_SILVER + "page_location",), ge=0
    )
    view_items: T.LongType = column("`view_item` events.", of=(_SILVER + "event_name",), ge=0)
    add_to_carts: T.LongType = column("`add_to_cart` events.", of=(_SILVER + "event_name",), ge=0)
    begin_checkouts: T.LongType = column(
        "`begin_checkout` events.", of=(_SILVER + "event_name",), ge=0
    )
    purchases: T.LongType = column(
        "Orders placed; repeats of a purchase count once.",
        of=(_SILVER + "event_name", _SILVER + "transaction_id"),
        ge=0,
    )
    transaction_revenue: Annotated[T.DecimalType, 22, 2] = column(
        "Value of the orders placed, all currencies added up as they are.",
        of=(_SILVER + "value", _SILVER + "transaction_id"),
        unit="currency",
        ge=0,
    )
    products_viewed: T.LongType = column(
        "Distinct items of its `view_item` events.", of=(_SILVER + "items",), ge=0
    )
    categories_viewed: T.LongType = column(
        "Distinct item categories of its `view_item` events.", of=(_SILVER + "items",), ge=0
    )
    entered_checkout_at_step: T.StringType = column(
        "First event of `begin_checkout`, `add_shipping_info`, `add_payment_info`, `purchase`; "
        "null without any.",
        nullable=True,
        of=(_SILVER + "event_name",),
        isin=["begin_checkout", "add_shipping_info", "add_payment_info", "purchase"],
    )
    client_session_id: T.StringType = column(
        "First session id of the tracker itself.",
        nullable=True,
        of=(_SILVER + "client_session_id",),
        pii="id",
    )
    client_sessions: T.LongType = column(
        "Distinct session ids of the tracker.", of=(_SILVER + "client_session_id",), ge=0
    )
    landing_page: T.StringType = column(
        "First page with a URL.", nullable=True, of=(_SILVER + "page_location",)
    )
    exit_page: T.StringType = column(
        "Last page with a URL.", nullable=True, of=(_SILVER + "page_location",)
    )
    device_category: T.StringType = column(
        "Kind of device, of the first event.", nullable=True, of=(_SILVER + "device_category",)
    )
    channel_group: T.StringType = column(
        "GA4's default channel group, of the first event.",
        nullable=True,
        of=(_SILVER + "channel_group",),
    )
    mkt_source: T.StringType = column(
        "First event's campaign source.", nullable=True, of=(_SILVER + "mkt_source",)
    )
    mkt_medium: T.StringType = column(
        "First event's campaign medium.", nullable=True, of=(_SILVER + "mkt_medium",)
    )
    mkt_campaign: T.StringType = column(
        "First event's campaign name.", nullable=True, of=(_SILVER + "mkt_campaign",)
    )
    refr_source: T.StringType = column(
        "First event's referrer: listed name or host.", nullable=True, of=(_SILVER + "refr_source",)
    )
    browser_name: T.StringType = column(
        "First event's browser.", nullable=True, of=(_SILVER + "browser_name",)
    )
    os_name: T.StringType = column(
        "First event's system.", nullable=True, of=(_SILVER + "os_name",)
    )
    is_engaged: T.BooleanType = column(
        "Over 10 s, or two page or item views, or an order (GA4's rule).",
        of=(_SILVER + "event_timestamp", _SILVER + "event_name"),
    )


FACT_SESSIONS = Table(
    layer="gold",
    name="fact_sessions",
    model=FactSessions,
    grain="one row per session, in the hour of its first event",
    keys=("session_id",),
    partition_by="event_hour",
    writer="deltalake",
    owner=_OWNER,
    inputs=("silver/events",),
    reach="sessions",
    row_rules=(
        RowRule(
            "ends_after_start",
            lambda: F.col("ended_at") >= F.col("started_at"),
            "a session ends at or after its start",
        ),
        RowRule(
            "engaged_within_duration",
            lambda: F.col("engaged_time_s") <= F.col("duration_s"),
            "nobody is engaged for longer than the session lasts",
        ),
    ),
    kinds=_DELTA_RS,
)


class FactTransactions(pa.DataFrameModel):
    """Orders: repeats of a purchase within 30 days are one order, the first payload counts."""

    order_id: T.StringType = column(
        "First 32 hex digits of MD5 over id scope, id and hour of the first purchase event.",
        of=(_SILVER + "id_scope", _SILVER + "event_id", _SILVER + "event_hour"),
    )
    transaction_id: T.StringType = column(
        "The shop's order number; null if it sends none.",
        nullable=True,
        of=(_SILVER + "transaction_id",),
    )
    id_scope: T.StringType = column("Source.", of=(_SILVER + "id_scope",))
    event_id: T.StringType = column("First purchase event.", of=(_SILVER + "event_id",))
    ordered_at: T.TimestampType = column("Its time.", of=(_SILVER + "event_timestamp",))
    event_hour: T.StringType = column("Its hour.", of=(_SILVER + "event_hour",))
    visitor_id: T.StringType = column("Who.", nullable=True, of=(_SILVER + "visitor_id",), pii="id")
    user_id: T.StringType = column("Account.", nullable=True, of=(_SILVER + "user_id",), pii="id")
    value: Annotated[T.DecimalType, 12, 2] = column(
        "Without tax and shipping.", of=(_SILVER + "value",), unit="currency", ge=0
    )
    currency: T.StringType = column("ISO 4217.", nullable=True, of=(_SILVER + "currency",))
    item_count: T.LongType = column("Item lines.", of=(_SILVER + "items",), ge=1)
    units: T.LongType = column(
        "Sum of quantities; a missing one counts 1.", of=(_SILVER + "items",), ge=1
    )
    items: Annotated[T.ArrayType, ITEM, True] = column("Products.", of=(_SILVER + "items",))
    is_high_value: T.BooleanType = column("Dear item.", of=(_SILVER + "is_high_value",))


FACT_TRANSACTIONS = Table(
    layer="gold",
    name="fact_transactions",
    model=FactTransactions,
    grain="one row per order, in the hour of its first purchase event",
    keys=("order_id",),
    partition_by="event_hour",
    writer="deltalake",
    owner=_OWNER,
    inputs=("silver/events",),
    reach="orders",
    kinds=_DELTA_RS,
)

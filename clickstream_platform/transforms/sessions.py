"""Server-side sessions by a closed form (docs/DEFINITIONS.md, Sessions)."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS
from clickstream_platform.transforms.fingerprint import UNIT

ENGAGED_GAP_S = 60
CHECKOUT_STEPS = ("begin_checkout", "add_shipping_info", "add_payment_info", "purchase")
TOTAL_ORDER = ("event_timestamp", "event_id", "id_scope")
_CAMPAIGN = ("mkt_source", "mkt_medium", "mkt_campaign")
_OF_FIRST_EVENT = (
    "device_category",
    "channel_group",
    "mkt_source",
    "mkt_medium",
    "mkt_campaign",
    "refr_source",
    "browser_name",
    "os_name",
)


def with_sessions(
    events: DataFrame, *, idle_s: int, cap_s: int, campaign_cut: bool = False
) -> DataFrame:
    """The same rows with `session_id`, `event_sequence`, `chain_start` and `since_previous_us`.

    `since_previous_us` is the time since the session's event before; null for its first event.
    Exact for every visitor whose whole chains are among `events`; null for events without visitor.
    Sorted once: every column here is a window over one visitor in total order. With
    `campaign_cut` an event whose campaign is not that of the chain before it opens a session.
    """
    # An event without visitor is its own group, so that those rows do not meet in one task.
    who = F.coalesce("visitor_id", F.concat(F.lit("\0"), F.col("id_scope"), F.col("event_id")))
    of_visitor = Window.partitionBy("_who").orderBy(*TOTAL_ORDER)
    so_far = of_visitor.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    of_session = Window.partitionBy("_who", "_session_start").orderBy(*TOTAL_ORDER)
    time = F.col("event_timestamp")
    previous = F.lag("event_timestamp").over(of_visitor)
    begins_chain = previous.isNull() | (_seconds(previous, time) > idle_s)
    chained = (
        events.withColumn("_who", who)
        .withColumn("_previous", previous)
        .withColumn("_begins", begins_chain)
        .withColumn("chain_start", F.max(F.when(F.col("_begins"), time)).over(so_far))
    )
    starts, part_start = F.col("_begins"), F.col("chain_start")
    if campaign_cut:
        chained = _with_campaign_cut(chained, of_visitor)
        starts = starts | F.col("_is_other_campaign")
        part_start = F.max(F.when(starts, time)).over(so_far)
    chained = chained.withColumn("_cut", F.floor(_seconds(part_start, time) / cap_s))
    begins_session = starts | (F.col("_cut") != F.lag("_cut").over(of_visitor))
    first_event = F.struct("id_scope", "event_id", "event_hour")
    marked = chained.withColumn("_opens", F.when(begins_session, first_event)).withColumn(
        "_session_start", F.last("_opens", ignorenulls=True).over(so_far)
    )
    opening = (f"_session_start.{name}" for name in ("id_scope", "event_id", "event_hour"))
    session_id = F.md5(F.concat_ws(UNIT, "visitor_id", *opening))
    has_visitor = F.col("visitor_id").isNotNull()
    return (
        marked.withColumn("session_id", F.when(has_visitor, session_id))
        .withColumn(
            "event_sequence",
            F.when(has_visitor, F.row_number().over(of_session).cast("bigint")),
        )
        .withColumn(
            "since_previous_us",
            F.when(
                has_visitor & F.col("_opens").isNull(),
                F.unix_micros(time) - F.unix_micros("_previous"),
            ),
        )
        .drop(*("_who", "_previous", "_begins", "_is_other_campaign", "_cut", "_opens"))
        .drop("_session_start")
    )


def _with_campaign_cut(chained: DataFrame, of_visitor: WindowSpec) -> DataFrame:
    """Adds `_is_other_campaign`: the event has a campaign, an event of its chain came before, and
    the last campaign known in the chain until then, if any, is another."""
    campaign = F.struct(*_CAMPAIGN)
    has_campaign = F.coalesce(*_CAMPAIGN).isNotNull()
    earlier = of_visitor.rowsBetween(Window.unboundedPreceding, -1)
    known = F.last(
        F.when(has_campaign, F.struct("chain_start", campaign.alias("campaign"))), ignorenulls=True
    ).over(earlier)
    # A campaign of an earlier chain says nothing about this one.
    before = F.when(known["chain_start"] == F.col("chain_start"), known["campaign"])
    is_other = has_campaign & ~F.col("_begins") & ~before.eqNullSafe(campaign)
    return chained.withColumn("_is_other_campaign", is_other)


def _seconds(start: Column, end: Column) -> Column:
    """Exact to the microsecond: whole seconds would call a gap of 1,800.4 s one of 1,800."""
    return (F.unix_micros(end) - F.unix_micros(start)) / F.lit(1_000_000.0)


def fact_events(sessionised: DataFrame) -> DataFrame:
    """One row per event with its session, in the columns of the contract."""
    return sessionised.select(*FACT_EVENTS.column_names)


def fact_sessions(sessionised: DataFrame) -> DataFrame:
    """One row per session of `sessionised`, which also has `is_order` and `order_value`."""
    seen = sessionised.where(F.col("session_id").isNotNull())
    in_order = F.struct(*TOTAL_ORDER)

    def count_of(name: str) -> Column:
        return F.count_if(F.col("event_name") == name)

    def distinct_viewed(field: str) -> Column:
        seen_in = F.when(F.col("event_name") == "view_item", F.col(f"items.{field}"))
        every = F.flatten(F.collect_list(seen_in))
        return F.size(F.array_compact(F.array_distinct(every))).cast("bigint")

    page = F.when(F.col("event_name") == "page_view", F.col("page_location"))
    has_page = F.col("page_location").isNotNull()
    has_user = F.col("user_id").isNotNull()
    has_client = F.col("client_session_id").isNotNull()
    opens = F.col("since_previous_us").isNull()  # `least` would pass over the null
    at_most = F.lit(ENGAGED_GAP_S * 1_000_000)
    is_checkout = F.col("event_name").isin(*CHECKOUT_STEPS)
    sessions = (
        seen.groupBy("session_id", "visitor_id")
        .agg(
            F.max_by("user_id", F.when(has_user, in_order)).alias("user_id"),
            F.min("event_timestamp").alias("started_at"),
            F.max("event_timestamp").alias("ended_at"),
            F.min("event_hour").alias("event_hour"),
            F.count(F.lit(1)).alias("event_count"),
            count_of("page_view").alias("page_views"),
            F.size(F.collect_set(page)).cast("bigint").alias("unique_page_views"),
            count_of("view_item").alias("view_items"),
            count_of("add_to_cart").alias("add_to_carts"),
            count_of("begin_checkout").alias("begin_checkouts"),
            F.count_if("is_order").alias("purchases"),
            F.coalesce(F.sum(F.when(F.col("is_order"), F.col("value"))), F.lit(0)).alias(
                "transaction_revenue"
            ),
            distinct_viewed("item_id").alias("products_viewed"),
            distinct_viewed("item_category").alias("categories_viewed"),
            F.coalesce(
                F.sum(F.when(~opens, F.least("since_previous_us", at_most))), F.lit(0)
            ).alias("engaged_us"),
            F.min_by("event_name", F.when(is_checkout, in_order)).alias("entered_checkout_at_step"),
            F.min_by("client_session_id", F.when(has_client, in_order)).alias("client_session_id"),
            F.size(F.collect_set("client_session_id")).cast("bigint").alias("client_sessions"),
            F.min_by("page_location", F.when(has_page, in_order)).alias("landing_page"),
            F.max_by("page_location", F.when(has_page, in_order)).alias("exit_page"),
            F.min_by(F.struct(*_OF_FIRST_EVENT), in_order).alias("_first"),
        )
        .withColumns({name: F.col("_first").getField(name) for name in _OF_FIRST_EVENT})
        .withColumn("duration_s", _seconds(F.col("started_at"), F.col("ended_at")))
        .withColumn("engaged_time_s", F.col("engaged_us") / F.lit(1_000_000.0))
    )
    is_engaged = (
        (F.col("duration_s") > 10)
        | (F.col("page_views") + F.col("view_items") >= 2)
        | (F.col("purchases") > 0)
    )
    return typed(sessions.withColumn("is_engaged", is_engaged), FACT_SESSIONS)


def typed(rows: DataFrame, table: Table) -> DataFrame:
    """The contract's columns, in its order and types."""
    return rows.select(
        *[F.col(spec.name).cast(spec.type).alias(spec.name) for spec in table.columns]
    )

"""Activity by the hour, and traffic by day (docs/DEFINITIONS.md, Days)."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.activity import (
    CUSTOMER_ACTIVITY_HOURLY,
    DIMENSIONS,
    EVENT_ACTIVITY_HOURLY,
    SESSION_PRODUCTS,
    TRAFFIC_DAILY,
)
from clickstream_platform.transforms.customers import customer_id
from clickstream_platform.transforms.robot_days import FLAG, with_traffic
from clickstream_platform.transforms.robot_hours import by_traffic, summed_by_traffic
from clickstream_platform.transforms.sessions import typed

_OF_EVENT = ("event_hour", "id_scope", "event_id")


def event_activity_hourly(events: DataFrame, robots: DataFrame) -> DataFrame:
    """One row per hour, kind of traffic, event name and outcome, from the events of whole days."""
    keys = ("event_day", "event_hour", "event_name", "outcome")
    visitors = events.groupBy(*keys, "visitor_id").agg(F.count(F.lit(1)).alias("events"))
    hours = (
        by_traffic(visitors, robots)
        .groupBy(*keys, "traffic")
        .agg(F.sum("events").alias("events"), F.count("visitor_id").alias("visitors"))
    )
    return typed(hours, EVENT_ACTIVITY_HOURLY)


def customer_activity_hourly(events: DataFrame, orders: DataFrame, robots: DataFrame) -> DataFrame:
    """One row per hour, kind of traffic and customer, from the events and orders of whole days."""

    def is_a(name: str) -> Column:
        return (F.col("event_name") == name).cast("int")

    did = events.select(
        *("event_day", "event_hour", "visitor_id", customer_id().alias("customer_id")),
        F.lit(1).alias("events"),
        is_a("view_item").alias("view_items"),
        is_a("add_to_cart").alias("add_to_carts"),
    )
    bought = orders.where("is_reported").select(
        *("event_day", "event_hour", "visitor_id", "customer_id"),
        F.lit(1).alias("orders"),
        F.col("value").alias("revenue"),
    )
    known = did.unionByName(bought, allowMissingColumns=True).where(
        F.col("customer_id").isNotNull()
    )
    hours = summed_by_traffic(
        known,
        robots,
        keys=("event_day", "event_hour", "customer_id"),
        sums=("events", "view_items", "add_to_carts", "orders", "revenue"),
    )
    return typed(hours, CUSTOMER_ACTIVITY_HOURLY)


def session_products(sessions: DataFrame, events: DataFrame, orders: DataFrame) -> DataFrame:
    """One row per session with a product seen or ordered, from whole days' flagged sessions, all
    the events of these, and the orders among these events."""
    own = events.where(F.col("event_name").isin("view_item", "purchase")).select(
        *_OF_EVENT, "session_id", "event_name", F.col("items.item_id").alias("ids")
    )
    first = orders.select(*_OF_EVENT, F.lit(True).alias("is_order"))
    kept = own.join(first, on=list(_OF_EVENT), how="left").where(
        (F.col("event_name") == "view_item") | F.col("is_order")
    )

    def products(name: str) -> Column:
        ids = F.flatten(F.collect_list(F.when(F.col("event_name") == name, F.col("ids"))))
        return F.array_sort(F.array_compact(F.array_distinct(ids)))

    found = (
        kept.join(
            sessions.select("event_day", "session_id", F.col(FLAG).alias("is_bot")),
            on="session_id",
            how="inner",
        )
        .groupBy("event_day", "session_id", "is_bot")
        .agg(products("view_item").alias("viewed"), products("purchase").alias("ordered"))
        .where((F.size("viewed") > 0) | (F.size("ordered") > 0))
    )
    return typed(found, SESSION_PRODUCTS)


def traffic_daily(sessions: DataFrame, events: DataFrame, orders: DataFrame) -> DataFrame:
    """One row per day, kind of traffic, dimension and value, from whole days' flagged sessions, all
    the events of these, and the orders among these events."""
    own = events.where("event_name = 'purchase'").select(*_OF_EVENT, "session_id")
    sold = (
        orders.where("is_reported")
        .select(*_OF_EVENT, "value")
        .join(own, on=list(_OF_EVENT), how="inner")
        .groupBy("session_id")
        .agg(F.count(F.lit(1)).alias("orders"), F.sum("value").alias("revenue"))
    )
    values = F.array(
        *[
            F.struct(
                F.lit(name).alias("dimension"),
                F.coalesce(name, F.lit("(unknown)")).alias("value"),
            )
            for name in DIMENSIONS
        ]
    )
    has_cart, has_order = F.col("add_to_carts") > 0, F.col("purchases") > 0
    days = (
        with_traffic(sessions.join(sold, on="session_id", how="left"))
        .select("*", F.inline(values))
        .groupBy("event_day", "traffic", "dimension", "value")
        .agg(
            F.count(F.lit(1)).alias("sessions"),
            F.count_if("is_engaged").alias("engaged_sessions"),
            F.count_if(has_cart).alias("cart_sessions"),
            F.count_if(has_order).alias("converted_sessions"),
            F.count_if(has_cart & ~has_order).alias("abandoned_carts"),
            F.coalesce(F.sum("orders"), F.lit(0)).alias("orders"),
            F.coalesce(F.sum("revenue"), F.lit(0)).alias("revenue"),
        )
    )
    return typed(days, TRAFFIC_DAILY)

"""Products by the hour (docs/DEFINITIONS.md, Days)."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.activity import PRODUCT_ACTIVITY_HOURLY
from clickstream_platform.transforms.robot_hours import summed_by_traffic
from clickstream_platform.transforms.sessions import typed

_OF = ("event_day", "event_hour", "visitor_id")


def product_activity_hourly(events: DataFrame, orders: DataFrame, robots: DataFrame) -> DataFrame:
    """One row per hour, kind of traffic and product, from the events and orders of whole days."""
    named = _shown(events).unionByName(_ordered(orders), allowMissingColumns=True)
    hours = summed_by_traffic(
        named.where(F.col("item_id").isNotNull()),
        robots,
        keys=("event_day", "event_hour", "item_id"),
        sums=("views", "add_to_carts", "orders", "units", "revenue"),
    )
    return typed(hours, PRODUCT_ACTIVITY_HOURLY)


def _shown(events: DataFrame) -> DataFrame:
    """One row per event and product of it."""
    kinds = {"view_item": "views", "add_to_cart": "add_to_carts"}
    return events.where(F.col("event_name").isin(*kinds)).select(
        *_OF,
        F.explode(F.array_distinct("items.item_id")).alias("item_id"),
        *[(F.col("event_name") == name).cast("int").alias(count) for name, count in kinds.items()],
    )


def _ordered(orders: DataFrame) -> DataFrame:
    """One row per line of a reported order; the product's first line counts the order."""
    lines = orders.where("is_reported").select(
        *_OF, F.col("items.item_id").alias("ids"), F.posexplode("items").alias("at", "line")
    )
    units = F.coalesce("line.quantity", F.lit(1).cast("bigint"))
    price = F.coalesce("line.price", F.lit(0).cast("decimal(12,2)"))
    is_first = F.array_position("ids", F.col("line.item_id")) == F.col("at") + 1
    return lines.select(
        *_OF,
        F.col("line.item_id").alias("item_id"),
        is_first.cast("int").alias("orders"),
        units.alias("units"),
        (price * units.cast("decimal(10,0)")).cast("decimal(22,2)").alias("revenue"),
    )

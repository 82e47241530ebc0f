"""Order revenue by five minutes and product (docs/DEFINITIONS.md, Windows)."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.marts import REVENUE_5MIN
from clickstream_platform.transforms.robot_hours import by_traffic
from clickstream_platform.transforms.sessions import typed


def revenue_5min(orders: DataFrame, robots: DataFrame) -> DataFrame:
    """One row per five minutes, kind of traffic, currency, category and product; the parts of a
    kind add up to its orders."""
    placed = by_traffic(orders, robots)
    price = F.coalesce(F.col("item.price"), F.lit(0).cast("decimal(12,2)"))
    quantity = F.coalesce(F.col("item.quantity"), F.lit(1).cast("bigint"))
    parts = placed.select(
        *("event_hour", "traffic", "ordered_at", "currency", "order_id"),
        F.explode("items").alias("item"),
    ).select(
        "event_hour",
        "traffic",
        "ordered_at",
        "currency",
        "order_id",
        F.col("item.item_category").alias("item_category"),
        F.col("item.item_id").alias("item_id"),
        quantity.alias("units"),
        (price * quantity.cast("decimal(10,0)")).cast("decimal(22,2)").alias("revenue"),
    )
    explained = F.aggregate(
        "items",
        F.lit(0).cast("decimal(22,2)"),
        lambda total, i: (
            total
            + F.coalesce(i["price"], F.lit(0).cast("decimal(12,2)"))
            * F.coalesce(i["quantity"], F.lit(1).cast("bigint")).cast("decimal(10,0)")
        ).cast("decimal(22,2)"),
    )
    residual = (
        placed.withColumn("revenue", (F.col("value") - explained).cast("decimal(22,2)"))
        .where("revenue <> 0")
        .select(
            "event_hour",
            "traffic",
            "ordered_at",
            "currency",
            "order_id",
            F.lit(None).cast("string").alias("item_category"),
            F.lit(None).cast("string").alias("item_id"),
            F.lit(0).cast("bigint").alias("units"),
            "revenue",
        )
    )
    windows = parts.unionByName(residual).withColumn("window", F.window("ordered_at", "5 minutes"))
    keys = ("event_hour", "window", "traffic", "currency", "item_category", "item_id")
    summed = windows.groupBy(*keys).agg(
        F.count_distinct("order_id").alias("orders"),
        F.sum("units").alias("units"),
        F.sum("revenue").alias("revenue"),
    )
    return typed(
        summed.withColumn("window_start", F.col("window.start")).withColumn(
            "window_end", F.col("window.end")
        ),
        REVENUE_5MIN,
    )

"""Products by day and over all time (docs/DEFINITIONS.md, Products)."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.daily import PRODUCT_METRICS_DAILY
from clickstream_platform.tables.products import DIM_PRODUCT_METRICS
from clickstream_platform.transforms.robot_days import FLAG, with_is_bot_on_day, with_traffic
from clickstream_platform.transforms.sessions import typed

_SUMS = ("views", "add_to_carts", "orders", "units", "revenue")


def product_metrics_daily(events: DataFrame, orders: DataFrame, bots: DataFrame) -> DataFrame:
    """One row per day, kind of traffic and product, from whole days' events and flagged orders.

    `bots` has a row per day and visitor that is a robot. An event, an order and a viewer of the
    day are a robot's or not, so that what is counted apart adds up.
    """
    flagged = with_is_bot_on_day(events, F.broadcast(bots))
    apart = with_traffic(_counted(flagged, orders, "event_day", FLAG))
    days = apart.groupBy("event_day", "traffic", "item_id").agg(
        F.max("item_category").alias("item_category"),
        *[F.sum(name).alias(name) for name in (*_SUMS, "viewers")],
        F.min("min_price").alias("min_price"),
        F.max("max_price").alias("max_price"),
    )
    return typed(days, PRODUCT_METRICS_DAILY)


def _counted(events: DataFrame, orders: DataFrame, *period: str) -> DataFrame:
    """What happened to each product in each `period`."""
    shared = (*period, "whole", "viewer", "kind", "item_id", "item_category", "price")
    shown = (
        events.where(F.col("event_name").isin("view_item", "add_to_cart"))
        .select(
            *period,
            F.concat_ws("\x1f", "id_scope", "event_hour", "event_id").alias("whole"),
            F.when(F.col("event_name") == "view_item", F.col("visitor_id")).alias("viewer"),
            F.col("event_name").alias("kind"),
            F.inline("items"),
        )
        .select(
            *shared,
            F.lit(0).cast("bigint").alias("units"),
            F.lit(0).cast("decimal(22,2)").alias("revenue"),
        )
    )
    ordered = (
        orders.where("is_reported")
        .select(
            *period,
            F.col("order_id").alias("whole"),
            F.lit(None).cast("string").alias("viewer"),
            F.lit("order").alias("kind"),
            F.inline("items"),
        )
        .withColumn("units", F.coalesce("quantity", F.lit(1).cast("bigint")))
        .select(
            *(*shared, "units"),
            (F.coalesce("price", F.lit(0)) * F.col("units").cast("decimal(10,0)"))
            .cast("decimal(22,2)")
            .alias("revenue"),
        )
    )

    def wholes(kind: str) -> Column:
        return F.count_distinct(F.when(F.col("kind") == kind, F.col("whole")))

    return (
        shown.unionByName(ordered)
        .where(F.col("item_id").isNotNull())
        .groupBy(*period, "item_id")
        .agg(
            F.max("item_category").alias("item_category"),
            wholes("view_item").alias("views"),
            F.count_distinct("viewer").alias("viewers"),
            wholes("add_to_cart").alias("add_to_carts"),
            wholes("order").alias("orders"),
            F.sum("units").alias("units"),
            F.sum("revenue").alias("revenue"),
            F.min("price").alias("min_price"),
            F.max("price").alias("max_price"),
        )
    )


def dim_product_metrics(days: DataFrame) -> DataFrame:
    """One row per kind of traffic and product, from all of `product_metrics_daily`.

    The price is the lower median of the days' lowest prices: one day's wrong price moves neither
    it nor the band, and no engine has to interpolate.
    """
    knows_category = F.col("item_category").isNotNull()
    products = (
        days.groupBy("traffic", "item_id")
        .agg(
            F.max_by("item_category", F.when(knows_category, F.col("event_day"))).alias(
                "item_category"
            ),
            F.min("event_day").alias("first_day"),
            F.max("event_day").alias("last_day"),
            *[F.sum(name).alias(name) for name in _SUMS],
            F.min("min_price").alias("min_price"),
            F.max("max_price").alias("max_price"),
            F.array_sort(F.collect_list("min_price")).alias("prices"),
        )
        .withColumn("price", F.get("prices", F.expr("(size(prices) - 1) div 2")))
    )
    band = F.when(F.col("price") < 50, "low").when(F.col("price") < 500, "middle")
    return typed(
        products.withColumn("cart_rate", F.try_divide("add_to_carts", F.col("views")))
        .withColumn("order_rate", F.try_divide("orders", F.col("views")))
        .withColumn(
            "engagement_score", F.col("views") + 3 * F.col("add_to_carts") + 10 * F.col("orders")
        )
        .withColumn("price_band", band.when(F.col("price").isNotNull(), "high")),
        DIM_PRODUCT_METRICS,
    )

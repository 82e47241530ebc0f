"""The day in two rows (docs/DEFINITIONS.md, Days)."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.daily import FACT_DAILY_METRICS, RATIOS
from clickstream_platform.tables.metrics import METRICS
from clickstream_platform.transforms.robot_days import FLAG, with_traffic
from clickstream_platform.transforms.sessions import typed

_COUNTS = (
    "sessions",
    "engaged_sessions",
    "cart_sessions",
    "converted_sessions",
    "abandoned_carts",
    "page_views",
    "view_items",
    "add_to_carts",
    "orders",
    "orders_other_currency",
    "revenue",
)


def fact_daily_metrics(sessions: DataFrame, orders: DataFrame) -> DataFrame:
    """One row per day and kind of traffic, from the sessions and orders of whole days, flagged."""
    has_cart, has_order = F.col("add_to_carts") > 0, F.col("purchases") > 0
    of_sessions = sessions.select(
        *("event_day", "customer_id", FLAG),
        F.lit(1).alias("sessions"),
        F.col("is_engaged").cast("int").alias("engaged_sessions"),
        has_cart.cast("int").alias("cart_sessions"),
        has_order.cast("int").alias("converted_sessions"),
        (has_cart & ~has_order).cast("int").alias("abandoned_carts"),
        "page_views",
        "view_items",
        "add_to_carts",
    )
    of_orders = orders.select(
        *("event_day", FLAG),
        F.when(F.col("is_reported"), F.col("customer_id")).alias("customer_id"),
        F.col("is_reported").cast("int").alias("orders"),
        (~F.col("is_reported")).cast("int").alias("orders_other_currency"),
        F.when(F.col("is_reported"), F.col("value")).alias("revenue"),
    )
    both = of_sessions.unionByName(of_orders, allowMissingColumns=True)
    days = (
        with_traffic(both)
        .groupBy("event_day", "traffic")
        .agg(
            *[F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in _COUNTS],
            F.count_distinct("customer_id").alias("active_users"),
        )
    )
    ratios = {name: F.expr(METRICS[name].expression) for name in RATIOS}
    return typed(
        days.withColumn("event_date", F.to_date("event_day")).withColumns(ratios),
        FACT_DAILY_METRICS,
    )

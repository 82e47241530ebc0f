"""The hour in two rows: all traffic, and without robots."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.marts import HOURLY_METRICS
from clickstream_platform.transforms.robot_hours import by_traffic
from clickstream_platform.transforms.sessions import typed
from clickstream_platform.transforms.times import hour_start

_EVENTS = (
    ("page_views", "page_view"),
    ("view_items", "view_item"),
    ("add_to_carts", "add_to_cart"),
)
_SUMS = (
    *("events", "page_views", "view_items", "add_to_carts", "sessions_started", "orders"),
    *("revenue", "orders_other_currency"),
)


def hourly_metrics(
    sessionised: DataFrame, robots: DataFrame, *, reporting_currency: str
) -> DataFrame:
    """One row per hour with events and kind of traffic, from events that have a session and
    `is_order`."""
    ours = F.coalesce(F.col("currency") == reporting_currency, F.lit(True))
    is_order = F.coalesce("is_order", F.lit(False))
    # By visitor first: what is doubled for the two kinds of traffic is small then.
    visitors = sessionised.groupBy("event_hour", "visitor_id", "user_id").agg(
        F.count(F.lit(1)).alias("events"),
        *[F.count_if(F.col("event_name") == name).alias(column) for column, name in _EVENTS],
        F.count_if(F.col("event_sequence") == 1).alias("sessions_started"),
        F.count_if(is_order).alias("orders"),
        F.coalesce(F.sum(F.when(is_order & ours, F.col("value"))), F.lit(0)).alias("revenue"),
        F.count_if(is_order & ~ours).alias("orders_other_currency"),
    )
    hours = (
        by_traffic(visitors, robots)
        .groupBy("event_hour", "traffic")
        .agg(
            *[F.sum(name).alias(name) for name in _SUMS],
            F.count_distinct("visitor_id").alias("visitors"),
            F.count_distinct("user_id").alias("users"),
        )
    )
    return typed(hours.withColumn("hour_start", hour_start(F.col("event_hour"))), HOURLY_METRICS)

"""The hour in one row."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.marts import HOURLY_METRICS
from clickstream_platform.transforms.sessions import typed
from clickstream_platform.transforms.times import hour_start


def hourly_metrics(sessionised: DataFrame, *, reporting_currency: str) -> DataFrame:
    """One row per hour with events, from events that have a session and `is_order`."""
    first_of_session = F.col("event_sequence") == 1
    ours = F.coalesce(F.col("currency") == reporting_currency, F.lit(True))
    is_order = F.coalesce("is_order", F.lit(False))
    hours = sessionised.groupBy("event_hour").agg(
        F.count(F.lit(1)).alias("events"),
        F.count_distinct("visitor_id").alias("visitors"),
        F.count_distinct("user_id").alias("users"),
        *[
            F.count_if(F.col("event_name") == name).alias(column)
            for column, name in (
                ("page_views", "page_view"),
                ("view_items", "view_item"),
                ("add_to_carts", "add_to_cart"),
            )
        ],
        F.count_if(first_of_session).alias("sessions_started"),
        F.count_if(is_order).alias("orders"),
        F.coalesce(F.sum(F.when(is_order & ours, F.col("value"))), F.lit(0)).alias("revenue"),
        F.count_if(is_order & ~ours).alias("orders_other_currency"),
    )
    return typed(hours.withColumn("hour_start", hour_start(F.col("event_hour"))), HOURLY_METRICS)

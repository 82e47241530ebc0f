"""Carts left behind (docs/DEFINITIONS.md, Carts)."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.daily import CART_ABANDONMENT
from clickstream_platform.transforms.robot_days import FLAG
from clickstream_platform.transforms.sessions import typed

RECOVERY_DAYS = 7
_OF_SESSION = ("event_day", "session_id", "visitor_id", "ended_at", "is_bot")
_STEPS = ("add_payment_info", "add_shipping_info", "begin_checkout")


def cart_abandonment(sessions: DataFrame, events: DataFrame, orders: DataFrame) -> DataFrame:
    """One row per session with a cart and without order, from whole days' flagged sessions,
    all the events of these, and the orders of the `RECOVERY_DAYS` days after."""
    left = sessions.where((F.col("add_to_carts") > 0) & (F.col("purchases") == 0)).select(
        *("event_day", "session_id", "visitor_id", "ended_at"), F.col(FLAG).alias("is_bot")
    )
    name = F.col("event_name")
    put = F.when(name == "add_to_cart", F.col("value"))
    taken = F.when(name == "remove_from_cart", -F.col("value"))
    carts = (
        events.where(name.isin("add_to_cart", "remove_from_cart", *_STEPS))
        .select("session_id", "event_name", "value")
        .join(F.broadcast(left), on="session_id", how="inner")
        .groupBy(*_OF_SESSION)
        .agg(
            F.greatest(F.coalesce(F.sum(F.coalesce(put, taken)), F.lit(0)), F.lit(0)).alias(
                "cart_value"
            ),
            *[F.bool_or(name == step).alias(step) for step in _STEPS],
        )
    )
    reached = F.coalesce(*[F.when(F.col(step), step) for step in _STEPS], F.lit("cart"))
    later = orders.select(
        F.col("visitor_id").alias("buyer"), "ordered_at", "order_id", F.col("value").alias("worth")
    )
    end = F.col("ended_at") + F.make_dt_interval(days=F.lit(RECOVERY_DAYS))
    is_return = (
        (F.col("buyer") == F.col("visitor_id"))
        & (F.col("ordered_at") > F.col("ended_at"))
        & (F.col("ordered_at") <= end)
    )
    first = F.struct("ordered_at", "order_id")
    rows = (
        carts.withColumn("step_reached", reached)
        .join(later, on=is_return, how="left")
        .groupBy(*_OF_SESSION, "cart_value", "step_reached")
        .agg(
            F.min_by("order_id", first).alias("recovered_order_id"),
            F.min_by("worth", first).alias("recovered_value"),
        )
    )
    return typed(rows, CART_ABANDONMENT)

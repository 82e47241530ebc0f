"""Orders: repeats of a purchase are one order (docs/DEFINITIONS.md, Orders)."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.tables.conflicts import TRANSACTION_CONFLICTS
from clickstream_platform.tables.facts import FACT_TRANSACTIONS
from clickstream_platform.transforms.fingerprint import UNIT
from clickstream_platform.transforms.sessions import TOTAL_ORDER, typed

# An id names an event within its hour: the same id in another hour is another event.
_EVENT = ("id_scope", "event_id", "event_hour")
_OF_FIRST = ("event_id", "event_timestamp", "event_hour", "value", "currency")


def purchases(events: DataFrame) -> DataFrame:
    """The purchase events among `events`."""
    return events.where(F.col("event_name") == "purchase")


def with_is_order(purchase_events: DataFrame, *, repeat_s: int) -> DataFrame:
    """The same purchases with `is_order`: false for a repeat, `_order_key`, and the order's first
    purchase as `_first`.

    `is_order` is exact for every purchase whose predecessors of the last `repeat_s` seconds are
    among the rows, `_first` for every one whose order is among them from its first purchase on.
    """
    customer = F.coalesce("user_id", "visitor_id", F.lit(""))
    own = F.concat_ws(UNIT, F.lit("event"), *_EVENT)
    key = F.when(
        F.col("transaction_id").isNotNull(),
        F.concat_ws(UNIT, F.lit("order"), "id_scope", "transaction_id", customer),
    ).otherwise(own)
    of_order = Window.partitionBy("_order_key").orderBy(*TOTAL_ORDER)
    gap = F.unix_micros("event_timestamp") - F.unix_micros(F.lag("event_timestamp").over(of_order))
    repeats = F.coalesce(gap <= repeat_s * 1_000_000, F.lit(False))
    opening = F.when(F.col("is_order"), F.struct(*_OF_FIRST))
    so_far = of_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return (
        purchase_events.withColumn("_order_key", key)
        .withColumn("is_order", ~repeats)
        .withColumn("_first", F.last(opening, ignorenulls=True).over(so_far))
    )


def fact_transactions(purchase_events: DataFrame) -> DataFrame:
    """One row per order, from purchases that have `is_order`."""
    orders = purchase_events.where("is_order")
    units = F.aggregate(
        "items",
        F.lit(0).cast("bigint"),
        lambda total, item: total + F.coalesce(item["quantity"], F.lit(1).cast("bigint")),
    )
    return typed(
        orders.withColumn("order_id", F.md5(F.concat_ws(UNIT, *_EVENT)))
        .withColumn("ordered_at", F.col("event_timestamp"))
        .withColumn("item_count", F.size("items").cast("bigint"))
        .withColumn("units", units),
        FACT_TRANSACTIONS,
    )


def transaction_conflicts(purchase_events: DataFrame) -> DataFrame:
    """One row per repeat with another value or currency than its order, from purchases that have
    `is_order` and `_first`."""
    first = F.col("_first")
    opening = (F.col("id_scope"), first["event_id"], first["event_hour"])
    agrees = F.col("value").eqNullSafe(first["value"]) & F.col("currency").eqNullSafe(
        first["currency"]
    )
    return typed(
        purchase_events.where(~F.col("is_order") & ~agrees)
        .withColumn("repeated_at", F.col("event_timestamp"))
        .withColumn("order_id", F.md5(F.concat_ws(UNIT, *opening)))
        .withColumn("ordered_at", first["event_timestamp"])
        .withColumn("order_hour", first["event_hour"])
        .withColumn("order_value", first["value"])
        .withColumn("order_currency", first["currency"]),
        TRANSACTION_CONFLICTS,
    )

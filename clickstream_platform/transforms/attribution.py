"""Which sessions an order is owed to (docs/DEFINITIONS.md, Attribution)."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.tables.attribution import ATTRIBUTION_CREDIT, LOOK_BACK_DAYS, MODELS
from clickstream_platform.transforms.sessions import typed

HALF_LIFE_S = 7 * 86_400
DECAY_UNITS = 1000  # weight of a session at the moment of the order
CREDIT_UNITS = 1_000_000


def attribution_credit(orders: DataFrame, sessions: DataFrame) -> DataFrame:
    """One row per order, model and session, from whole days' orders and the sessions of these
    days and the `LOOK_BACK_DAYS` before."""
    conversions = orders.where("is_reported").select(
        "event_day",
        F.col("order_id").alias("conversion_id"),
        F.col("visitor_id").alias("buyer"),
        "ordered_at",
        "value",
    )
    touches = sessions.select(
        *("visitor_id", "started_at", "session_id"),
        *("channel_group", "mkt_source", "mkt_campaign"),
    )
    since = F.col("ordered_at") - F.make_dt_interval(days=F.lit(LOOK_BACK_DAYS))
    leads = (
        (F.col("buyer") == F.col("visitor_id"))
        & (F.col("started_at") <= F.col("ordered_at"))
        & (F.col("started_at") >= since)
    )
    of_order = Window.partitionBy("conversion_id").orderBy("started_at", "session_id")
    all_of_order = Window.partitionBy("conversion_id")
    led = (
        conversions.join(touches, on=leads, how="left")
        .withColumn("touches", F.count("session_id").over(all_of_order))
        .withColumn(
            "touch_no",
            F.when(F.col("touches") > 0, F.row_number().over(of_order)).otherwise(F.lit(0)),
        )
    )
    weights = F.array(
        *[F.struct(F.lit(m).alias("model"), _weight(m).cast("bigint").alias("w")) for m in MODELS]
    )
    weighed = led.select("*", F.inline(weights))
    of_model = Window.partitionBy("conversion_id", "model").orderBy("touch_no")
    so_far = of_model.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    summed = weighed.withColumns(
        {
            "upto": F.sum("w").over(so_far),
            "total": F.sum("w").over(Window.partitionBy("conversion_id", "model")),
            "cents": (F.col("value") * 100).cast("bigint"),
            "units": F.lit(CREDIT_UNITS).cast("bigint"),
        }
    )
    nothing = F.when(F.col("session_id").isNull(), F.lit("(unattributed)"))
    return typed(
        summed.withColumns(
            {
                "credit": (_share("units") / CREDIT_UNITS).cast("decimal(7,6)"),
                "credited_value": (_share("cents") / 100).cast("decimal(12,2)"),
                "channel_group": F.coalesce(nothing, "channel_group", F.lit("(unknown)")),
            }
        )
        .withColumnRenamed("session_id", "touch_id")
        .withColumnRenamed("started_at", "touched_at"),
        ATTRIBUTION_CREDIT,
    )


def _weight(model: str) -> Column:
    """The session's weight in whole numbers; 1 for the row of an order without session."""
    no, touches = F.col("touch_no"), F.col("touches")
    is_end = (no == 1) | (no == touches)
    age_s = (F.unix_micros("ordered_at") - F.unix_micros("started_at")) / F.lit(1_000_000.0)
    weights = {
        "first_touch": (no == 1).cast("int"),
        "last_touch": (no == touches).cast("int"),
        "linear": F.lit(1),
        "position_based": F.when(touches <= 2, F.lit(1))
        .when(is_end, 4 * (touches - 2))
        .otherwise(F.lit(2)),
        "time_decay": F.round(DECAY_UNITS * F.pow(F.lit(2.0), -age_s / HALF_LIFE_S)),
    }
    return F.when(touches == 0, F.lit(1)).otherwise(weights[model])


def _share(whole: str) -> Column:
    """The whole numbers of `whole` that fall to the row: rounded where the weights so far end, so
    that the parts add up. Half is rounded up."""

    def end(weight: str) -> Column:
        return F.expr(f"(2 * {whole} * {weight} + total) div (2 * total)")

    return end("upto") - end("(upto - w)")

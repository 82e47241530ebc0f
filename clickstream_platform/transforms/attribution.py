"""Which sessions an order is owed to (docs/DEFINITIONS.md, Attribution)."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.tables.attribution import ATTRIBUTION_CREDIT, MODELS
from clickstream_platform.transforms.markov import channel_weights
from clickstream_platform.transforms.robot_days import FLAG
from clickstream_platform.transforms.sessions import typed

HALF_LIFE_S = 7 * 86_400
DECAY_UNITS = 1000  # weight of a session at the moment of the order
SHAPLEY_UNITS = 720_720  # of a channel; 1 to 16 divide it without remainder
CREDIT_UNITS = 1_000_000
_WHOLE = "decimal(18,0)"


def attribution_credit(orders: DataFrame, sessions: DataFrame, *, look_back_days: int) -> DataFrame:
    """One row per order, model and session, from whole days' flagged orders and the sessions of
    these days and the `look_back_days` before."""
    touches = sessions.select(
        *("visitor_id", "started_at", "session_id", "mkt_source", "mkt_campaign"),
        F.coalesce("channel_group", F.lit("(unknown)")).alias("channel"),
    )
    conversions = orders.where("is_reported").select(
        "event_day",
        F.col("order_id").alias("conversion_id"),
        F.col("visitor_id").alias("buyer"),
        F.col("ordered_at").alias("until"),
        "value",
        F.col(FLAG).alias("is_bot"),
    )
    led = _led_to(conversions, touches, look_back_days, how="left")
    won = led.where(F.col("session_id").isNotNull()).select(
        *("event_day", F.col("conversion_id").alias("journey"), F.lit(True).alias("is_won")),
        *("started_at", "session_id", "channel"),
    )
    lost = _led_to(_without_order(orders, sessions), touches, look_back_days, how="inner").select(
        *("event_day", F.col("buyer").alias("journey"), F.lit(False).alias("is_won")),
        *("started_at", "session_id", "channel"),
    )
    weights = channel_weights(won.unionByName(lost))
    return _credits(led.join(F.broadcast(weights), on=["event_day", "channel"], how="left"))


def _led_to(journeys: DataFrame, touches: DataFrame, look_back_days: int, *, how: str) -> DataFrame:
    """Each journey with the sessions of `buyer` that started in the days up to `until`."""
    since = F.col("until") - F.make_dt_interval(days=F.lit(look_back_days))
    leads = (
        (F.col("buyer") == F.col("visitor_id"))
        & (F.col("started_at") <= F.col("until"))
        & (F.col("started_at") >= since)
    )
    return journeys.join(touches, on=leads, how=how)


def _without_order(orders: DataFrame, sessions: DataFrame) -> DataFrame:
    """One row per day of the orders and visitor with a session but no order that day."""
    buyers = orders.select("event_day", "visitor_id").distinct()
    return (
        sessions.join(F.broadcast(orders.select("event_day").distinct()), on="event_day")
        .join(buyers, on=["event_day", "visitor_id"], how="left_anti")
        .groupBy("event_day", F.col("visitor_id").alias("buyer"))
        .agg(F.max("started_at").alias("until"))
    )


def _credits(led: DataFrame) -> DataFrame:
    of_order = Window.partitionBy("conversion_id").orderBy("started_at", "session_id")
    all_of_order = Window.partitionBy("conversion_id")
    placed = led.withColumns(
        {
            "touches": F.count("session_id").over(all_of_order),
            "of_channel": F.count("session_id").over(
                Window.partitionBy("conversion_id", "channel")
            ),
        }
    ).withColumn(
        "touch_no",
        F.when(F.col("touches") > 0, F.row_number().over(of_order)).otherwise(F.lit(0)),
    )
    weights = F.array(
        *[F.struct(F.lit(m).alias("model"), _weight(m).cast(_WHOLE).alias("w")) for m in MODELS]
    )
    weighed = placed.select("*", F.inline(weights))
    of_model = Window.partitionBy("conversion_id", "model").orderBy("touch_no")
    so_far = of_model.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    all_of_model = Window.partitionBy("conversion_id", "model")
    summed = weighed.withColumns(
        {
            "upto": F.sum("w").over(so_far).cast(_WHOLE),
            "total": F.sum("w").over(all_of_model).cast(_WHOLE),
            "cents": (F.col("value") * 100).cast(_WHOLE),
            "units": F.lit(CREDIT_UNITS).cast(_WHOLE),
        }
    )
    nothing = F.when(F.col("session_id").isNull(), F.lit("(unattributed)"))
    return typed(
        summed.withColumns(
            {
                "credit": (_share("units") / CREDIT_UNITS).cast("decimal(7,6)"),
                "credited_value": (_share("cents") / 100).cast("decimal(12,2)"),
                "channel_group": F.coalesce(nothing, "channel"),
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
    age_s = (F.unix_micros("until") - F.unix_micros("started_at")) / F.lit(1_000_000.0)
    weights = {
        "first_touch": (no == 1).cast("int"),
        "last_touch": (no == touches).cast("int"),
        "linear": F.lit(1),
        "position_based": F.when(touches <= 2, F.lit(1))
        .when(is_end, 4 * (touches - 2))
        .otherwise(F.lit(2)),
        "time_decay": F.round(DECAY_UNITS * F.pow(F.lit(2.0), -age_s / HALF_LIFE_S)),
        "markov": F.col("removal_weight"),
        "shapley": F.expr(f"{SHAPLEY_UNITS} div greatest(of_channel, 1)"),
    }
    return F.when(touches == 0, F.lit(1)).otherwise(weights[model])


def _share(whole: str) -> Column:
    """The whole numbers of `whole` that fall to the row: rounded where the weights so far end, so
    that the parts add up. Half is rounded up."""

    def end(weight: str) -> Column:
        return F.expr(f"(2 * {whole} * {weight} + total) div (2 * total)")

    return end("upto") - end(f"cast(upto - w as {_WHOLE})")

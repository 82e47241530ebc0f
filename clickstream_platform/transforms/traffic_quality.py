"""Signs of robots among an hour's visitors (docs/DEFINITIONS.md, Robots)."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.quality import BOT_VISITORS_HOURLY
from clickstream_platform.transforms.sessions import typed

MAX_EVENTS_PER_MINUTE = 50
MIN_EVENTS_FOR_DWELL = 20
MIN_MEAN_GAP_S = 2
MAX_ORDERS_PER_HOUR = 4
MIN_REUSED_ID_LINES = 10
IS_BOT_FROM = 0.5
WEIGHTS = {  # by name of the sign, in alphabetical order
    "burst": 0.6,
    "card_testing": 0.6,
    "declared_bot": 1.0,
    "headless": 0.8,
    "id_reuse": 0.6,
    "no_dwell": 0.6,
}
_HEADLESS = r"headless|phantomjs|selenium|puppeteer|playwright"


def bot_visitors_hourly(events: DataFrame) -> DataFrame:
    """One row per hour and visitor with a sign, from events that have `is_order`."""
    agent = F.lower("user_agent")
    minutes = (
        events.where(F.col("visitor_id").isNotNull())
        .groupBy("event_hour", "visitor_id", F.date_trunc("minute", "event_timestamp"))
        .agg(
            F.count(F.lit(1)).alias("in_minute"),
            F.count_if("is_order").alias("ordered"),
            F.min(F.unix_micros("event_timestamp")).alias("first_us"),
            F.max(F.unix_micros("event_timestamp")).alias("last_us"),
            F.bool_or("is_declared_bot").alias("declared"),
            F.max(F.coalesce("reused_id_lines", F.lit(0))).alias("reused"),
            F.bool_or(F.coalesce(agent.rlike(_HEADLESS), F.lit(False))).alias("headless"),
        )
    )
    visitors = minutes.groupBy("event_hour", "visitor_id").agg(
        F.sum("in_minute").alias("events"),
        F.sum("ordered").alias("orders"),
        F.max("in_minute").alias("max_events_per_minute"),
        (F.max("last_us") - F.min("first_us")).alias("span_us"),
        F.bool_or("declared").alias("declared"),
        F.max("reused").alias("max_reused_id_lines"),
        F.bool_or("headless").alias("headless"),
    )
    gap = F.try_divide(F.col("span_us") / F.lit(1_000_000.0), F.col("events") - 1)
    signed = visitors.withColumn("mean_gap_s", gap).withColumn("bot_signals", _signals())
    score = F.lit(0.0)
    for name, weight in WEIGHTS.items():
        score = score + F.array_contains("bot_signals", name).cast("int") * F.lit(weight)
    return typed(
        signed.where(F.size("bot_signals") > 0)
        .withColumn("bot_score", F.least(score, F.lit(1.0)))
        .withColumn("is_bot", F.col("bot_score") >= IS_BOT_FROM),
        BOT_VISITORS_HOURLY,
    )


def _signals() -> Column:
    hurries = (F.col("events") >= MIN_EVENTS_FOR_DWELL) & (F.col("mean_gap_s") < MIN_MEAN_GAP_S)
    conditions = {
        "burst": F.col("max_events_per_minute") > MAX_EVENTS_PER_MINUTE,
        "card_testing": F.col("orders") > MAX_ORDERS_PER_HOUR,
        "declared_bot": F.col("declared"),
        "headless": F.col("headless"),
        "id_reuse": F.col("max_reused_id_lines") >= MIN_REUSED_ID_LINES,
        "no_dwell": hurries,
    }
    return F.array_compact(
        F.array(*[F.when(conditions[name], F.lit(name)) for name in sorted(WEIGHTS)])
    )

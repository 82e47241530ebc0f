"""What is out of the ordinary (docs/DEFINITIONS.md, Anomalies)."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.tables.anomalies import ANOMALIES, BASELINE_DAYS, PRICE_OUTLIERS
from clickstream_platform.transforms.sessions import typed

MIN_BASELINE = 7
MIN_SESSIONS = 30
SCORE_FROM = 6
MAD_TO_SIGMA = 1.4826
MIN_PRICES = 5
PRICE_FACTOR = 10
# Kind -> least scale: as a share of the median, as a multiple of its root, absolute.
FLOORS = {
    "conversion_rate": (0.2, 0.0, 0.01),
    "events": (0.1, 1.0, 1.0),
    "orders": (0.1, 1.0, 1.0),
    "revenue": (0.3, 0.0, 1.0),
}


def anomalies(hours: DataFrame, days: Sequence[str]) -> DataFrame:
    """One row per hour and kind on `days`, from `hourly_metrics` of these and of the
    `BASELINE_DAYS` days before."""
    measured = _measures(hours)
    now = measured.where(F.col("event_day").isin([*days]))
    before = measured.where(F.col("value").isNotNull()).select(
        F.col("kind").alias("past_kind"),
        F.col("hour_no").alias("past_hour_no"),
        F.col("event_day").alias("past_day"),
        F.col("value").alias("past"),
    )
    age = F.date_diff("event_day", "past_day")
    is_baseline = (
        (F.col("kind") == F.col("past_kind"))
        & (F.col("hour_no") == F.col("past_hour_no"))
        & age.between(1, BASELINE_DAYS)
    )
    compared = (
        now.where(F.col("value").isNotNull())
        .join(before, on=is_baseline, how="inner")
        .groupBy("event_day", "hour_no", "kind", "value", "events")
        .agg(F.median("past").alias("expected"), F.collect_list("past").alias("pasts"))
        .where(F.size("pasts") >= MIN_BASELINE)
    )
    spread = (
        compared.select("*", F.explode("pasts").alias("past"))
        .groupBy("event_day", "hour_no", "kind", "value", "events", "expected")
        .agg(F.median(F.abs(F.col("past") - F.col("expected"))).alias("mad"))
    )
    scored = spread.withColumn("score", (F.col("value") - F.col("expected")) / _scale())
    side = F.when(F.col("score") > 0, F.lit("_high")).otherwise(F.lit("_low"))
    reasons = F.array_compact(
        F.array(
            F.concat("kind", side),
            F.when((F.col("kind") == "events") & (F.col("events") == 0), F.lit("no_events")),
        )
    )
    hour = F.concat("event_day", F.lit("T"), F.lpad(F.col("hour_no").cast("string"), 2, "0"))
    return typed(
        scored.where(F.abs("score") >= SCORE_FROM)
        .withColumn("entity", F.lit("shop"))
        .withColumn("detected_at", F.to_timestamp(F.concat(hour, F.lit(":00:00Z"))))
        .withColumn("reason_codes", reasons),
        ANOMALIES,
    )


def _measures(hours: DataFrame) -> DataFrame:
    """One row per day with events, hour of it up to its last one with events, and kind."""
    hour_no = F.substring("event_hour", 12, 2).cast("int")
    day = F.substring("event_hour", 1, 10)
    known = hours.select(
        day.alias("event_day"),
        hour_no.alias("hour_no"),
        *("events", "orders", "revenue", "sessions_started"),
    )
    grid = known.groupBy("event_day").agg(
        F.explode(F.sequence(F.lit(0), F.max("hour_no"))).alias("hour_no")
    )
    names = ("events", "orders", "revenue", "sessions_started")
    full = grid.join(known, on=["event_day", "hour_no"], how="left").withColumns(
        {name: F.coalesce(F.col(name).cast("double"), F.lit(0.0)) for name in names}
    )
    rate = F.when(
        F.col("sessions_started") >= MIN_SESSIONS, F.col("orders") / F.col("sessions_started")
    )
    values = {"conversion_rate": rate} | {name: F.col(name) for name in names[:3]}
    kinds = F.array(
        *[F.struct(F.lit(k).alias("kind"), value.alias("value")) for k, value in values.items()]
    )
    return full.select("event_day", "hour_no", "events", F.inline(kinds))


def _scale() -> Column:
    """The spread to measure by, never less than the kind's floor."""
    expected = F.col("expected")
    floors = [
        F.when(
            F.col("kind") == kind,
            F.greatest(share * expected, root * F.sqrt(expected), F.lit(absolute)),
        )
        for kind, (share, root, absolute) in FLOORS.items()
    ]
    return F.greatest(MAD_TO_SIGMA * F.col("mad"), F.coalesce(*floors))


def price_outliers(events: DataFrame) -> DataFrame:
    """One row per event and product, from the events of whole days."""
    prices = (
        events.select("event_day", "event_timestamp", "id_scope", "event_id", F.inline("items"))
        .where(F.col("item_id").isNotNull() & F.col("price").isNotNull())
        .groupBy("event_day", "event_timestamp", "id_scope", "event_id", "item_id")
        .agg(F.max("price").alias("price"))
    )
    of_product = Window.partitionBy("event_day", "item_id")
    usual = F.median(F.col("price").cast("double")).over(of_product)
    judged = prices.withColumn("expected", usual).withColumn(
        "prices", F.count(F.lit(1)).over(of_product)
    )
    score = F.try_divide(F.col("price").cast("double"), F.col("expected"))
    return typed(
        judged.where(F.col("prices") >= MIN_PRICES)
        .withColumn("score", score)
        .where(F.col("score") >= PRICE_FACTOR)
        .withColumn("detected_at", F.col("event_timestamp")),
        PRICE_OUTLIERS,
    )

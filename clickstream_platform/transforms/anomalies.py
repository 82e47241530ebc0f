"""What is out of the ordinary (docs/DEFINITIONS.md, Anomalies)."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.tables.anomalies import (
    ANOMALIES,
    BASELINE_DAYS,
    DAILY_BASELINE_DAYS,
    PRICE_OUTLIERS,
)
from clickstream_platform.tables.traffic import ALL_TRAFFIC
from clickstream_platform.transforms.sessions import typed

MIN_WEEKS = 4
MIN_BASELINE = 7
MIN_SESSIONS = 30
SCORE_FROM = 6
MAD_TO_SIGMA = 1.4826
MIN_PRICES = 5
_OF_EVENT = ("event_day", "event_timestamp", "id_scope", "event_id", "visitor_id")
PRICE_FACTOR = 10
RATE = "conversion_rate"  # compared as it is; counts and sums by their square roots
# Kind -> how much its sum varies, in units: an event comes with its session, revenue by orders.
VARIES = {"events": 1.2, "orders": 1.0, "revenue": 2.5}


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
        F.col("unit").alias("past_unit"),
    )
    age = F.date_diff("event_day", "past_day")
    same_weekday, recent = age % 7 == 0, age <= DAILY_BASELINE_DAYS
    is_baseline = (
        (F.col("kind") == F.col("past_kind"))
        & (F.col("hour_no") == F.col("past_hour_no"))
        & age.between(1, BASELINE_DAYS)
        & (same_weekday | recent)
    )
    measure = ["event_day", "hour_no", "kind", "value", "unit"]
    has_weeks = F.col("weeks") >= MIN_WEEKS
    compared = (
        now.where(F.col("value").isNotNull())
        .join(before, on=is_baseline, how="inner")
        .withColumn("weeks", F.count_if(same_weekday).over(Window.partitionBy(*measure)))
        .where(F.when(has_weeks, same_weekday).otherwise(recent))
        .groupBy(*measure, "weeks")
        .agg(
            F.median("past").alias("expected"),
            F.collect_list("past").alias("pasts"),
            # A decimal: the sum of doubles would depend on their order.
            F.sum(F.col("past").cast("decimal(22,2)")).cast("double").alias("past_sum"),
            F.sum("past_unit").alias("past_units"),
        )
        .where(has_weeks | (F.size("pasts") >= MIN_BASELINE))
    )
    distance = _comparable(F.col("past")) - _comparable(F.col("expected"))
    spread = (
        compared.select("*", F.explode("pasts").alias("past"))
        .groupBy(*measure, "expected", "past_sum", "past_units")
        .agg(F.median(F.abs(distance)).alias("mad"))
    )
    distance = _comparable(F.col("value")) - _comparable(F.col("expected"))
    scored = spread.withColumn("score", distance / _scale())
    side = F.when(F.col("score") > 0, F.lit("_high")).otherwise(F.lit("_low"))
    reasons = F.array_compact(
        F.array(
            F.concat("kind", side),
            F.when((F.col("kind") == "events") & (F.col("value") == 0), F.lit("no_events")),
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
    """One row per day with events, hour of it, and kind.

    All hours, or an outage to midnight would never be seen; `v_anomalies` hides what is not over.
    """
    hour_no = F.substring("event_hour", 12, 2).cast("int")
    day = F.substring("event_hour", 1, 10)
    known = hours.where(F.col("traffic") == ALL_TRAFFIC).select(
        day.alias("event_day"),
        hour_no.alias("hour_no"),
        *("events", "orders", "revenue", "sessions_started"),
    )
    hour_nos = F.explode(F.sequence(F.lit(0), F.lit(23))).alias("hour_no")
    grid = known.select("event_day").distinct().select("event_day", hour_nos)
    names = ("events", "orders", "revenue", "sessions_started")
    full = grid.join(known, on=["event_day", "hour_no"], how="left").withColumns(
        {name: F.coalesce(F.col(name).cast("double"), F.lit(0.0)) for name in names}
    )
    rate = F.when(
        F.col("sessions_started") >= MIN_SESSIONS, F.col("orders") / F.col("sessions_started")
    )
    orders, sessions = F.col("orders"), F.col("sessions_started")
    values = {
        RATE: (rate, sessions),
        "events": (F.col("events"), sessions),
        "orders": (orders, orders),
        "revenue": (F.col("revenue"), orders),
    }
    kinds = F.array(
        *[
            F.struct(F.lit(kind).alias("kind"), value.alias("value"), unit.alias("unit"))
            for kind, (value, unit) in values.items()
        ]
    )
    return full.select("event_day", "hour_no", F.inline(kinds))


def _comparable(value: Column) -> Column:
    """Of counts and sums the root, which varies alike whatever their size; rates as they are."""
    return F.when(F.col("kind") == RATE, value).otherwise(F.sqrt(value))


def _scale() -> Column:
    """The spread to measure by, never less than what chance alone makes of as many units."""
    expected, now = F.col("expected"), F.col("unit")
    units = F.greatest(F.col("past_units") + now, F.lit(1.0))
    per_unit = (F.col("past_sum") + F.col("value")) / units
    varies = F.coalesce(*[F.when(F.col("kind") == k, F.lit(v)) for k, v in VARIES.items()])
    of_sum = F.greatest(0.05 * F.sqrt(expected), 0.5 * F.sqrt(varies * per_unit), F.lit(0.5))
    of_rate = F.greatest(
        0.15 * expected,
        F.sqrt(F.try_divide(F.greatest(expected, F.try_divide(F.lit(1.0), now)), now)),
        F.lit(0.002),
    )
    least = F.when(F.col("kind") == RATE, of_rate).otherwise(of_sum)
    return F.greatest(MAD_TO_SIGMA * F.col("mad"), least)


def price_outliers(events: DataFrame) -> DataFrame:
    """One row per event and product, from the events of whole days."""
    prices = (
        events.select(*_OF_EVENT, F.inline("items"))
        .where(F.col("item_id").isNotNull() & F.col("price").isNotNull())
        .groupBy(*_OF_EVENT, "item_id")
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

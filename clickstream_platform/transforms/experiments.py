"""A/B tests (docs/DEFINITIONS.md, Experiments)."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.tables.experiments import EXPERIMENT_EXPOSURES, EXPERIMENT_RESULTS
from clickstream_platform.transforms.sessions import typed

CONVERSION_DAYS = 7
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: |error| < 1.5e-7.
_ERFC_P = 0.3275911
_ERFC = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def experiment_exposures(events: DataFrame) -> DataFrame:
    """One row per day, test, arm and visitor, from the events of whole days."""
    seen = events.where(
        F.col("experiment_id").isNotNull()
        & F.col("variant_id").isNotNull()
        & F.col("visitor_id").isNotNull()
    )
    days = seen.groupBy("event_day", "experiment_id", "variant_id", "visitor_id").agg(
        F.min("event_timestamp").alias("first_exposed_at")
    )
    return typed(days, EXPERIMENT_EXPOSURES)


def experiment_results(exposures: DataFrame, orders: DataFrame) -> DataFrame:
    """One row per test and arm, from all exposures and orders."""
    visitors = exposures.groupBy("experiment_id", "visitor_id").agg(
        F.min("variant_id").alias("variant_id"),
        (F.min("variant_id") != F.max("variant_id")).alias("is_mixed"),
        F.min("first_exposed_at").alias("exposed_at"),
    )
    until = F.col("exposed_at") + F.make_dt_interval(days=F.lit(CONVERSION_DAYS))
    converted = (
        (F.col("buyer") == F.col("visitor_id"))
        & (F.col("ordered_at") >= F.col("exposed_at"))
        & (F.col("ordered_at") <= until)
    )
    bought = orders.select(
        F.col("visitor_id").alias("buyer"),
        "ordered_at",
        F.when(F.col("is_reported"), F.col("value")).alias("worth"),
    )
    outcome = (
        visitors.join(bought, on=converted, how="left")
        .groupBy("experiment_id", "visitor_id", "variant_id", "is_mixed")
        .agg(F.count("buyer").alias("orders"), F.sum("worth").alias("worth"))
    )
    of_test = Window.partitionBy("experiment_id")
    arms = (
        outcome.withColumn("mixed_visitors", F.count_if("is_mixed").over(of_test))
        .where(~F.col("is_mixed"))
        .groupBy("experiment_id", "variant_id", "mixed_visitors")
        .agg(
            F.count(F.lit(1)).alias("exposures"),
            F.count_if(F.col("orders") > 0).alias("conversions"),
            F.coalesce(F.sum("worth"), F.lit(0)).alias("revenue"),
        )
        .withColumn("conversion_rate", F.col("conversions") / F.col("exposures"))
    )
    control_first = F.struct(F.col("variant_id") != "control", "variant_id")
    control = F.min_by(F.struct("variant_id", "exposures", "conversions"), control_first)
    return typed(
        arms.withColumn("control", control.over(of_test))
        .withColumn("is_control", F.col("variant_id") == F.col("control.variant_id"))
        .withColumn("lift", _against_control(_lift()))
        .withColumn("z_score", _against_control(_z_score()))
        .withColumn("p_value", p_value(F.col("z_score"))),
        EXPERIMENT_RESULTS,
    )


def _against_control(value: Column) -> Column:
    return F.when(~F.col("is_control"), value)


def _lift() -> Column:
    of_control = F.col("control.conversions") / F.col("control.exposures")
    return F.try_divide("conversion_rate", of_control) - 1


def _z_score() -> Column:
    here, there = F.col("exposures"), F.col("control.exposures")
    of_control = F.col("control.conversions") / there
    pooled = (F.col("conversions") + F.col("control.conversions")) / (here + there)
    error = F.sqrt(pooled * (1 - pooled) * (1 / here + 1 / there))
    return F.try_divide(F.col("conversion_rate") - of_control, error)


def p_value(z_score: Column) -> Column:
    """Chance of a score at least as far from 0 if both arms convert alike."""
    x = F.abs(z_score) / F.sqrt(F.lit(2.0))
    t = 1 / (1 + _ERFC_P * x)
    total = F.lit(0.0)
    for factor in reversed(_ERFC):
        total = (total + factor) * t
    # `least` alone would pass over a null and answer 1.
    return F.when(z_score.isNotNull(), F.least(total * F.exp(-x * x), F.lit(1.0)))

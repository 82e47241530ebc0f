"""A/B tests (docs/DEFINITIONS.md, Experiments)."""

import math

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from clickstream_platform.tables.experiments import EXPERIMENT_EXPOSURES, EXPERIMENT_RESULTS
from clickstream_platform.transforms.robot_days import FLAG, with_is_bot_on_day, with_traffic
from clickstream_platform.transforms.sessions import typed

CONVERSION_DAYS = 7
CUPED_DAYS = 28  # before the exposure
Z_95 = 1.959963984540054
_TEST = ("traffic", "experiment_id")
_SUM, _SUM_OF_SQUARES = "decimal(18,0)", "decimal(28,0)"
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: |error| < 1.5e-7.
_ERFC_P = 0.3275911
_ERFC = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def experiment_exposures(events: DataFrame, bots: DataFrame) -> DataFrame:
    """One row per day, test, arm and visitor, from the events of whole days.

    `bots` has a row per day and visitor that is a robot.
    """
    seen = events.where(
        F.col("experiment_id").isNotNull()
        & F.col("variant_id").isNotNull()
        & F.col("visitor_id").isNotNull()
    )
    days = seen.groupBy("event_day", "experiment_id", "variant_id", "visitor_id").agg(
        F.min("event_timestamp").alias("first_exposed_at")
    )
    flagged = with_is_bot_on_day(days, F.broadcast(bots))
    return typed(flagged.withColumnRenamed(FLAG, "is_bot"), EXPERIMENT_EXPOSURES)


def experiment_results(exposures: DataFrame, orders: DataFrame) -> DataFrame:
    """One row per kind of traffic, test and arm, from all exposures and flagged orders."""
    counted_in = with_traffic(exposures.withColumnRenamed("is_bot", FLAG))
    return judged_arms(_arms(_outcomes(counted_in, orders)))


def _outcomes(exposures: DataFrame, orders: DataFrame) -> DataFrame:
    """One row per kind of traffic, test and visitor: what they ordered after their first exposure,
    and before."""
    visitors = exposures.groupBy(*_TEST, "visitor_id").agg(
        F.min("variant_id").alias("variant_id"),
        (F.min("variant_id") != F.max("variant_id")).alias("is_mixed"),
        F.min("first_exposed_at").alias("exposed_at"),
    )
    exposed, ordered = F.col("exposed_at"), F.col("ordered_at")
    concerns = (
        (F.col("buyer") == F.col("visitor_id"))
        & ((F.col("traffic") == "all") | ~F.col(FLAG))
        & (ordered >= exposed - F.make_dt_interval(days=F.lit(CUPED_DAYS)))
        & (ordered <= exposed + F.make_dt_interval(days=F.lit(CONVERSION_DAYS)))
    )
    bought = orders.select(
        F.col("visitor_id").alias("buyer"),
        *("ordered_at", FLAG),
        F.when(F.col("is_reported"), F.col("value")).alias("worth"),
    )
    after, before = ordered >= exposed, ordered < exposed
    return (
        visitors.join(bought, on=concerns, how="left")
        .groupBy(*_TEST, "visitor_id", "variant_id", "is_mixed")
        .agg(
            F.count(F.when(after, F.lit(1))).alias("orders"),
            F.coalesce(F.sum(F.when(after, F.col("worth"))), F.lit(0)).alias("worth"),
            F.coalesce(F.sum(F.when(before, F.col("worth"))), F.lit(0)).alias("worth_before"),
        )
    )


def _arms(outcomes: DataFrame) -> DataFrame:
    y = (F.col("worth") * 100).cast("decimal(15,0)")
    x = (F.col("worth_before") * 100).cast("decimal(15,0)")
    return (
        outcomes.withColumn(
            "mixed_visitors", F.count_if("is_mixed").over(Window.partitionBy(*_TEST))
        )
        .where(~F.col("is_mixed"))
        .groupBy(*_TEST, "variant_id", "mixed_visitors")
        .agg(
            F.count(F.lit(1)).alias("exposures"),
            F.count_if(F.col("orders") > 0).alias("conversions"),
            F.sum("worth").alias("revenue"),
            *[F.sum(of).cast(_SUM).alias(name) for name, of in (("y", y), ("x", x))],
            *[
                F.sum(of).cast(_SUM_OF_SQUARES).alias(name)
                for name, of in (("yy", y * y), ("xx", x * x), ("xy", x * y))
            ],
        )
    )


def judged_arms(arms: DataFrame) -> DataFrame:
    """`experiment_results` of arms that have `mixed_visitors`, `exposures`, `conversions`,
    `revenue`, and the sums of cents after (`y`) and before (`x`) the exposure and of their
    products (`yy`, `xx`, `xy`)."""
    of_test = Window.partitionBy(*_TEST)
    control_first = F.struct(F.col("variant_id") != "control", "variant_id")
    known = (
        arms.withColumn("conversion_rate", F.col("conversions") / F.col("exposures"))
        .withColumn("srm_p_value", _srm_p_value(of_test))
        .withColumn("cuped_theta", _theta(of_test))
        .withColumn(
            "all_x", F.sum("x").over(of_test).cast("double") / F.sum("exposures").over(of_test)
        )
        .withColumn("adjusted", _adjusted())
        .withColumn("adjusted_variance", _adjusted_variance())
    )
    told = ("variant_id", "exposures", "conversions", "adjusted", "adjusted_variance")
    against = known.withColumn(
        "control", F.min_by(F.struct(*told), control_first).over(of_test)
    ).withColumn("is_control", F.col("variant_id") == F.col("control.variant_id"))
    rate_of_control = F.col("control.conversions") / F.col("control.exposures")
    differences = against.withColumns(
        {
            "rate_difference": _against_control(F.col("conversion_rate") - rate_of_control),
            "rate_error": F.sqrt(
                _error_of_rate("conversions", "exposures")
                + _error_of_rate("control.conversions", "control.exposures")
            ),
            "cuped_difference": _against_control(F.col("adjusted") - F.col("control.adjusted")),
            "cuped_error": F.sqrt(
                F.col("adjusted_variance") / F.col("exposures")
                + F.col("control.adjusted_variance") / F.col("control.exposures")
            ),
        }
    )
    return typed(
        differences.withColumns(
            {
                "lift": _against_control(F.try_divide("conversion_rate", rate_of_control) - 1),
                "z_score": _against_control(_z_score()),
                "rate_ci_low": F.col("rate_difference") - Z_95 * F.col("rate_error"),
                "rate_ci_high": F.col("rate_difference") + Z_95 * F.col("rate_error"),
                "revenue_per_visitor": F.col("revenue").cast("double") / F.col("exposures"),
                "cuped_revenue_per_visitor": F.col("adjusted"),
                "cuped_ci_low": F.col("cuped_difference") - Z_95 * F.col("cuped_error"),
                "cuped_ci_high": F.col("cuped_difference") + Z_95 * F.col("cuped_error"),
            }
        ).withColumns(
            {
                "p_value": p_value(F.col("z_score")),
                "cuped_p_value": p_value(F.try_divide("cuped_difference", F.col("cuped_error"))),
            }
        ),
        EXPERIMENT_RESULTS,
    )


def _against_control(value: Column) -> Column:
    return F.when(~F.col("is_control"), value)


def _error_of_rate(conversions: str, exposures: str) -> Column:
    rate = F.col(conversions) / F.col(exposures)
    return rate * (1 - rate) / F.col(exposures)


def _z_score() -> Column:
    here, there = F.col("exposures"), F.col("control.exposures")
    of_control = F.col("control.conversions") / there
    pooled = (F.col("conversions") + F.col("control.conversions")) / (here + there)
    error = F.sqrt(pooled * (1 - pooled) * (1 / here + 1 / there))
    return F.try_divide(F.col("conversion_rate") - of_control, error)


def _times_n(n: Column, product: Column, a: Column, b: Column) -> Column:
    """n times the sum of products minus the product of sums, in whole cents: no rounding."""
    return (n.cast("decimal(10,0)") * product - a * b).cast("double")


def _theta(of_test: WindowSpec) -> Column:
    """The slope of what came after on what came before, over all arms of the test."""
    n = F.sum("exposures").over(of_test)
    x, y = F.sum("x").over(of_test).cast(_SUM), F.sum("y").over(of_test).cast(_SUM)
    xx = F.sum("xx").over(of_test).cast(_SUM_OF_SQUARES)
    xy = F.sum("xy").over(of_test).cast(_SUM_OF_SQUARES)
    return F.coalesce(F.try_divide(_times_n(n, xy, x, y), _times_n(n, xx, x, x)), F.lit(0.0))


def _adjusted() -> Column:
    n = F.col("exposures")
    return (
        F.col("y").cast("double") / n
        - F.col("cuped_theta") * (F.col("x").cast("double") / n - F.col("all_x"))
    ) / 100


def _adjusted_variance() -> Column:
    n, x, y, theta = (F.col(name) for name in ("exposures", "x", "y", "cuped_theta"))
    spread = (
        _times_n(n, F.col("yy"), y, y)
        + theta * theta * _times_n(n, F.col("xx"), x, x)
        - 2 * theta * _times_n(n, F.col("xy"), x, y)
    )
    pairs = (n * (n - 1)).cast("double")
    return F.try_divide(F.greatest(spread, F.lit(0.0)), pairs) / 10_000


def _srm_p_value(of_test: WindowSpec) -> Column:
    """Chance of arms at least as uneven, if each visitor gets any arm with the same chance."""
    arms = F.count(F.lit(1)).over(of_test)
    visitors = F.sum("exposures").over(of_test)
    squares = F.sum(F.col("exposures") * F.col("exposures")).over(of_test)
    chi_square = (arms * squares - visitors * visitors) / visitors
    return F.when(arms > 1, chi_square_p_value(chi_square, arms - 1))


def chi_square_p_value(chi_square: Column, freedom: Column) -> Column:
    """Chance of a chi-square of `freedom` degrees at least as large; by the finite series."""
    half = chi_square / 2
    is_odd = freedom % 2 == 1
    first = F.when(is_odd, 2 * F.sqrt(half / math.pi)).otherwise(F.lit(1.0))
    step = F.when(is_odd, F.lit(0.5)).otherwise(F.lit(0.0))
    terms = F.floor(freedom / 2).cast("int")
    series = F.aggregate(
        F.sequence(F.lit(1), F.greatest(terms, F.lit(1))),
        F.struct(F.lit(0.0).alias("sum"), first.alias("term")),
        lambda so_far, i: F.struct(
            (so_far["sum"] + F.when(i <= terms, so_far["term"]).otherwise(F.lit(0.0))).alias("sum"),
            (so_far["term"] * half / (i + step)).alias("term"),
        ),
        lambda done: done["sum"],
    )
    tail = F.when(is_odd, p_value(F.sqrt(chi_square))).otherwise(F.lit(0.0))
    return F.least(tail + F.exp(-half) * series, F.lit(1.0))


def p_value(z_score: Column) -> Column:
    """Chance of a score at least as far from 0 if both arms convert alike."""
    x = F.abs(z_score) / F.sqrt(F.lit(2.0))
    t = 1 / (1 + _ERFC_P * x)
    total = F.lit(0.0)
    for factor in reversed(_ERFC):
        total = (total + factor) * t
    # `least` alone would pass over a null and answer 1.
    return F.when(z_score.isNotNull(), F.least(total * F.exp(-x * x), F.lit(1.0)))

"""Customers over all time (docs/DEFINITIONS.md, Customers)."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.tables.customers import DIM_USER_METRICS, RETENTION_COHORT, RFM_SCORES
from clickstream_platform.transforms.robot_days import FLAG, with_traffic
from clickstream_platform.transforms.sessions import typed

HIGH_VALUE_FROM = 500
PERIODS = ("day", "week", "month")


def customer_id() -> Column:
    """The account id, else the visitor id."""
    return F.coalesce("user_id", "visitor_id")


def dim_user_metrics(sessions: DataFrame, orders: DataFrame) -> DataFrame:
    """One row per kind of traffic and customer, from all flagged sessions and orders; both have
    `customer_id`."""
    came = sessions.select(
        *("customer_id", "event_day", FLAG),
        F.col("started_at").alias("first_at"),
        F.col("ended_at").alias("last_at"),
        F.lit(1).alias("session"),
        F.col("is_engaged").cast("int").alias("engaged"),
    )
    bought = orders.where(F.col("is_reported") & F.col("customer_id").isNotNull()).select(
        *("customer_id", "event_day", FLAG),
        F.col("ordered_at").alias("first_at"),
        F.col("ordered_at").alias("last_at"),
        F.col("ordered_at"),
        F.col("value"),
    )
    customers = (
        with_traffic(came.unionByName(bought, allowMissingColumns=True))
        .groupBy("traffic", "customer_id")
        .agg(
            F.min("first_at").alias("first_seen_at"),
            F.max("last_at").alias("last_seen_at"),
            F.count_distinct("event_day").alias("active_days"),
            F.count("session").alias("sessions"),
            F.coalesce(F.sum("engaged"), F.lit(0)).alias("engaged_sessions"),
            F.count("ordered_at").alias("orders"),
            F.coalesce(F.sum("value"), F.lit(0)).alias("customer_lifetime_value"),
            F.min("ordered_at").alias("first_order_at"),
            F.max("ordered_at").alias("last_order_at"),
        )
    )
    segment = (
        F.when(F.col("customer_lifetime_value") >= HIGH_VALUE_FROM, "High Value")
        .when(F.col("orders") > 0, "Converted")
        .when(F.col("engaged_sessions") > 0, "Engaged")
        .otherwise("New/Inactive")
    )
    return typed(
        customers.withColumn("is_repeat", F.col("orders") >= 2).withColumn("segment", segment),
        DIM_USER_METRICS,
    )


def rfm_scores(orders: DataFrame) -> DataFrame:
    """One row per kind of traffic and customer with an order in the reporting currency or without
    one, from all flagged orders."""
    day = F.to_date("event_day")
    customers = (
        with_traffic(orders.where(F.col("is_reported") & F.col("customer_id").isNotNull()))
        .groupBy("traffic", "customer_id")
        .agg(
            F.max(day).alias("last_day"),
            F.count(F.lit(1)).alias("frequency"),
            F.sum("value").alias("monetary"),
        )
        .withColumn("as_of_date", F.max("last_day").over(Window.partitionBy("traffic")))
        .withColumn("recency_days", F.date_diff("as_of_date", "last_day"))
    )
    is_repeat = F.col("frequency") > 1
    scored = (
        customers.withColumn("r", 1 + _part(5, "last_day"))
        .withColumn("f", F.when(is_repeat, 2 + _part(4, "frequency", is_repeat)).otherwise(1))
        .withColumn("m", 1 + _part(5, "monetary"))
    )
    return typed(scored.withColumn("rfm_segment", rfm_segment()), RFM_SCORES)


def _part(parts: int, value: str, *among: Column) -> Column:
    """0 to `parts` - 1 by where the middle of the customers with this value lies among those alike
    in `among`; equal values score alike."""
    group = Window.partitionBy("traffic", *among)
    below = F.rank().over(group.orderBy(value)) - 1
    equal = F.count(F.lit(1)).over(Window.partitionBy("traffic", *among, value))
    return F.floor(parts * (2 * below + equal) / (2 * F.count(F.lit(1)).over(group)))


def rfm_segment() -> Column:
    """Of the scores `r`, `f` and `m`."""
    r = F.col("r")
    # The mean of f, f and m, rounded: who ordered once has 1 or 2, who came back 2 or more.
    fm = F.floor((2 * F.col("f") + F.col("m") + 1) / 3)
    return (
        F.when((r >= 4) & (fm >= 4), "Champions")
        .when((r == 3) & (fm == 3), "Need Attention")
        .when((r >= 3) & (fm >= 3), "Loyal Customers")
        .when((r >= 4) & (fm == 2), "Potential Loyalist")
        .when(r == 5, "New Customers")
        .when(r == 4, "Promising")
        .when(r == 3, "About To Sleep")
        .when((r == 1) & (fm >= 4), "Cannot Lose Them")
        .when(fm >= 3, "At Risk")
        .when(r == 2, "Hibernating")
        .otherwise("Lost")
    )


def retention_cohort(sessions: DataFrame, orders: DataFrame) -> DataFrame:
    """One row per kind of traffic, basis, period, cohort and later period in which one of the
    cohort came, from all flagged sessions and orders."""
    came = sessions.select(F.lit("activity").alias("basis"), "customer_id", "event_day", FLAG)
    bases = F.when(F.col("is_reported"), F.array(F.lit("activity"), F.lit("order"))).otherwise(
        F.array(F.lit("order"))
    )
    bought = orders.select(F.explode(bases).alias("basis"), "customer_id", "event_day", FLAG)
    date = F.to_date("event_day")
    starts = [
        F.struct(F.lit(period).alias("period"), F.trunc(date, period).alias("start"))
        if period != "day"
        else F.struct(F.lit(period).alias("period"), date.alias("start"))
        for period in PERIODS
    ]
    periods = (
        came.unionByName(bought)
        .where(F.col("customer_id").isNotNull())
        .select("basis", "customer_id", FLAG, F.inline(F.array(*starts)))
        .groupBy("basis", "customer_id", "period", "start")
        .agg(F.bool_and(FLAG).alias(FLAG))
    )
    of_customer = Window.partitionBy("traffic", "basis", "customer_id", "period")
    seen = with_traffic(periods).withColumn("cohort_start", F.min("start").over(of_customer))
    days = F.date_diff("start", "cohort_start")
    number = (
        F.when(F.col("period") == "day", days)
        .when(F.col("period") == "week", F.floor(days / 7))
        .otherwise(F.round(F.months_between("start", "cohort_start")))
    )
    cohorts = (
        seen.withColumn("period_no", number)
        .groupBy("traffic", "basis", "period", "cohort_start", "period_no")
        .agg(F.count(F.lit(1)).alias("customers"))
    )
    of_cohort = Window.partitionBy("traffic", "basis", "period", "cohort_start")
    size = F.max(F.when(F.col("period_no") == 0, F.col("customers"))).over(of_cohort)
    return typed(
        cohorts.withColumn("cohort_size", size).withColumn(
            "retention_rate", F.col("customers") / F.col("cohort_size")
        ),
        RETENTION_COHORT,
    )

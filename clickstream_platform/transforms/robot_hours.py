"""Rows with the robots of an hour and without (docs/DEFINITIONS.md, Robots)."""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.transforms.robot_days import with_traffic

IS_ROBOT = "is_robot"
_KEY = ["event_hour", "visitor_id"]


def robots_of(bots: DataFrame) -> DataFrame:
    """The hours and visitors of `bot_visitors_hourly` that are robots."""
    return bots.where("is_bot").select(*_KEY)


def with_is_robot(rows: DataFrame, robots: DataFrame) -> DataFrame:
    """Whether the row's visitor is a robot in its hour; without visitor it is none."""
    found = F.broadcast(robots.withColumn(IS_ROBOT, F.lit(True)))
    joined = rows.join(found, on=_KEY, how="left")
    return joined.withColumn(IS_ROBOT, F.coalesce(IS_ROBOT, F.lit(False)))


def by_traffic(rows: DataFrame, robots: DataFrame) -> DataFrame:
    """Rows with `event_hour` and `visitor_id` by kind of traffic."""
    return rows.transform(with_is_robot, robots).transform(with_traffic, IS_ROBOT)


def summed_by_traffic(
    rows: DataFrame, robots: DataFrame, *, keys: Sequence[str], sums: Sequence[str]
) -> DataFrame:
    """One row per `keys`, which hold `event_hour`, and kind of traffic; a sum of nulls is 0."""
    # By the flag first: what is doubled for the two kinds of traffic is small then.
    by_flag = (
        with_is_robot(rows, robots)
        .groupBy(*keys, IS_ROBOT)
        .agg(*[F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in sums])
    )
    return (
        with_traffic(by_flag, IS_ROBOT)
        .groupBy(*keys, "traffic")
        .agg(*[F.sum(name).alias(name) for name in sums])
    )

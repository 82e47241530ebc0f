"""Hourly rows with robots and without (docs/DEFINITIONS.md, Robots)."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.robot_hours import TRAFFIC_OF_HOUR

_KEY = ["event_hour", "visitor_id"]


def robots_of(bots: DataFrame) -> DataFrame:
    """The hours and visitors of `bot_visitors_hourly` that are robots."""
    return bots.where("is_bot").select(*_KEY)


def with_is_robot(rows: DataFrame, robots: DataFrame) -> DataFrame:
    """Whether the row's visitor is a robot in its hour; without visitor it is none."""
    found = F.broadcast(robots.withColumn("is_robot", F.lit(True)))
    joined = rows.join(found, on=_KEY, how="left")
    return joined.withColumn("is_robot", F.coalesce("is_robot", F.lit(False)))


def of_both_kinds(rows: DataFrame) -> DataFrame:
    """Each row as `traffic` `all`, and again as `human` unless `is_robot`; sum up before it."""
    everything, human = [F.lit(kind) for kind in TRAFFIC_OF_HOUR]
    kinds = F.when(F.col("is_robot"), F.array(everything)).otherwise(F.array(everything, human))
    return rows.withColumn("traffic", F.explode(kinds)).drop("is_robot")


def by_traffic(rows: DataFrame, robots: DataFrame) -> DataFrame:
    """Rows with `event_hour` and `visitor_id` by kind of traffic."""
    return rows.transform(with_is_robot, robots).transform(of_both_kinds)

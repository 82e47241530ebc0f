"""Rows with the robots of a day and without (docs/DEFINITIONS.md, Robots)."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.traffic import TRAFFIC

FLAG = "is_bot_on_day"


def with_is_bot_on_day(rows: DataFrame, bots: DataFrame) -> DataFrame:
    """The same rows, by `event_day` and `visitor_id`; a row without visitor is no robot's.

    `bots` has a row per day and visitor that is a robot.
    """
    flagged = bots.select("event_day", "visitor_id", F.lit(True).alias(FLAG))
    return rows.join(flagged, on=["event_day", "visitor_id"], how="left").withColumn(
        FLAG, F.coalesce(FLAG, F.lit(False))
    )


def with_traffic(rows: DataFrame, flag: str = FLAG) -> DataFrame:
    """Each row once for each `traffic` it counts in; `flag`, which tells robots, is gone.

    Rows that were summed up by the flag before are fewer to double.
    """
    every, human = (F.lit(name) for name in TRAFFIC)
    counted_in = F.when(F.col(flag), F.array(every)).otherwise(F.array(every, human))
    return rows.withColumn("traffic", F.explode(counted_in)).drop(flag)

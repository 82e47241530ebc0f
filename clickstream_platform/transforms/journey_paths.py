"""The tree of session beginnings (docs/DEFINITIONS.md, Journeys)."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.daily import JOURNEY_PATHS
from clickstream_platform.transforms.sessions import typed

MAX_DEPTH = 6


def journey_paths(sessions: DataFrame, events: DataFrame) -> DataFrame:
    """One row per day and path, from whole days' sessions and all the events of these."""
    wanted = sessions.select("event_day", "session_id", (F.col("purchases") > 0).alias("bought"))
    walked = (
        events.select("session_id", "event_sequence", "event_name")
        .join(wanted, on="session_id", how="inner")
        .groupBy("event_day", "session_id", "bought")
        .agg(F.array_sort(F.collect_list(F.struct("event_sequence", "event_name"))).alias("walk"))
        .withColumn("names", F.col("walk.event_name"))
    )
    moved = F.filter(
        "walk", lambda step, at: (at == 0) | (F.col("names")[at - 1] != step["event_name"])
    )
    steps = walked.withColumn("steps", F.slice(moved["event_name"], 1, MAX_DEPTH))
    nodes = steps.withColumn("depth", F.explode(F.sequence(F.lit(1), F.size("steps"))))
    paths = (
        nodes.withColumn("path", F.array_join(F.slice("steps", 1, F.col("depth")), " > "))
        .withColumn("step", F.element_at("steps", F.col("depth")))
        .groupBy("event_day", "path", "depth", "step")
        .agg(
            F.count(F.lit(1)).alias("sessions"),
            F.count_if(F.col("depth") == F.size("steps")).alias("exits"),
            F.count_if("bought").alias("converted_sessions"),
        )
    )
    return typed(paths, JOURNEY_PATHS)

"""The tree of session beginnings (docs/DEFINITIONS.md, Journeys)."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.daily import JOURNEY_PATHS
from clickstream_platform.transforms.robot_days import FLAG, with_traffic
from clickstream_platform.transforms.sessions import typed

MAX_DEPTH = 6


def journey_paths(sessions: DataFrame, events: DataFrame) -> DataFrame:
    """One row per day, kind of traffic and path, from whole days' flagged sessions and all the
    events of these."""
    bought = (F.col("purchases") > 0).alias("bought")
    wanted = sessions.select("event_day", FLAG, "session_id", bought)
    walked = (
        events.select("session_id", "event_sequence", "event_name")
        .join(wanted, on="session_id", how="inner")
        .groupBy("event_day", FLAG, "session_id", "bought")
        .agg(F.sort_array(F.collect_list(F.struct("event_sequence", "event_name"))).alias("walk"))
        .withColumn("names", F.col("walk.event_name"))
    )
    moved = F.filter(
        "walk", lambda step, at: (at == 0) | (F.col("names")[at - 1] != step["event_name"])
    )
    steps = walked.withColumn("steps", F.slice(moved["event_name"], 1, MAX_DEPTH))
    nodes = steps.withColumn("depth", F.explode(F.sequence(F.lit(1), F.size("steps"))))
    apart = (
        nodes.withColumn("path", F.array_join(F.slice("steps", 1, F.col("depth")), " > "))
        .withColumn("step", F.element_at("steps", F.col("depth")))
        .groupBy("event_day", FLAG, "path", "depth", "step")
        .agg(
            F.count(F.lit(1)).alias("sessions"),
            F.count_if(F.col("depth") == F.size("steps")).alias("exits"),
            F.count_if("bought").alias("converted_sessions"),
        )
    )
    paths = (
        with_traffic(apart)
        .groupBy("event_day", "traffic", "path", "depth", "step")
        .agg(*[F.sum(name).alias(name) for name in ("sessions", "exits", "converted_sessions")])
    )
    return typed(paths, JOURNEY_PATHS)

"""The funnel of sessions, in three modes (docs/DEFINITIONS.md, Windows)."""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.marts import FUNNEL_HOURLY
from clickstream_platform.transforms.funnel_steps import (
    moments_by_mode,
    moments_of,
    step_number,
    step_rates,
    step_times,
)
from clickstream_platform.transforms.robot_hours import by_traffic
from clickstream_platform.transforms.sessions import typed


def funnel_hourly(sessionised: DataFrame, robots: DataFrame, *, steps: Sequence[str]) -> DataFrame:
    """One row per hour, kind of traffic, mode and step, from whole sessions; in the hours these
    started, by which their visitors are robots or not."""
    number = step_number(steps)
    did = F.when(
        number > 0,
        F.struct(
            "event_sequence",
            number.alias("no"),
            F.unix_micros("event_timestamp").alias("us"),
        ),
    )
    sessions = (
        sessionised.where(F.col("session_id").isNotNull())
        .groupBy("session_id", "visitor_id")
        .agg(
            F.min("event_hour").alias("event_hour"),
            F.sort_array(F.collect_list(did)).alias("walk"),
        )
    )
    reached = sessions.select(
        "event_hour",
        "visitor_id",
        F.inline(moments_by_mode(F.col("walk"), len(steps))),
    )
    moments = moments_of(len(steps))
    through = [F.count(moment).alias(f"through_{no}") for no, moment in enumerate(moments, start=1)]
    of_traffic = by_traffic(reached, robots).groupBy("event_hour", "traffic", "mode")
    counted = of_traffic.agg(*through, *step_times(moments))
    rows = F.array(
        *[
            F.struct(
                F.lit(no).cast("bigint").alias("step_no"),
                F.lit(step).alias("step"),
                F.col(f"through_{no}").alias("sessions"),
                *step_rates(no),
            )
            for no, step in enumerate(steps, start=1)
        ]
    )
    return typed(counted.select("event_hour", "traffic", "mode", F.inline(rows)), FUNNEL_HOURLY)

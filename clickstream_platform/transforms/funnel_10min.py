"""The ten-minute funnel (docs/DEFINITIONS.md, Windows)."""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.marts import FUNNEL_10MIN
from clickstream_platform.transforms.funnel_steps import step_rates, step_times
from clickstream_platform.transforms.robot_hours import by_traffic
from clickstream_platform.transforms.sessions import typed


def funnel_10min(events: DataFrame, robots: DataFrame, *, steps: Sequence[str]) -> DataFrame:
    """One row per ten minutes with a visitor, kind of traffic, and funnel step."""
    moment = F.unix_micros("event_timestamp")
    firsts = [
        F.min(F.when(F.col("event_name") == step, moment)).alias(f"first_{no}")
        for no, step in enumerate(steps, start=1)
    ]
    units = (
        events.where(F.col("visitor_id").isNotNull())
        .withColumn("window", F.window("event_timestamp", "10 minutes"))
        .groupBy("event_hour", "window", "visitor_id")
        .agg(*firsts)
    )
    through = F.lit(True)
    moments, counts = [], []
    for no in range(1, len(steps) + 1):
        through = through & F.col(f"first_{no}").isNotNull()
        done = [F.col(f"first_{number}") for number in range(1, no + 1)]
        # Through a step in any order: once the last of its events was there.
        moments.append(F.when(through, F.greatest(*done) if no > 1 else done[0]))
        counts += [
            F.count(f"first_{no}").alias(f"at_{no}"),
            F.count_if(through).alias(f"through_{no}"),
        ]
    of_traffic = by_traffic(units, robots).groupBy("event_hour", "window", "traffic")
    totals = of_traffic.agg(*counts, *step_times(moments))
    rows = F.array(
        *[
            F.struct(
                F.lit(no).cast("bigint").alias("step_no"),
                F.lit(step).alias("step"),
                F.col(f"at_{no}").alias("sessions_at_step"),
                F.col(f"through_{no}").alias("sessions_through_step"),
                *step_rates(no),
            )
            for no, step in enumerate(steps, start=1)
        ]
    )
    return typed(
        totals.select(
            "event_hour",
            F.col("window.start").alias("window_start"),
            F.col("window.end").alias("window_end"),
            "traffic",
            F.inline(rows),
        ),
        FUNNEL_10MIN,
    )

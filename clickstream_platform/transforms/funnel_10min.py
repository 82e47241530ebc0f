"""The ten-minute funnel (docs/DEFINITIONS.md, Windows)."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.marts import FUNNEL_10MIN
from clickstream_platform.transforms.sessions import typed


def funnel_10min(events: DataFrame, *, steps: Sequence[str]) -> DataFrame:
    """One row per ten minutes with a visitor, and funnel step."""
    did = [
        F.bool_or(F.col("event_name") == step).alias(f"did_{no}") for no, step in enumerate(steps)
    ]
    units = (
        events.where(F.col("visitor_id").isNotNull())
        .withColumn("window", F.window("event_timestamp", "10 minutes"))
        .groupBy("event_hour", "window", "visitor_id")
        .agg(*did)
    )
    through = F.lit(True)
    counts = []
    for no in range(len(steps)):
        through = through & F.col(f"did_{no}")
        counts += [
            F.count_if(f"did_{no}").alias(f"at_{no}"),
            F.count_if(through).alias(f"through_{no}"),
        ]
    totals = units.groupBy("event_hour", "window").agg(*counts)
    rows = F.array(
        *[
            F.struct(
                F.lit(no + 1).cast("bigint").alias("step_no"),
                F.lit(step).alias("step"),
                F.col(f"at_{no}").alias("sessions_at_step"),
                F.col(f"through_{no}").alias("sessions_through_step"),
                _step_rate(no).alias("step_rate"),
                F.try_divide(f"through_{no}", F.col("through_0")).alias("overall_rate"),
            )
            for no, step in enumerate(steps)
        ]
    )
    return typed(
        totals.select(
            "event_hour",
            F.col("window.start").alias("window_start"),
            F.col("window.end").alias("window_end"),
            F.inline(rows),
        ),
        FUNNEL_10MIN,
    )


def _step_rate(no: int) -> Column:
    """Null for the first step, which has none before it, and where nobody came that far."""
    if no == 0:
        return F.lit(None).cast("double")
    return F.try_divide(f"through_{no}", F.col(f"through_{no - 1}"))

"""The funnel of sessions, in three modes (docs/DEFINITIONS.md, Windows)."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.marts import FUNNEL_HOURLY
from clickstream_platform.transforms.sessions import typed


def funnel_hourly(sessionised: DataFrame, *, steps: Sequence[str]) -> DataFrame:
    """One row per hour, mode and step, from whole sessions; in the hours these started."""
    number = F.array_position(F.array(*[F.lit(step) for step in steps]), F.col("event_name"))
    did = F.when(number > 0, F.struct("event_sequence", number.cast("int").alias("no")))
    sessions = (
        sessionised.where(F.col("session_id").isNotNull())
        .groupBy("session_id")
        .agg(
            F.min("event_hour").alias("event_hour"),
            F.array_sort(F.collect_list(did))["no"].alias("walk"),
        )
    )
    modes = {
        "any": _depth_in_any_order(len(steps)),
        "ordered": _depth_in_order(),
        "strict": _depth_without_detour(),
    }
    depths = sessions.select(
        "event_hour",
        F.inline(
            F.array(
                *[
                    F.struct(F.lit(mode).alias("mode"), depth.alias("depth"))
                    for mode, depth in modes.items()
                ]
            )
        ),
    )
    through = [
        F.count_if(F.col("depth") >= no).alias(f"through_{no}") for no in range(1, len(steps) + 1)
    ]
    counted = depths.groupBy("event_hour", "mode").agg(*through)
    rows = F.array(
        *[
            F.struct(
                F.lit(no).cast("bigint").alias("step_no"),
                F.lit(step).alias("step"),
                F.col(f"through_{no}").alias("sessions"),
                _step_rate(no).alias("step_rate"),
                F.try_divide(f"through_{no}", F.col("through_1")).alias("overall_rate"),
            )
            for no, step in enumerate(steps, start=1)
        ]
    )
    return typed(counted.select("event_hour", "mode", F.inline(rows)), FUNNEL_HOURLY)


def _step_rate(no: int) -> Column:
    if no == 1:
        return F.lit(None).cast("double")
    return F.try_divide(f"through_{no}", F.col(f"through_{no - 1}"))


def _depth_in_any_order(step_count: int) -> Column:
    """How many of the first steps occur, up to the first one that does not."""
    missing = [
        F.when(~F.array_contains("walk", no), F.lit(no - 1)) for no in range(1, step_count + 1)
    ]
    return F.coalesce(*missing, F.lit(step_count))


def _depth_in_order() -> Column:
    """The next step counts, all others are passed over."""
    return F.aggregate(
        "walk", F.lit(0), lambda depth, no: F.when(no == depth + 1, no).otherwise(depth)
    )


def _depth_without_detour() -> Column:
    """The best run of steps 1, 2, 3, …; a repeat of a step does not end it, another step does."""
    start = F.struct(F.lit(0).alias("run"), F.lit(0).alias("best"))

    def walk(state: Column, no: Column) -> Column:
        run = (
            F.when((no == state["run"] + 1) | (no == 1), no)
            .when(no == state["run"], no)
            .otherwise(F.lit(0))
        )
        return F.struct(run.alias("run"), F.greatest(run, state["best"]).alias("best"))

    return F.aggregate("walk", start, walk, lambda state: state["best"])

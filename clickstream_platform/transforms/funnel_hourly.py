"""The funnel of sessions, in three modes (docs/DEFINITIONS.md, Windows)."""

from collections.abc import Callable, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.marts import FUNNEL_HOURLY
from clickstream_platform.transforms.funnel_steps import step_rates, step_times
from clickstream_platform.transforms.sessions import typed

_NO_TIMES = "array<bigint>"


def funnel_hourly(sessionised: DataFrame, *, steps: Sequence[str]) -> DataFrame:
    """One row per hour, mode and step, from whole sessions; in the hours these started."""
    number = F.array_position(F.array(*[F.lit(step) for step in steps]), F.col("event_name"))
    did = F.when(
        number > 0,
        F.struct(
            "event_sequence",
            number.cast("int").alias("no"),
            F.unix_micros("event_timestamp").alias("us"),
        ),
    )
    sessions = (
        sessionised.where(F.col("session_id").isNotNull())
        .groupBy("session_id")
        .agg(
            F.min("event_hour").alias("event_hour"),
            F.array_sort(F.collect_list(did)).alias("walk"),
        )
    )
    modes = {
        "any": _in_any_order(len(steps)),
        "ordered": _in_order(),
        "strict": _without_detour(),
    }
    reached = sessions.select(
        "event_hour",
        F.inline(
            F.array(
                *[
                    F.struct(F.lit(mode).alias("mode"), times.alias("times"))
                    for mode, times in modes.items()
                ]
            )
        ),
    )
    numbers = range(1, len(steps) + 1)
    moments = [F.get("times", F.lit(no - 1)) for no in numbers]
    through = [
        F.count(moment).alias(f"through_{no}") for no, moment in zip(numbers, moments, strict=True)
    ]
    counted = reached.groupBy("event_hour", "mode").agg(*through, *step_times(moments))
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
    return typed(counted.select("event_hour", "mode", F.inline(rows)), FUNNEL_HOURLY)


def _in_any_order(step_count: int) -> Column:
    """When each of the first steps was there with all before it, up to the first that is not."""
    firsts = [
        F.array_min(F.transform(F.filter("walk", _is_step(no)), lambda event: event["us"]))
        for no in range(1, step_count + 1)
    ]
    missing = [F.when(first.isNull(), F.lit(no)) for no, first in enumerate(firsts)]
    depth = F.coalesce(*missing, F.lit(step_count))
    moments = [firsts[0], *[F.greatest(*firsts[:no]) for no in range(2, step_count + 1)]]
    return F.slice(F.array(*moments), F.lit(1), depth)


def _is_step(no: int) -> Callable[[Column], Column]:
    return lambda event: event["no"] == no


def _in_order() -> Column:
    """The next step counts, all others are passed over."""
    return F.aggregate(
        "walk",
        F.array().cast(_NO_TIMES),
        lambda times, event: F.when(
            event["no"] == F.size(times) + 1, F.array_append(times, event["us"])
        ).otherwise(times),
    )


def _without_detour() -> Column:
    """The best run of steps 1, 2, 3, …; a repeat of a step does not end it, another step does."""
    start = F.struct(F.lit(0).alias("run"), F.array().cast(_NO_TIMES).alias("times"))

    def walk(state: Column, event: Column) -> Column:
        no = event["no"]
        run = (
            F.when((no == state["run"] + 1) | (no == 1), no)
            .when(no == state["run"], no)
            .otherwise(F.lit(0))
        )
        times = F.when(
            run > F.size(state["times"]), F.array_append(state["times"], event["us"])
        ).otherwise(state["times"])
        return F.struct(run.alias("run"), times.alias("times"))

    return F.aggregate("walk", start, walk, lambda state: state["times"])

"""Funnels of the bare job, by ten minutes and by hour, with the times between their steps."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

STEPS = ("view_item", "add_to_cart", "begin_checkout", "purchase")
LONG, TIMES, PER_S = "bigint", "array<bigint>", 1_000_000.0


def inlined(steps: Sequence[dict[str, Column]]) -> Column:
    return F.inline(
        F.array(*[F.struct(*[made.alias(name) for name, made in step.items()]) for step in steps])
    )


def rate(part: str, whole: str | None) -> Column:
    return F.try_divide(part, F.col(whole)) if whole else F.lit(None).cast("double")


def step_times(when: Sequence[Column]) -> list[Column]:
    """Per step but the first: mean and median from the step before, median from the first."""
    times = []
    for no in range(1, len(when)):
        step, total = when[no] - when[no - 1], when[no] - when[0]
        times += [
            (F.mean(step) / F.lit(PER_S)).alias(f"mean{no}"),
            (F.median(step) / F.lit(PER_S)).alias(f"median{no}"),
            (F.median(total) / F.lit(PER_S)).alias(f"total{no}"),
        ]
    return times


def step_columns(no: int) -> dict[str, Column]:
    """Rates and times of a step, in funnels' columns."""
    nothing = F.lit(None).cast("double")
    return {
        "step_rate": rate(f"t{no}", f"t{no - 1}" if no else None),
        "overall_rate": rate(f"t{no}", "t0"),
        "mean_step_s": F.col(f"mean{no}") if no else nothing,
        "median_step_s": F.col(f"median{no}") if no else nothing,
        "median_total_s": F.col(f"total{no}") if no else nothing,
    }


def both_kinds(rows: DataFrame, robots: DataFrame) -> DataFrame:
    """Every row as all traffic, and as human if the hour's `robots` lack its visitor."""
    marked = F.broadcast(robots.withColumn("robot", F.lit(True)))
    kinds = F.array(F.lit("all"), F.when(F.col("robot").isNull(), "human"))
    return (
        rows.join(marked, ["event_hour", "visitor_id"], "left")
        .withColumn("traffic", F.explode(F.array_compact(kinds)))
        .drop("robot")
    )


def funnel_10min(events: DataFrame, robots: DataFrame) -> DataFrame:
    number = step_number()
    did = F.when(
        number > 0,
        F.struct(
            F.unix_micros("event_timestamp").alias("at"),
            *("event_id", "id_scope"),
            number.alias("no"),
        ),
    )
    visits = (
        events.where(F.col("visitor_id").isNotNull())
        .groupBy(
            *("event_hour", F.window("event_timestamp", "10 minutes").alias("w"), "visitor_id"),
            F.coalesce("user_id", "visitor_id").alias("customer_id"),
        )
        .agg(F.collect_list(did).alias("did"))
    )
    of = ("event_hour", "w", "traffic", "unit")
    ids = {"session": F.col("visitor_id"), "user": F.col("customer_id")}
    units = (
        both_kinds(visits, robots)
        .select(
            *("event_hour", "w", "traffic", "did"),
            inlined([{"unit": F.lit(unit), "unit_id": found} for unit, found in ids.items()]),
        )
        .groupBy(*of, "unit_id")
        .agg(F.sort_array(F.flatten(F.collect_list("did"))).alias("walk"))
        .select(*of, "walk", *[first_of(no).alias(f"f{no}") for no in range(len(STEPS))])
    )
    counts, when = [], []
    for no in range(len(STEPS)):
        when.append(F.get("at", F.lit(no)))
        counts += [F.count(f"f{no}").alias(f"a{no}"), F.count(when[no]).alias(f"t{no}")]
    return (
        units.select(*of, *[f"f{no}" for no in range(len(STEPS))], moments_by_mode())
        .groupBy(*of, "mode")
        .agg(*counts, *step_times(when))
        .select(
            "event_hour",
            F.col("w.start").alias("window_start"),
            F.col("w.end").alias("window_end"),
            "traffic", "unit", "mode",
            inlined(
                [
                    {
                        "step_no": F.lit(no + 1).cast(LONG), "step": F.lit(step),
                        "sessions_at_step": F.col(f"a{no}"),
                        "sessions_through_step": F.col(f"t{no}"),
                        **step_columns(no),
                    }
                    for no, step in enumerate(STEPS)
                ]
            ),
        )
    )  # fmt: skip


def funnel_hourly(events: DataFrame, robots: DataFrame) -> DataFrame:
    number = step_number()
    at = F.unix_micros("event_timestamp").alias("at")
    did = F.when(number > 0, F.struct("event_sequence", number.alias("no"), at))
    walks = (
        events.where(F.col("session_id").isNotNull())
        .groupBy("session_id", "visitor_id")
        .agg(
            F.min("event_hour").alias("event_hour"),
            F.sort_array(F.collect_list(did)).alias("walk"),
        )
        .select(
            *("event_hour", "visitor_id", "walk"),
            *[first_of(no).alias(f"f{no}") for no in range(len(STEPS))],
        )
    )
    reached = walks.select("event_hour", "visitor_id", moments_by_mode())
    when = [F.get("at", F.lit(no)) for no in range(len(STEPS))]
    counts = [F.count(moment).alias(f"t{no}") for no, moment in enumerate(when)]
    return (
        both_kinds(reached, robots)
        .groupBy("event_hour", "traffic", "mode")
        .agg(*counts, *step_times(when))
        .select(
            "event_hour", "traffic", "mode",
            inlined(
                [
                    {
                        "step_no": F.lit(no + 1).cast(LONG), "step": F.lit(step_name),
                        "sessions": F.col(f"t{no}"),
                        **step_columns(no),
                    }
                    for no, step_name in enumerate(STEPS)
                ]
            ),
        )
    )  # fmt: skip


def step_number() -> Column:
    steps = F.array(*[F.lit(step) for step in STEPS])
    return F.array_position(steps, F.col("event_name")).cast("int")


def moments_by_mode() -> Column:
    """Rows of `mode` and `at`: when each step was reached, from `walk` and its first steps."""
    modes = {"any": any_order(), "ordered": ordered(), "strict": strict()}
    first_alone = F.array_max(F.col("walk")["no"]) == 1  # then all modes say the same
    return inlined(
        [
            {
                "mode": F.lit(mode),
                "at": F.when(F.size("walk") == 0, F.array().cast(TIMES))
                .when(first_alone, F.array(F.get("walk", F.lit(0))["at"]))
                .otherwise(times),
            }
            for mode, times in modes.items()
        ]
    )


def first_of(no: int) -> Column:
    """When the walk first came to a step; null if it never did."""
    return F.get(F.filter("walk", lambda event: event["no"] == no + 1)["at"], F.lit(0))


def any_order() -> Column:
    """When each step was there with all before it, up to the first that is missing."""
    firsts = [F.col(f"f{no}") for no in range(len(STEPS))]
    missing = [F.when(first.isNull(), no) for no, first in enumerate(firsts)]
    moments = [firsts[0], *[F.greatest(*firsts[: no + 1]) for no in range(1, len(STEPS))]]
    return F.slice(F.array(*moments), F.lit(1), F.coalesce(*missing, F.lit(len(STEPS))))


def ordered() -> Column:
    def step(times: Column, event: Column) -> Column:
        is_next = event["no"] == F.size(times) + 1
        return F.when(is_next, F.array_append(times, event["at"])).otherwise(times)

    return F.aggregate("walk", F.array().cast(TIMES), step)


def strict() -> Column:
    def step(state: Column, event: Column) -> Column:
        no, times = event["no"], state["times"]
        run = F.when((no == state["run"] + 1) | (no == 1), no)
        run = run.when(no == state["run"], no).otherwise(0)
        further = F.when(run > F.size(times), F.array_append(times, event["at"])).otherwise(times)
        return F.struct(run.alias("run"), further.alias("times"))

    start = F.struct(F.lit(0).alias("run"), F.array().cast(TIMES).alias("times"))
    return F.aggregate("walk", start, step, lambda state: state["times"])

"""What all funnels say of a step: when it is reached, rates against the steps before, and times."""

from collections.abc import Callable, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

PER_S = 1_000_000.0
_NO_TIMES = "array<bigint>"
_BEFORE_ALL = -(2**63)


def step_times(moments: Sequence[Column]) -> list[Column]:
    """Aggregates `mean_<no>`, `median_<no>`, `total_<no>` for every step but the first.

    `moments` holds, per step, when a unit was through it, in microseconds; null if it never was.
    Exact sums: whole microseconds stay below 2^53.
    """
    times = []
    for no in range(2, len(moments) + 1):
        step, total = moments[no - 1] - moments[no - 2], moments[no - 1] - moments[0]
        times += [
            (F.mean(step) / F.lit(PER_S)).alias(f"mean_{no}"),
            (F.median(step) / F.lit(PER_S)).alias(f"median_{no}"),
            (F.median(total) / F.lit(PER_S)).alias(f"total_{no}"),
        ]
    return times


def step_rates(no: int) -> list[Column]:
    """Rates and times of step `no`, from `through_<no>` and `step_times`; the first step has none
    before it, and where nobody came that far there is nothing to say."""
    nothing = F.lit(None).cast("double")
    is_first = no == 1
    return [
        (nothing if is_first else F.try_divide(f"through_{no}", F.col(f"through_{no - 1}"))).alias(
            "step_rate"
        ),
        F.try_divide(f"through_{no}", F.col("through_1")).alias("overall_rate"),
        (nothing if is_first else F.col(f"mean_{no}")).alias("mean_step_s"),
        (nothing if is_first else F.col(f"median_{no}")).alias("median_step_s"),
        (nothing if is_first else F.col(f"total_{no}")).alias("median_total_s"),
    ]


def step_number(steps: Sequence[str]) -> Column:
    """The number of the step that an event is, from 1; 0 if it is none."""
    named = F.array(*[F.lit(step) for step in steps])
    return F.array_position(named, F.col("event_name")).cast("int")


def moments_by_mode(walk: Column, step_count: int) -> Column:
    """Structs of `mode` and `times`: when a unit was through steps 1, 2, …, as far as it came, in
    microseconds.

    `walk` holds in order the unit's events that are steps: structs of `no`, from 1, and `us`.
    """
    times_by_mode = {
        "any": _in_any_order(walk, step_count),
        "ordered": _in_order(walk),
        "strict": _without_detour(walk),
    }
    return F.array(
        *[
            F.struct(F.lit(mode).alias("mode"), _unless_short(walk, times).alias("times"))
            for mode, times in times_by_mode.items()
        ]
    )


def _unless_short(walk: Column, times: Column) -> Column:
    """Most walks know no step, or the first alone, which all modes count alike: Spark need not
    interpret `times`, a function of each event, for these."""
    knows_first_alone = F.array_max(walk["no"]) == 1
    return (
        F.when(F.size(walk) == 0, F.array().cast(_NO_TIMES))
        .when(knows_first_alone, F.array(F.get(walk, F.lit(0))["us"]))
        .otherwise(times)
    )


def moments_of(step_count: int) -> list[Column]:
    """Per step, when a unit was through it, from `times`; null if it never was."""
    return [F.get("times", F.lit(no)) for no in range(step_count)]


def _in_any_order(walk: Column, step_count: int) -> Column:
    """When each of the first steps was there with all before it, up to the first that is not."""
    numbers = F.array(*[F.lit(no) for no in range(1, step_count + 1)])
    firsts = F.transform(numbers, lambda no: F.get(F.filter(walk, _is_step(no)), F.lit(0))["us"])
    start = F.struct(F.lit(_BEFORE_ALL).alias("latest"), F.array().cast(_NO_TIMES).alias("times"))

    def go_on(state: Column, first: Column) -> Column:
        is_there = state["latest"].isNotNull() & first.isNotNull()
        latest = F.when(is_there, F.greatest(state["latest"], first))
        times = F.when(is_there, F.array_append(state["times"], latest)).otherwise(state["times"])
        return F.struct(latest.alias("latest"), times.alias("times"))

    return F.aggregate(firsts, start, go_on, lambda state: state["times"])


def _is_step(no: Column) -> Callable[[Column], Column]:
    return lambda event: event["no"] == no


def _in_order(walk: Column) -> Column:
    """The next step counts, all others are passed over."""
    return F.aggregate(
        walk,
        F.array().cast(_NO_TIMES),
        lambda times, event: F.when(
            event["no"] == F.size(times) + 1, F.array_append(times, event["us"])
        ).otherwise(times),
    )


def _without_detour(walk: Column) -> Column:
    """The best run of steps 1, 2, 3, …; a repeat of a step does not end it, another step does."""
    start = F.struct(F.lit(0).alias("run"), F.array().cast(_NO_TIMES).alias("times"))

    def go_on(state: Column, event: Column) -> Column:
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

    return F.aggregate(walk, start, go_on, lambda state: state["times"])

"""What all funnels say of a step: rates against the steps before, and the time it takes."""

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

_PER_S = 1_000_000.0


def step_times(moments: Sequence[Column]) -> list[Column]:
    """Aggregates `mean_<no>`, `median_<no>`, `total_<no>` for every step but the first.

    `moments` holds, per step, when a unit was through it, in microseconds; null if it never was.
    Exact sums: whole microseconds stay below 2^53.
    """
    times = []
    for no in range(2, len(moments) + 1):
        step, total = moments[no - 1] - moments[no - 2], moments[no - 1] - moments[0]
        times += [
            (F.mean(step) / F.lit(_PER_S)).alias(f"mean_{no}"),
            (F.median(step) / F.lit(_PER_S)).alias(f"median_{no}"),
            (F.median(total) / F.lit(_PER_S)).alias(f"total_{no}"),
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

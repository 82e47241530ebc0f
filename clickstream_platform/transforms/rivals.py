"""Lines with a repaired clock meet the copies in the hour before (docs/DEFINITIONS.md, Duplicates).

A client that sends a line again stamps its sending time anew, so the repaired times of two copies
differ by the jitter of the network, and may lie on both sides of a full hour.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.transforms.times import hour_of, hour_start

IS_RIVAL = "_is_rival"


def with_rivals(lines: DataFrame) -> DataFrame:
    """The same lines and, of each good one with a repaired clock, a rival in the hour after it.

    `event_hour` is the hour a row competes in; a rival competes there and is dropped afterwards.
    Reads `is_clock_repaired`, `home_hour` and the final `reasons` of reading and rules.
    """
    is_repaired = F.col("is_clock_repaired") & (F.size("reasons") == 0)
    both = F.array(F.lit(False), F.lit(True))
    later = hour_of(F.timestamp_add("HOUR", F.lit(1), hour_start(F.col("home_hour"))))
    return lines.withColumn(
        IS_RIVAL, F.explode(F.when(is_repaired, both).otherwise(F.array(F.lit(False))))
    ).withColumn("event_hour", F.when(F.col(IS_RIVAL), later).otherwise(F.col("home_hour")))


def meets_rival(is_any_rival: Column) -> Column:
    """True for the lines that lose to the rivals of their id: those with a repaired clock."""
    return F.col("is_clock_repaired") & is_any_rival

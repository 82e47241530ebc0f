"""The ten-minute funnel (docs/DEFINITIONS.md, Windows)."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.marts import FUNNEL_10MIN
from clickstream_platform.transforms.customers import customer_id
from clickstream_platform.transforms.funnel_steps import (
    moments_by_mode,
    moments_of,
    step_number,
    step_rates,
    step_times,
)
from clickstream_platform.transforms.robot_hours import by_traffic
from clickstream_platform.transforms.sessions import typed

_WINDOW = ("event_hour", "window", "traffic", "unit")


def funnel_10min(events: DataFrame, robots: DataFrame, *, steps: Sequence[str]) -> DataFrame:
    """One row per ten minutes with a visitor, kind of traffic, unit, mode and funnel step."""
    units = _units(events, robots, steps)
    reached = units.select(
        *_WINDOW,
        F.col("walk")["no"].alias("done"),
        F.inline(moments_by_mode(F.col("walk"), len(steps))),
    )
    moments = moments_of(len(steps))
    counts = []
    for no, moment in enumerate(moments, start=1):
        counts += [
            F.count_if(F.array_contains("done", no)).alias(f"at_{no}"),
            F.count(moment).alias(f"through_{no}"),
        ]
    totals = reached.groupBy(*_WINDOW, "mode").agg(*counts, *step_times(moments))
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
            *("traffic", "unit", "mode"),
            F.inline(rows),
        ),
        FUNNEL_10MIN,
    )


def _units(events: DataFrame, robots: DataFrame, steps: Sequence[str]) -> DataFrame:
    """One row per window, kind of traffic and unit, with its events that are steps, in order.

    Collected by visitor and customer first, so that only events that are steps are doubled.
    """
    visits = (
        events.where(F.col("visitor_id").isNotNull())
        .withColumn("window", F.window("event_timestamp", "10 minutes"))
        .groupBy("event_hour", "window", "visitor_id", customer_id().alias("customer_id"))
        .agg(F.collect_list(_did(steps)).alias("did"))
    )
    unit_ids = {"session": "visitor_id", "user": "customer_id"}
    of_units = F.array(
        *[
            F.struct(F.lit(unit).alias("unit"), F.col(name).alias("unit_id"))
            for unit, name in unit_ids.items()
        ]
    )
    return (
        by_traffic(visits, robots)
        .select("event_hour", "window", "traffic", "did", F.inline(of_units))
        .groupBy(*_WINDOW, "unit_id")
        .agg(F.sort_array(F.flatten(F.collect_list("did"))).alias("walk"))
    )


def _did(steps: Sequence[str]) -> Column:
    """The event as a step, sorted by the total order of events; null if it is none."""
    number = step_number(steps)
    return F.when(
        number > 0,
        F.struct(
            F.unix_micros("event_timestamp").alias("us"),
            *("event_id", "id_scope"),
            number.alias("no"),
        ),
    )

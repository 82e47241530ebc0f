"""Gold by day: how far sessions and users come in the funnels that the settings name."""

import pandera.pyspark as pa
from pyspark.sql import types as T

from clickstream_platform.tables import robots
from clickstream_platform.tables.contract import DAY_COLUMN, Table, column

_EVENTS = "gold/fact_events."
_UNITS = ("gold/fact_sessions.session_id", _EVENTS + "user_id", _EVENTS + "visitor_id")
_TIMES = (_EVENTS + "event_timestamp",)


class FunnelsDaily(pa.DataFrameModel):
    """How far the day's sessions and users came in each named funnel, by three readings of order,
    with robots and without."""

    event_day: T.StringType = column(
        "UTC day the session started, or on which the user did the steps.",
        of=("gold/fact_sessions.event_hour", _EVENTS + "event_hour"),
    )
    funnel: T.StringType = column("Its name in the settings.", of=(_EVENTS + "event_name",))
    traffic: T.StringType = robots.traffic(
        "the events of visitors that are robots in an hour of the day"
    )
    unit: T.StringType = column(
        "What is counted: `session`, or `user`: all events of a customer on the day.",
        of=_UNITS,
        isin=["session", "user"],
    )
    mode: T.StringType = column(
        "`any`: all steps, in whatever order; `ordered`: each after the one before, with anything "
        "between; `strict`: with no other step of the funnel between.",
        of=_TIMES,
        isin=["any", "ordered", "strict"],
    )
    step_no: T.LongType = column("1 for the first step.", ge=1)
    step: T.StringType = column("Event name of the step.", of=(_EVENTS + "event_name",))
    units: T.LongType = column("That came through this step and all before.", of=_UNITS, ge=0)
    step_rate: T.DoubleType = column(
        "units / those through the step before; null if none, and for the first step.",
        nullable=True,
        of=_UNITS,
        ge=0.0,
        le=1.0,
    )
    overall_rate: T.DoubleType = column(
        "units / those through step 1; null if none.", nullable=True, of=_UNITS, ge=0.0, le=1.0
    )
    mean_step_s: T.DoubleType = column(
        "Mean time from being through the step before to being through this one; null if none "
        "was, and for the first step.",
        nullable=True,
        of=_TIMES,
        unit="s",
        ge=0.0,
    )
    median_step_s: T.DoubleType = column(
        "Median of the same times.", nullable=True, of=_TIMES, unit="s", ge=0.0
    )
    median_total_s: T.DoubleType = column(
        "Median time from step 1 to being through this step.",
        nullable=True,
        of=_TIMES,
        unit="s",
        ge=0.0,
    )


FUNNELS_DAILY = Table(
    layer="gold",
    name="funnels_daily",
    model=FunnelsDaily,
    grain="one row per day on which a step of a funnel was done, kind of traffic, unit, funnel, "
    "mode and step",
    keys=("event_day", "funnel", "traffic", "unit", "mode", "step_no"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner="team:analytics",
    inputs=("gold/fact_events", "gold/fact_sessions", "gold/bot_visitors_hourly"),
    reach="day",
    days_after=1,
    kinds=("pyspark", "arrow", "deltalake", "gold"),
    hourly=False,
)

"""Gold about the traffic itself: who behaves like a robot, and why we think so."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables.contract import RowRule, Table, column

_EVENTS = "silver/events."
_OWNER = "team:analytics"
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")


class BotVisitorsHourly(pa.DataFrameModel):
    """Visitors that gave a sign of being a robot; they are flagged here and dropped nowhere."""

    event_hour: T.StringType = column("The hour.", of=(_EVENTS + "event_hour",))
    visitor_id: T.StringType = column("Who.", of=(_EVENTS + "visitor_id",), pii="id")
    events: T.LongType = column("Their events in the hour.", of=(_EVENTS + "event_id",), ge=1)
    orders: T.LongType = column("Their orders in the hour.", of=(_EVENTS + "event_name",), ge=0)
    max_events_per_minute: T.LongType = column(
        "Most events in one tumbling UTC minute.", of=(_EVENTS + "event_timestamp",), ge=1
    )
    mean_gap_s: T.DoubleType = column(
        "Mean time between two events; null for one event.",
        nullable=True,
        of=(_EVENTS + "event_timestamp",),
        unit="s",
        ge=0.0,
    )
    max_reused_id_lines: T.LongType = column(
        "Most lines that were rejected for having the id of one of the visitor's events.",
        of=(_EVENTS + "reused_id_lines",),
        ge=0,
    )
    bot_signals: Annotated[T.ArrayType, T.StringType(), True] = column(
        "Names of the signs, in alphabetical order.",
        of=(
            _EVENTS + "user_agent",
            _EVENTS + "is_declared_bot",
            _EVENTS + "event_timestamp",
            _EVENTS + "reused_id_lines",
        ),
    )
    bot_score: T.DoubleType = column(
        "Sum of the signs' weights, at most 1.", of=(_EVENTS + "user_agent",), ge=0.0, le=1.0
    )
    is_bot: T.BooleanType = column("bot_score is 0.5 or more.", of=(_EVENTS + "user_agent",))


BOT_VISITORS_HOURLY = Table(
    layer="gold",
    name="bot_visitors_hourly",
    model=BotVisitorsHourly,
    grain="one row per hour and visitor with a sign of being a robot",
    keys=("event_hour", "visitor_id"),
    partition_by="event_hour",
    writer="deltalake",
    owner=_OWNER,
    inputs=("silver/events",),
    reach="orders",
    row_rules=(RowRule("has_signal", lambda: F.size("bot_signals") > 0, "a flag says why"),),
    kinds=_DELTA_RS,
)

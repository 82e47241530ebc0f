"""Gold marts: the hour summed up, keyed by event hour."""

from typing import Annotated, Any

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables.contract import RowRule, Table, column
from clickstream_platform.tables.robots import traffic_of_hour

_SILVER = "silver/events."
_OWNER = "team:analytics"
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")
_ORDERS = "gold/fact_transactions."
_UNITS = (_SILVER + "visitor_id", _SILVER + "user_id")


class Revenue5Min(pa.DataFrameModel):
    """Order revenue by tumbling five minutes and product; the parts of a kind of traffic add up to
    its orders."""

    event_hour: T.StringType = column("Hour of the window.", of=(_ORDERS + "event_hour",))
    window_start: T.TimestampType = column("Included.", of=(_ORDERS + "ordered_at",))
    window_end: T.TimestampType = column("Excluded.", of=(_ORDERS + "ordered_at",))
    traffic: T.StringType = traffic_of_hour()
    currency: T.StringType = column("ISO 4217.", nullable=True, of=(_ORDERS + "currency",))
    item_category: T.StringType = column("Category.", nullable=True, of=(_ORDERS + "items",))
    item_id: T.StringType = column(
        "Product; null in the residual row, which holds order value its items do not explain.",
        nullable=True,
        of=(_ORDERS + "items",),
    )
    orders: T.LongType = column("Orders with this product.", of=(_ORDERS + "order_id",), ge=1)
    units: T.LongType = column("Pieces; 0 in the residual row.", of=(_ORDERS + "items",), ge=0)
    revenue: Annotated[T.DecimalType, 22, 2] = column(
        "Sum of price x quantity.", of=(_ORDERS + "items", _ORDERS + "value"), unit="currency"
    )


REVENUE_5MIN = Table(
    layer="gold",
    name="revenue_5min",
    model=Revenue5Min,
    grain="one row per five minutes, kind of traffic, currency, category and product",
    keys=("window_start", "traffic", "currency", "item_category", "item_id"),
    partition_by="event_hour",
    writer="deltalake",
    owner=_OWNER,
    inputs=("silver/events",),
    reach="orders",
    kinds=_DELTA_RS,
)


def _mode(before: str | None = None) -> Any:
    return column(
        "`any`: all steps, in whatever order; `ordered`: each after the one before, with anything "
        "between; `strict`: with no other step between.",
        of=(_SILVER + "event_timestamp",),
        isin=["any", "ordered", "strict"],
        before=before,
    )


class Funnel10Min(pa.DataFrameModel):
    """How many visitors and users of ten minutes did each step, and all steps up to it, by three
    readings of the steps' order."""

    event_hour: T.StringType = column("Hour of the window.", of=(_SILVER + "event_hour",))
    window_start: T.TimestampType = column("Included.", of=(_SILVER + "event_timestamp",))
    window_end: T.TimestampType = column("Excluded.", of=(_SILVER + "event_timestamp",))
    traffic: T.StringType = traffic_of_hour()
    unit: T.StringType = column(
        "What is counted: `session`: all events of a visitor in the window, or `user`: all events "
        "of a customer in it.",
        of=_UNITS,
        isin=["session", "user"],
        before="session",
    )
    mode: T.StringType = _mode(before="any")
    step_no: T.LongType = column("1 for the first step.", ge=1)
    step: T.StringType = column("Event name of the step.", of=(_SILVER + "event_name",))
    sessions_at_step: T.LongType = column(
        "Units with the step's event, the same in each mode.", of=_UNITS, ge=0
    )
    sessions_through_step: T.LongType = column(
        "Units that came through this step and all before.", of=_UNITS, ge=0
    )
    step_rate: T.DoubleType = column(
        "Through this step / through the step before; null if nobody was there.",
        nullable=True,
        of=_UNITS,
        ge=0.0,
        le=1.0,
    )
    overall_rate: T.DoubleType = column(
        "Through this step / through step 1; null if nobody was there.",
        nullable=True,
        of=_UNITS,
        ge=0.0,
        le=1.0,
    )
    mean_step_s: T.DoubleType = column(
        "Mean time from being through the step before to being through this one; null if none "
        "was, and for the first step.",
        nullable=True,
        of=(_SILVER + "event_timestamp",),
        unit="s",
        ge=0.0,
    )
    median_step_s: T.DoubleType = column(
        "Median of the same times.",
        nullable=True,
        of=(_SILVER + "event_timestamp",),
        unit="s",
        ge=0.0,
    )
    median_total_s: T.DoubleType = column(
        "Median time from step 1 to being through this step.",
        nullable=True,
        of=(_SILVER + "event_timestamp",),
        unit="s",
        ge=0.0,
    )


FUNNEL_10MIN = Table(
    layer="gold",
    name="funnel_10min",
    model=Funnel10Min,
    grain="one row per ten minutes with a visitor, kind of traffic, unit, mode and funnel step",
    keys=("window_start", "traffic", "unit", "mode", "step_no"),
    partition_by="event_hour",
    writer="deltalake",
    owner=_OWNER,
    inputs=("silver/events",),
    reach="orders",  # as that of the robots
    row_rules=(
        RowRule(
            "through_within_at",
            lambda: F.col("sessions_through_step") <= F.col("sessions_at_step"),
            "who came through a step did the step",
        ),
    ),
    kinds=_DELTA_RS,
)


class FunnelHourly(pa.DataFrameModel):
    """How far the sessions of an hour came, by three readings of the steps' order."""

    event_hour: T.StringType = column(
        "Hour the sessions started.", of=("gold/fact_sessions.event_hour",)
    )
    traffic: T.StringType = traffic_of_hour("sessions of visitors that are robots in the hour")
    mode: T.StringType = _mode()
    step_no: T.LongType = column("1 for the first step.", ge=1)
    step: T.StringType = column("Event name of the step.", of=(_SILVER + "event_name",))
    sessions: T.LongType = column(
        "That came through this step and all before.", of=("gold/fact_sessions.session_id",), ge=0
    )
    step_rate: T.DoubleType = column(
        "sessions / those through the step before; null if none, and for the first step.",
        nullable=True,
        of=("gold/fact_sessions.session_id",),
        ge=0.0,
        le=1.0,
    )
    overall_rate: T.DoubleType = column(
        "sessions / those through step 1; null if none.",
        nullable=True,
        of=("gold/fact_sessions.session_id",),
        ge=0.0,
        le=1.0,
    )
    mean_step_s: T.DoubleType = column(
        "Mean time from being through the step before to being through this one; null if none "
        "was, and for the first step.",
        nullable=True,
        of=(_SILVER + "event_timestamp",),
        unit="s",
        ge=0.0,
    )
    median_step_s: T.DoubleType = column(
        "Median of the same times.",
        nullable=True,
        of=(_SILVER + "event_timestamp",),
        unit="s",
        ge=0.0,
    )
    median_total_s: T.DoubleType = column(
        "Median time from step 1 to being through this step.",
        nullable=True,
        of=(_SILVER + "event_timestamp",),
        unit="s",
        ge=0.0,
    )


FUNNEL_HOURLY = Table(
    layer="gold",
    name="funnel_hourly",
    model=FunnelHourly,
    grain="one row per hour in which a session started, kind of traffic, mode and funnel step",
    keys=("event_hour", "traffic", "mode", "step_no"),
    partition_by="event_hour",
    writer="deltalake",
    owner=_OWNER,
    inputs=("silver/events",),
    reach="sessions",
    kinds=_DELTA_RS,
)


class HourlyMetrics(pa.DataFrameModel):
    """The hour in two rows: all traffic, and without the visitors that are robots in it."""

    event_hour: T.StringType = column("The hour.", of=(_SILVER + "event_hour",))
    hour_start: T.TimestampType = column("Its start, for BI tools.", of=(_SILVER + "event_hour",))
    traffic: T.StringType = traffic_of_hour()
    events: T.LongType = column("Accepted events.", of=(_SILVER + "event_id",), ge=1)
    visitors: T.LongType = column("Distinct visitors.", of=(_SILVER + "visitor_id",), ge=0)
    users: T.LongType = column("Distinct account ids.", of=(_SILVER + "user_id",), ge=0)
    page_views: T.LongType = column("`page_view` events.", of=(_SILVER + "event_name",), ge=0)
    view_items: T.LongType = column("`view_item` events.", of=(_SILVER + "event_name",), ge=0)
    add_to_carts: T.LongType = column("`add_to_cart` events.", of=(_SILVER + "event_name",), ge=0)
    sessions_started: T.LongType = column(
        "Sessions whose first event lies here.", of=("gold/fact_sessions.session_id",), ge=0
    )
    orders: T.LongType = column("Orders of the hour.", of=(_ORDERS + "order_id",), ge=0)
    revenue: Annotated[T.DecimalType, 22, 2] = column(
        "Value of the orders in the reporting currency or without one.",
        of=(_ORDERS + "value",),
        unit="currency",
        ge=0,
    )
    orders_other_currency: T.LongType = column(
        "Orders in another currency, not in `revenue`.", of=(_ORDERS + "currency",), ge=0
    )


HOURLY_METRICS = Table(
    layer="gold",
    name="hourly_metrics",
    model=HourlyMetrics,
    grain="one row per hour with events, and kind of traffic",
    keys=("event_hour", "traffic"),
    partition_by="event_hour",
    writer="deltalake",
    owner=_OWNER,
    inputs=("silver/events",),
    reach="sessions",
    kinds=_DELTA_RS,
)

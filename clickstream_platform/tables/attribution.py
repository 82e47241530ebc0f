"""Gold about what brought the orders."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables import robots
from clickstream_platform.tables.contract import DAY_COLUMN, RowRule, Table, column

_SESSIONS = "gold/fact_sessions."
_ORDERS = "gold/fact_transactions."
_OWNER = "team:analytics"
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")
MODELS = (
    *("first_touch", "last_touch", "linear", "position_based", "time_decay"),
    *("markov", "shapley"),
)
LOOK_BACK_DAYS = 30  # unless the setting `attribution_look_back_days` says otherwise


class AttributionCredit(pa.DataFrameModel):
    """How each model divides an order among the sessions that led to it."""

    event_day: T.StringType = column("Day of the order.", of=(_ORDERS + "event_hour",))
    conversion_id: T.StringType = column("The order.", of=(_ORDERS + "order_id",))
    model: T.StringType = column(
        "How the credit is divided.", of=(_SESSIONS + "started_at",), isin=list(MODELS)
    )
    touch_no: T.LongType = column(
        "1 for the earliest session; 0 if nothing led to the order.",
        of=(_SESSIONS + "started_at",),
        ge=0,
    )
    touch_id: T.StringType = column(
        "The session; null if the order has none.", nullable=True, of=(_SESSIONS + "session_id",)
    )
    touched_at: T.TimestampType = column(
        "Its start.", nullable=True, of=(_SESSIONS + "started_at",)
    )
    channel_group: T.StringType = column(
        "The session's channel; `(unattributed)` without session, `(unknown)` if it has none.",
        of=(_SESSIONS + "channel_group",),
    )
    mkt_source: T.StringType = column(
        "Campaign's source.", nullable=True, of=(_SESSIONS + "mkt_source",)
    )
    mkt_campaign: T.StringType = column(
        "Campaign's name.", nullable=True, of=(_SESSIONS + "mkt_campaign",)
    )
    credit: Annotated[T.DecimalType, 7, 6] = column(
        "Share of the order; the shares of an order and model add up to 1.",
        of=(_SESSIONS + "started_at",),
        ge=0,
        le=1,
    )
    credited_value: Annotated[T.DecimalType, 12, 2] = column(
        "Share of its value; these add up to the value, to the cent.",
        of=(_ORDERS + "value",),
        unit="currency",
        ge=0,
    )
    is_bot: T.BooleanType = robots.is_bot()


ATTRIBUTION_CREDIT = Table(
    layer="gold",
    name="attribution_credit",
    model=AttributionCredit,
    grain="one row per order in the reporting currency or without one, model and session before it",
    keys=("conversion_id", "model", "touch_no"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_sessions", "gold/fact_transactions", robots.BOTS),
    reach="day",
    days_before=LOOK_BACK_DAYS,
    row_rules=(
        RowRule(
            "touch_has_session",
            lambda: (F.col("touch_no") == 0) == F.col("touch_id").isNull(),
            "only an order that nothing led to has no session",
        ),
    ),
    kinds=_DELTA_RS,
    hourly=False,
)

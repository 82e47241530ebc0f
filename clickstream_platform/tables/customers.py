"""Gold about customers over all time: who they are worth, what they last did, who comes back."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables import robots
from clickstream_platform.tables.contract import RowRule, Table, column

_SESSIONS = "gold/fact_sessions."
_ORDERS = "gold/fact_transactions."
_WHO = (_SESSIONS + "user_id", _SESSIONS + "visitor_id", _ORDERS + "user_id")
_OWNER = "team:analytics"
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")
SEGMENTS = ("High Value", "Converted", "Engaged", "New/Inactive")
RFM_SEGMENTS = (
    "Champions",
    "Loyal Customers",
    "Potential Loyalist",
    "New Customers",
    "Promising",
    "Need Attention",
    "About To Sleep",
    "At Risk",
    "Cannot Lose Them",
    "Hibernating",
    "Lost",
)


class DimUserMetrics(pa.DataFrameModel):
    """What each customer did in all the time there is."""

    traffic: T.StringType = robots.traffic_of_all_days()
    customer_id: T.StringType = column("Account id, else visitor id.", of=_WHO, pii="id")
    first_seen_at: T.TimestampType = column(
        "Start of the first session or first order.", of=(_SESSIONS + "started_at",)
    )
    last_seen_at: T.TimestampType = column(
        "End of the last session or last order.", of=(_SESSIONS + "ended_at",)
    )
    active_days: T.LongType = column(
        "Distinct UTC days on which a session started or an order was placed.",
        of=(_SESSIONS + "event_hour",),
        ge=1,
    )
    sessions: T.LongType = column("Sessions.", of=(_SESSIONS + "session_id",), ge=0)
    engaged_sessions: T.LongType = column("Of these.", of=(_SESSIONS + "is_engaged",), ge=0)
    orders: T.LongType = column(
        "Orders in the reporting currency or without one.", of=(_ORDERS + "order_id",), ge=0
    )
    customer_lifetime_value: Annotated[T.DecimalType, 22, 2] = column(
        "Their value so far.", of=(_ORDERS + "value",), unit="currency", ge=0
    )
    first_order_at: T.TimestampType = column(
        "First of them.", nullable=True, of=(_ORDERS + "ordered_at",)
    )
    last_order_at: T.TimestampType = column(
        "Last of them.", nullable=True, of=(_ORDERS + "ordered_at",)
    )
    is_repeat: T.BooleanType = column("Two orders or more.", of=(_ORDERS + "order_id",))
    segment: T.StringType = column(
        "High Value: orders worth 500 or more; Converted: an order; Engaged: an engaged session; "
        "else New/Inactive.",
        of=(_ORDERS + "value", _SESSIONS + "is_engaged"),
        isin=list(SEGMENTS),
    )


DIM_USER_METRICS = Table(
    layer="gold",
    name="dim_user_metrics",
    model=DimUserMetrics,
    grain="one row per kind of traffic and customer",
    keys=("traffic", "customer_id"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_sessions", "gold/fact_transactions", robots.BOTS),
    reach="all",
    row_rules=(
        RowRule(
            "seen_in_order",
            lambda: F.col("first_seen_at") <= F.col("last_seen_at"),
            "nobody is seen last before being seen first",
        ),
    ),
    kinds=_DELTA_RS,
    hourly=False,
)


class RfmScores(pa.DataFrameModel):
    """How recently, often and much each customer bought, each as 1 to 5 among the others."""

    as_of_date: T.DateType = column("UTC day of the newest order.", of=(_ORDERS + "ordered_at",))
    traffic: T.StringType = robots.traffic_of_all_days()
    customer_id: T.StringType = column("Account id, else visitor id.", of=_WHO, pii="id")
    recency_days: T.LongType = column(
        "Days from the last order's day to `as_of_date`.",
        of=(_ORDERS + "ordered_at",),
        unit="d",
        ge=0,
    )
    frequency: T.LongType = column("Orders.", of=(_ORDERS + "order_id",), ge=1)
    monetary: Annotated[T.DecimalType, 22, 2] = column(
        "Their value.", of=(_ORDERS + "value",), unit="currency", ge=0
    )
    r: T.LongType = column("1 to 5; 5 bought last.", of=(_ORDERS + "ordered_at",), ge=1, le=5)
    f: T.LongType = column(
        "1: one order; 2 to 5: quarters of those with more, 5 bought most often.",
        of=(_ORDERS + "order_id",),
        ge=1,
        le=5,
    )
    m: T.LongType = column("1 to 5; 5 spent most.", of=(_ORDERS + "value",), ge=1, le=5)
    rfm_segment: T.StringType = column(
        "One of the eleven usual segments.", of=(_ORDERS + "value",), isin=list(RFM_SEGMENTS)
    )


RFM_SCORES = Table(
    layer="gold",
    name="rfm_scores",
    model=RfmScores,
    grain="one row per kind of traffic and customer with an order",
    keys=("traffic", "customer_id"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_transactions", robots.BOTS),
    reach="all",
    kinds=_DELTA_RS,
    hourly=False,
)


class RetentionCohort(pa.DataFrameModel):
    """Of the customers first seen (or first buying) in a period, how many came again, and when."""

    traffic: T.StringType = robots.traffic_of_all_days()
    basis: T.StringType = column(
        "`activity`: sessions, and orders in the reporting currency or without; `order`: orders.",
        of=(_SESSIONS + "started_at", _ORDERS + "ordered_at"),
        isin=["activity", "order"],
    )
    period: T.StringType = column(
        "`day`, `week` (from Monday) or `month`, all UTC.",
        of=(_SESSIONS + "started_at",),
        isin=["day", "week", "month"],
    )
    cohort_start: T.DateType = column(
        "First day of the customers' first period.", of=(_SESSIONS + "started_at",)
    )
    period_no: T.LongType = column(
        "Periods since: 0 is the first one.", of=(_SESSIONS + "started_at",), ge=0
    )
    customers: T.LongType = column("Customers of the cohort seen in that period.", of=_WHO, ge=1)
    cohort_size: T.LongType = column("Customers of the cohort.", of=_WHO, ge=1)
    retention_rate: T.DoubleType = column("customers / cohort_size.", of=_WHO, ge=0.0, le=1.0)


RETENTION_COHORT = Table(
    layer="gold",
    name="retention_cohort",
    model=RetentionCohort,
    grain="one row per kind of traffic, basis, kind of period, cohort and later period in which "
    "someone came",
    keys=("traffic", "basis", "period", "cohort_start", "period_no"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_sessions", "gold/fact_transactions", robots.BOTS),
    reach="all",
    kinds=_DELTA_RS,
    hourly=False,
)

"""Gold about what is out of the ordinary: hours of the shop, and prices."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables.contract import DAY_COLUMN, RowRule, Table, column

_HOURS = "gold/hourly_metrics."
_EVENTS = "gold/fact_events."
_OWNER = "team:analytics"
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")
KINDS = ("conversion_rate", "events", "orders", "revenue")
BASELINE_DAYS = 56  # the same hour of the week
DAILY_BASELINE_DAYS = 28  # the same hour of any day, until there are enough weeks


class Anomalies(pa.DataFrameModel):
    """Hours far from the same hour of the week in the 8 weeks before, by a robust z-score.

    Hours of the newest day that are still to come are low; `v_anomalies` leaves them out.
    """

    event_day: T.StringType = column("UTC day.", of=(_HOURS + "event_hour",))
    kind: T.StringType = column("What was measured.", of=(_HOURS + "events",), isin=list(KINDS))
    detected_at: T.TimestampType = column("Start of the hour.", of=(_HOURS + "hour_start",))
    entity: T.StringType = column("What it concerns: `shop`.", of=(_HOURS + "event_hour",))
    value: T.DoubleType = column("Measured in the hour.", of=(_HOURS + "events",), ge=0.0)
    expected: T.DoubleType = column(
        "Median of the same hour of the week before; while there are fewer than 4, of the day.",
        of=(_HOURS + "events",),
        ge=0.0,
    )
    score: T.DoubleType = column(
        "(value - expected) / scale; the scale is 1.4826 x MAD, or a floor if that is larger.",
        of=(_HOURS + "events",),
    )
    reason_codes: Annotated[T.ArrayType, T.StringType(), True] = column(
        "`<kind>_high` or `<kind>_low`; `no_events` for an hour without any.",
        of=(_HOURS + "events",),
    )


ANOMALIES = Table(
    layer="gold",
    name="anomalies",
    model=Anomalies,
    grain="one row per hour and kind of measure that is out of the ordinary",
    keys=("kind", "detected_at", "entity"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/hourly_metrics",),
    reach="day",
    days_before=BASELINE_DAYS,
    row_rules=(RowRule("says_why", lambda: F.size("reason_codes") > 0, "an anomaly says why"),),
    kinds=_DELTA_RS,
    hourly=False,
)


class PriceOutliers(pa.DataFrameModel):
    """Prices of at least ten times what the product costs in the day's other events."""

    event_day: T.StringType = column("UTC day.", of=(_EVENTS + "event_hour",))
    detected_at: T.TimestampType = column("The event's time.", of=(_EVENTS + "event_timestamp",))
    id_scope: T.StringType = column("Where `event_id` is unique.", of=(_EVENTS + "id_scope",))
    event_id: T.StringType = column("The event.", of=(_EVENTS + "event_id",))
    visitor_id: T.StringType = column(
        "Whose.", nullable=True, of=(_EVENTS + "visitor_id",), pii="id"
    )
    item_id: T.StringType = column("The product.", of=(_EVENTS + "items",))
    price: Annotated[T.DecimalType, 12, 2] = column(
        "Highest price of the product in the event.",
        of=(_EVENTS + "items",),
        unit="currency",
        ge=0,
    )
    expected: T.DoubleType = column(
        "Median of the product's prices that day.", of=(_EVENTS + "items",), unit="currency", ge=0.0
    )
    score: T.DoubleType = column("price / expected.", of=(_EVENTS + "items",), ge=10.0)


PRICE_OUTLIERS = Table(
    layer="gold",
    name="price_outliers",
    model=PriceOutliers,
    grain="one row per event and product whose price is out of the ordinary",
    keys=("detected_at", "id_scope", "event_id", "item_id"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events",),
    reach="day",
    kinds=_DELTA_RS,
    hourly=False,
)

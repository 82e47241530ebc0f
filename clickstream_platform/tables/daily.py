"""Gold by day: the day summed up, its products, its sessions' paths, and carts left behind."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables import robots
from clickstream_platform.tables.contract import DAY_COLUMN, RowRule, Table, column
from clickstream_platform.tables.metrics import METRICS

_EVENTS = "gold/fact_events."
_SESSIONS = "gold/fact_sessions."
_ORDERS = "gold/fact_transactions."
_OWNER = "team:analytics"
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")
RATIOS = (
    *("engagement_rate", "bounce_rate", "conversion_rate", "cart_abandonment_rate"),
    *("average_order_value", "revenue_per_session"),
)


def _words(metric: str) -> str:
    return f"{METRICS[metric].formula}."


class FactDailyMetrics(pa.DataFrameModel):
    """The day in two rows: all traffic, and without the visitors flagged as robots that day."""

    event_day: T.StringType = column("UTC day, `2024-11-29`.", of=(_SESSIONS + "event_hour",))
    event_date: T.DateType = column("The same as a date.", of=(_SESSIONS + "event_hour",))
    traffic: T.StringType = robots.traffic()
    sessions: T.LongType = column("Started that day.", of=(_SESSIONS + "session_id",), ge=0)
    active_users: T.LongType = column(
        "Distinct customers with a session started that day or one of its `orders`.",
        of=(_SESSIONS + "user_id", _SESSIONS + "visitor_id", _ORDERS + "user_id"),
        ge=0,
    )
    engaged_sessions: T.LongType = column("Of these.", of=(_SESSIONS + "is_engaged",), ge=0)
    cart_sessions: T.LongType = column(
        "Sessions with an `add_to_cart`.", of=(_SESSIONS + "add_to_carts",), ge=0
    )
    converted_sessions: T.LongType = column(
        "Sessions with an order.", of=(_SESSIONS + "purchases",), ge=0
    )
    abandoned_carts: T.LongType = column(
        "Sessions with an `add_to_cart` and without order.", of=(_SESSIONS + "purchases",), ge=0
    )
    page_views: T.LongType = column("In its sessions.", of=(_SESSIONS + "page_views",), ge=0)
    view_items: T.LongType = column("In its sessions.", of=(_SESSIONS + "view_items",), ge=0)
    add_to_carts: T.LongType = column("In its sessions.", of=(_SESSIONS + "add_to_carts",), ge=0)
    orders: T.LongType = column(
        "Orders of the day in the reporting currency or without one.",
        of=(_ORDERS + "order_id",),
        ge=0,
    )
    orders_other_currency: T.LongType = column(
        "Orders in another currency, not in `orders` and `revenue`.",
        of=(_ORDERS + "currency",),
        ge=0,
    )
    revenue: Annotated[T.DecimalType, 22, 2] = column(
        "Their value.", of=(_ORDERS + "value",), unit="currency", ge=0
    )
    engagement_rate: T.DoubleType = column(
        _words("engagement_rate"),
        nullable=True,
        of=(_SESSIONS + "is_engaged",),
        ge=0.0,
        le=1.0,
    )
    bounce_rate: T.DoubleType = column(
        _words("bounce_rate"), nullable=True, of=(_SESSIONS + "is_engaged",), ge=0.0, le=1.0
    )
    conversion_rate: T.DoubleType = column(
        _words("conversion_rate"),
        nullable=True,
        of=(_SESSIONS + "purchases",),
        ge=0.0,
        le=1.0,
    )
    cart_abandonment_rate: T.DoubleType = column(
        _words("cart_abandonment_rate"),
        nullable=True,
        of=(_SESSIONS + "add_to_carts", _SESSIONS + "purchases"),
        ge=0.0,
        le=1.0,
    )
    average_order_value: T.DoubleType = column(
        _words("average_order_value"),
        nullable=True,
        of=(_ORDERS + "value",),
        unit="currency",
        ge=0.0,
    )
    revenue_per_session: T.DoubleType = column(
        _words("revenue_per_session"),
        nullable=True,
        of=(_ORDERS + "value",),
        unit="currency",
        ge=0.0,
    )


FACT_DAILY_METRICS = Table(
    layer="gold",
    name="fact_daily_metrics",
    model=FactDailyMetrics,
    grain="one row per day with events, and kind of traffic",
    keys=("event_day", "traffic"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_sessions", "gold/fact_transactions", robots.BOTS),
    reach="day",
    row_rules=(
        RowRule(
            "parts_within_sessions",
            lambda: (
                (F.col("engaged_sessions") <= F.col("sessions"))
                & (F.col("abandoned_carts") <= F.col("cart_sessions"))
                & (F.col("cart_sessions") <= F.col("sessions"))
            ),
            "parts of the sessions are not more than the sessions",
        ),
    ),
    kinds=_DELTA_RS,
    hourly=False,
)


class ProductMetricsDaily(pa.DataFrameModel):
    """What happened to a product on a day: from seen to sold."""

    event_day: T.StringType = column("UTC day.", of=(_EVENTS + "event_hour",))
    traffic: T.StringType = robots.traffic()
    item_id: T.StringType = column("Product.", of=(_EVENTS + "items",))
    item_category: T.StringType = column(
        "Alphabetically last category it was shown with that day.",
        nullable=True,
        of=(_EVENTS + "items",),
    )
    views: T.LongType = column("`view_item` events that name it.", of=(_EVENTS + "items",), ge=0)
    viewers: T.LongType = column("Distinct visitors of these.", of=(_EVENTS + "visitor_id",), ge=0)
    add_to_carts: T.LongType = column(
        "`add_to_cart` events that name it.", of=(_EVENTS + "items",), ge=0
    )
    orders: T.LongType = column("Orders that hold it.", of=(_ORDERS + "items",), ge=0)
    units: T.LongType = column("Pieces ordered.", of=(_ORDERS + "items",), ge=0)
    revenue: Annotated[T.DecimalType, 22, 2] = column(
        "Price x quantity of the orders in the reporting currency or without one.",
        of=(_ORDERS + "items",),
        unit="currency",
        ge=0,
    )
    min_price: Annotated[T.DecimalType, 12, 2] = column(
        "Lowest price it was shown or ordered at.",
        nullable=True,
        of=(_EVENTS + "items",),
        unit="currency",
        ge=0,
    )
    max_price: Annotated[T.DecimalType, 12, 2] = column(
        "Highest price.", nullable=True, of=(_EVENTS + "items",), unit="currency", ge=0
    )


PRODUCT_METRICS_DAILY = Table(
    layer="gold",
    name="product_metrics_daily",
    model=ProductMetricsDaily,
    grain="one row per day, kind of traffic and product that was seen, put into a cart or ordered",
    keys=("event_day", "traffic", "item_id"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events", "gold/fact_transactions", robots.BOTS),
    reach="day",
    kinds=_DELTA_RS,
    hourly=False,
)


class JourneyPaths(pa.DataFrameModel):
    """The tree of what sessions did first, second, …: each node is a path from the start."""

    event_day: T.StringType = column("Day the sessions started.", of=(_SESSIONS + "event_hour",))
    traffic: T.StringType = robots.traffic()
    path: T.StringType = column(
        "Event names from the first, joined by ` > `; repeats in a row count once.",
        of=(_EVENTS + "event_name",),
    )
    depth: T.LongType = column("Steps in the path.", of=(_EVENTS + "event_name",), ge=1)
    step: T.StringType = column("Its last step.", of=(_EVENTS + "event_name",))
    sessions: T.LongType = column("That began like this.", of=(_EVENTS + "session_id",), ge=1)
    exits: T.LongType = column(
        "Of these, those that took no further step; at the deepest level all.",
        of=(_EVENTS + "session_id",),
        ge=0,
    )
    converted_sessions: T.LongType = column(
        "Of these, those with an order, before or after.", of=(_SESSIONS + "purchases",), ge=0
    )


JOURNEY_PATHS = Table(
    layer="gold",
    name="journey_paths",
    model=JourneyPaths,
    grain="one row per day, kind of traffic and path that a session of the day began with, up to 6 "
    "steps",
    keys=("event_day", "traffic", "path"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events", "gold/fact_sessions", robots.BOTS),
    reach="day",
    days_after=1,
    row_rules=(
        RowRule(
            "parts_within_sessions",
            lambda: (
                (F.col("exits") <= F.col("sessions"))
                & (F.col("converted_sessions") <= F.col("sessions"))
            ),
            "parts of the sessions are not more than the sessions",
        ),
    ),
    kinds=_DELTA_RS,
    hourly=False,
)


class CartAbandonment(pa.DataFrameModel):
    """Sessions that left a cart behind: its worth, how far they got, whether they came back."""

    event_day: T.StringType = column("Day the session started.", of=(_SESSIONS + "event_hour",))
    session_id: T.StringType = column("The session.", of=(_SESSIONS + "session_id",))
    visitor_id: T.StringType = column("Who.", of=(_SESSIONS + "visitor_id",), pii="id")
    ended_at: T.TimestampType = column("Its last event.", of=(_SESSIONS + "ended_at",))
    cart_value: Annotated[T.DecimalType, 22, 2] = column(
        "Value of its `add_to_cart` less that of its `remove_from_cart` events, at least 0.",
        of=(_EVENTS + "value",),
        unit="currency",
        ge=0,
    )
    step_reached: T.StringType = column(
        "`cart`, or the last of the checkout steps it did.",
        of=(_EVENTS + "event_name",),
        isin=["cart", "begin_checkout", "add_shipping_info", "add_payment_info"],
    )
    recovered_order_id: T.StringType = column(
        "The visitor's first order in the 7 days after; null if none.",
        nullable=True,
        of=(_ORDERS + "order_id",),
    )
    recovered_value: Annotated[T.DecimalType, 12, 2] = column(
        "Its value.", nullable=True, of=(_ORDERS + "value",), unit="currency", ge=0
    )
    is_bot: T.BooleanType = robots.is_bot()


CART_ABANDONMENT = Table(
    layer="gold",
    name="cart_abandonment",
    model=CartAbandonment,
    grain="one row per session with an `add_to_cart` and without order, on the day it started",
    keys=("session_id",),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events", "gold/fact_sessions", "gold/fact_transactions", robots.BOTS),
    reach="day",
    days_after=8,
    kinds=_DELTA_RS,
    hourly=False,
)

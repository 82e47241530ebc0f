"""Gold by day with an hour in its key: who and what was active, for rolling sums; and traffic."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import types as T

from clickstream_platform.tables import robots
from clickstream_platform.tables.contract import DAY_COLUMN, Table, column

_EVENTS = "gold/fact_events."
_SESSIONS = "gold/fact_sessions."
_ORDERS = "gold/fact_transactions."
_OWNER = "team:analytics"
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")
DIMENSIONS = (
    *("channel_group", "mkt_source", "mkt_medium", "mkt_campaign", "refr_source"),
    *("device_category", "browser_name", "os_name", "landing_page"),
)


class EventActivityHourly(pa.DataFrameModel):
    """What was done in each hour, and how it ended where the tracker says so."""

    event_day: T.StringType = column("UTC day.", of=(_EVENTS + "event_hour",))
    event_hour: T.StringType = column("Hour.", of=(_EVENTS + "event_hour",))
    traffic: T.StringType = robots.traffic_of_hour()
    event_name: T.StringType = column("What was done.", of=(_EVENTS + "event_name",))
    outcome: T.StringType = column("As sent.", nullable=True, of=(_EVENTS + "outcome",))
    events: T.LongType = column("Events.", of=(_EVENTS + "event_id",), ge=1)
    visitors: T.LongType = column("Distinct visitors.", of=(_EVENTS + "visitor_id",), ge=0)


EVENT_ACTIVITY_HOURLY = Table(
    layer="gold",
    name="event_activity_hourly",
    model=EventActivityHourly,
    grain="one row per hour, kind of traffic, event name and outcome",
    keys=("event_hour", "traffic", "event_name", "outcome"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events", "gold/bot_visitors_hourly"),
    reach="day",
    kinds=_DELTA_RS,
    hourly=False,
)


class ProductActivityHourly(pa.DataFrameModel):
    """`product_metrics_daily` by the hour: what the rolling sums of products are made of."""

    event_day: T.StringType = column("UTC day.", of=(_EVENTS + "event_hour",))
    event_hour: T.StringType = column("Hour.", of=(_EVENTS + "event_hour",))
    traffic: T.StringType = robots.traffic_of_hour()
    item_id: T.StringType = column("Product.", of=(_EVENTS + "items",))
    views: T.LongType = column("`view_item` events with it.", of=(_EVENTS + "items",), ge=0)
    add_to_carts: T.LongType = column(
        "`add_to_cart` events with it.", of=(_EVENTS + "items",), ge=0
    )
    orders: T.LongType = column(
        "Orders with it, in the reporting currency or without one.", of=(_ORDERS + "items",), ge=0
    )
    units: T.LongType = column("Pieces in these.", of=(_ORDERS + "items",), ge=0)
    revenue: Annotated[T.DecimalType, 22, 2] = column(
        "Sum of price x quantity in these.", of=(_ORDERS + "items",), unit="currency", ge=0
    )


PRODUCT_ACTIVITY_HOURLY = Table(
    layer="gold",
    name="product_activity_hourly",
    model=ProductActivityHourly,
    grain="one row per hour, kind of traffic, and product seen, put into a cart or ordered",
    keys=("event_hour", "traffic", "item_id"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events", "gold/fact_transactions", "gold/bot_visitors_hourly"),
    reach="day",
    kinds=_DELTA_RS,
    hourly=False,
)


class CustomerActivityHourly(pa.DataFrameModel):
    """What each customer did in an hour: what the rolling sums of users are made of."""

    event_day: T.StringType = column("UTC day.", of=(_EVENTS + "event_hour",))
    event_hour: T.StringType = column("Hour.", of=(_EVENTS + "event_hour",))
    traffic: T.StringType = robots.traffic_of_hour()
    customer_id: T.StringType = column(
        "The event's account id, else its visitor id.",
        of=(_EVENTS + "user_id", _EVENTS + "visitor_id"),
        pii="id",
    )
    events: T.LongType = column("Events.", of=(_EVENTS + "event_id",), ge=0)
    view_items: T.LongType = column("`view_item` events.", of=(_EVENTS + "event_name",), ge=0)
    add_to_carts: T.LongType = column("`add_to_cart` events.", of=(_EVENTS + "event_name",), ge=0)
    orders: T.LongType = column(
        "Orders in the reporting currency or without one.", of=(_ORDERS + "order_id",), ge=0
    )
    revenue: Annotated[T.DecimalType, 22, 2] = column(
        "Their value.", of=(_ORDERS + "value",), unit="currency", ge=0
    )


CUSTOMER_ACTIVITY_HOURLY = Table(
    layer="gold",
    name="customer_activity_hourly",
    model=CustomerActivityHourly,
    grain="one row per hour, kind of traffic, and customer with an event of it",
    keys=("event_hour", "traffic", "customer_id"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events", "gold/fact_transactions", "gold/bot_visitors_hourly"),
    reach="day",
    kinds=_DELTA_RS,
    hourly=False,
)


class SessionProducts(pa.DataFrameModel):
    """The products a session looked at, and those it ordered."""

    event_day: T.StringType = column("Day the session started.", of=(_SESSIONS + "event_hour",))
    session_id: T.StringType = column("Session.", of=(_SESSIONS + "session_id",))
    viewed: Annotated[T.ArrayType, T.StringType(), True] = column(
        "Distinct products of its `view_item` events, sorted.", of=(_EVENTS + "items",)
    )
    ordered: Annotated[T.ArrayType, T.StringType(), True] = column(
        "Distinct products of the orders placed in it, sorted.", of=(_EVENTS + "items",)
    )
    is_bot: T.BooleanType = robots.is_bot()


SESSION_PRODUCTS = Table(
    layer="gold",
    name="session_products",
    model=SessionProducts,
    grain="one row per session that looked at a product or ordered one",
    keys=("session_id",),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events", "gold/fact_sessions", "gold/fact_transactions", robots.BOTS),
    reach="day",
    days_after=1,
    kinds=_DELTA_RS,
    hourly=False,
)


class TrafficDaily(pa.DataFrameModel):
    """Where the day's sessions came from and what they were seen with, one dimension at a time."""

    event_day: T.StringType = column("Day the sessions started.", of=(_SESSIONS + "event_hour",))
    traffic: T.StringType = robots.traffic()
    dimension: T.StringType = column(
        "Column of `fact_sessions`.",
        of=tuple(_SESSIONS + name for name in DIMENSIONS),
        isin=list(DIMENSIONS),
    )
    value: T.StringType = column(
        "Its value; `(unknown)` if null.", of=tuple(_SESSIONS + name for name in DIMENSIONS)
    )
    sessions: T.LongType = column("Sessions.", of=(_SESSIONS + "session_id",), ge=1)
    engaged_sessions: T.LongType = column("Of these.", of=(_SESSIONS + "is_engaged",), ge=0)
    cart_sessions: T.LongType = column(
        "With an `add_to_cart`.", of=(_SESSIONS + "add_to_carts",), ge=0
    )
    converted_sessions: T.LongType = column("With an order.", of=(_SESSIONS + "purchases",), ge=0)
    abandoned_carts: T.LongType = column(
        "With an `add_to_cart` and without order.", of=(_SESSIONS + "purchases",), ge=0
    )
    orders: T.LongType = column(
        "Orders placed in them, in the reporting currency or without one.",
        of=(_ORDERS + "order_id", _EVENTS + "session_id"),
        ge=0,
    )
    revenue: Annotated[T.DecimalType, 22, 2] = column(
        "Their value.",
        of=(_ORDERS + "value", _EVENTS + "session_id"),
        unit="currency",
        ge=0,
    )


TRAFFIC_DAILY = Table(
    layer="gold",
    name="traffic_daily",
    model=TrafficDaily,
    grain="one row per day, kind of traffic, dimension and value of it",
    keys=("event_day", "traffic", "dimension", "value"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events", "gold/fact_sessions", "gold/fact_transactions", robots.BOTS),
    reach="day",
    days_after=1,
    kinds=_DELTA_RS,
    hourly=False,
)

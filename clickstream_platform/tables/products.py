"""Gold about products over all time."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables import robots
from clickstream_platform.tables.contract import RowRule, Table, column

_DAYS = "gold/product_metrics_daily."
_ORDERS = "gold/fact_transactions."
_SEEN = "gold/session_products."
_OWNER = "team:analytics"
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")


class DimProductMetrics(pa.DataFrameModel):
    """What happened to each product in all the time there is."""

    traffic: T.StringType = robots.traffic_of_all_days(of=(_DAYS + "traffic",))
    item_id: T.StringType = column("Product.", of=(_DAYS + "item_id",))
    item_category: T.StringType = column(
        "Category of the last day that knew one.", nullable=True, of=(_DAYS + "item_category",)
    )
    first_day: T.StringType = column("First day it was seen.", of=(_DAYS + "event_day",))
    last_day: T.StringType = column("Last day it was seen.", of=(_DAYS + "event_day",))
    views: T.LongType = column("Sum over the days.", of=(_DAYS + "views",), ge=0)
    add_to_carts: T.LongType = column("Sum over the days.", of=(_DAYS + "add_to_carts",), ge=0)
    orders: T.LongType = column("Sum over the days.", of=(_DAYS + "orders",), ge=0)
    units: T.LongType = column("Sum over the days.", of=(_DAYS + "units",), ge=0)
    revenue: Annotated[T.DecimalType, 22, 2] = column(
        "Sum over the days.", of=(_DAYS + "revenue",), unit="currency", ge=0
    )
    min_price: Annotated[T.DecimalType, 12, 2] = column(
        "Lowest price.", nullable=True, of=(_DAYS + "min_price",), unit="currency", ge=0
    )
    max_price: Annotated[T.DecimalType, 12, 2] = column(
        "Highest price.", nullable=True, of=(_DAYS + "max_price",), unit="currency", ge=0
    )
    price: Annotated[T.DecimalType, 12, 2] = column(
        "Usual price: the lower median of its days' lowest prices.",
        nullable=True,
        of=(_DAYS + "min_price",),
        unit="currency",
        ge=0,
    )
    cart_rate: T.DoubleType = column(
        "add_to_carts / views.", nullable=True, of=(_DAYS + "add_to_carts",), ge=0.0
    )
    order_rate: T.DoubleType = column(
        "orders / views.", nullable=True, of=(_DAYS + "orders",), ge=0.0
    )
    engagement_score: T.LongType = column(
        "views + 3 x add_to_carts + 10 x orders.", of=(_DAYS + "views",), ge=0
    )
    price_band: T.StringType = column(
        "By price: `low` below 50, `middle` below 500, `high` from there; null if unknown.",
        nullable=True,
        of=(_DAYS + "min_price",),
        isin=["low", "middle", "high"],
    )


DIM_PRODUCT_METRICS = Table(
    layer="gold",
    name="dim_product_metrics",
    model=DimProductMetrics,
    grain="one row per kind of traffic and product",
    keys=("traffic", "item_id"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/product_metrics_daily",),
    reach="all",
    row_rules=(
        RowRule(
            "first_before_last",
            lambda: F.col("first_day") <= F.col("last_day"),
            "no product is seen last before being seen first",
        ),
    ),
    kinds=_DELTA_RS,
    hourly=False,
)


class ProductAffinity(pa.DataFrameModel):
    """Who has A also has B: from orders, and from all that a customer ever ordered."""

    traffic: T.StringType = robots.traffic_of_all_days()
    basis: T.StringType = column(
        "What a basket is: `order`; `customer`: all orders of one; `view_to_order`: a session that "
        "looked at a product, where A was looked at and B ordered.",
        of=(_ORDERS + "order_id", _SEEN + "session_id"),
        isin=["order", "customer", "view_to_order"],
    )
    item_a: T.StringType = column("Product.", of=(_ORDERS + "items",))
    item_b: T.StringType = column("Another product.", of=(_ORDERS + "items",))
    n: T.LongType = column("Baskets with both, at least 2.", of=(_ORDERS + "items",), ge=2)
    baskets_a: T.LongType = column("Baskets with A.", of=(_ORDERS + "items",), ge=2)
    baskets_b: T.LongType = column("Baskets with B.", of=(_ORDERS + "items",), ge=2)
    baskets: T.LongType = column("All baskets.", of=(_ORDERS + "order_id",), ge=2)
    support: T.DoubleType = column("n / baskets.", of=(_ORDERS + "items",), ge=0.0, le=1.0)
    confidence: T.DoubleType = column("n / baskets_a.", of=(_ORDERS + "items",), ge=0.0, le=1.0)
    lift: T.DoubleType = column(
        "confidence / (baskets_b / baskets); above 1: more often together than by chance.",
        of=(_ORDERS + "items",),
        ge=0.0,
    )


PRODUCT_AFFINITY = Table(
    layer="gold",
    name="product_affinity",
    model=ProductAffinity,
    grain="one row per kind of traffic, basis and ordered pair of products in two or more baskets",
    keys=("traffic", "basis", "item_a", "item_b"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_transactions", "gold/session_products", robots.BOTS),
    reach="all",
    kinds=_DELTA_RS,
    hourly=False,
)

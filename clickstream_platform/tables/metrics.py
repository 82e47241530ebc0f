"""Every metric once: what it counts, or which counts it divides; marts, questions and docs use it.

A count is an aggregate over one relation; a ratio divides two of them. The SQL is the same for
Spark, DuckDB and PostgreSQL.
"""

from __future__ import annotations

from dataclasses import dataclass

SESSIONS, ORDERS = "gold.dim_sessions", "gold.v_orders"
USERS, ACTIVE = "gold.dim_user_metrics", "gold.v_active_customers"


@dataclass(frozen=True)
class Metric:
    """`relation` and `counted` of a count; `numerator` and `denominator` of a ratio."""

    name: str
    meaning: str
    grain: str  # what is counted, or what there is one value of
    unit: str
    relation: str = ""
    counted: str = ""
    numerator: str = ""
    denominator: str = ""
    is_complement: bool = False  # 1 - the ratio

    @property
    def is_ratio(self) -> bool:
        return bool(self.numerator)

    @property
    def formula(self) -> str:
        """For people."""
        if not self.is_ratio:
            return f"{self.counted} of {self.relation}"
        return f"{'1 - ' if self.is_complement else ''}{self.numerator} / {self.denominator}"

    @property
    def expression(self) -> str:
        """A ratio in SQL over columns with its counts; null where the denominator is 0."""
        ratio = f"1e0 * {self.numerator} / nullif({self.denominator}, 0)"
        return f"1 - {ratio}" if self.is_complement else ratio


def _of_sessions(name: str, meaning: str, where: str = "") -> Metric:
    counted = f"count(*) filter (where {where})" if where else "count(*)"
    return Metric(name, meaning, "session", "sessions", SESSIONS, counted)


def _ratio(name: str, meaning: str, parts: str, **more: str | bool) -> Metric:
    numerator, denominator = parts.split(" / ")
    return Metric(
        name=name,
        meaning=meaning,
        grain=str(more.get("grain", denominator)),
        unit=str(more.get("unit", "share")),
        numerator=numerator,
        denominator=denominator,
        is_complement=bool(more.get("is_complement", False)),
    )


_ALL = (
    _of_sessions("sessions", "Visits that started in the period."),
    _of_sessions("engaged_sessions", "Longer than 10 s, two views, or an order.", "is_engaged"),
    _of_sessions("cart_sessions", "Something was put into the cart.", "add_to_carts > 0"),
    _of_sessions("converted_sessions", "An order was placed.", "purchases > 0"),
    _of_sessions(
        "abandoned_carts",
        "Something was put into the cart, and no order was placed.",
        "add_to_carts > 0 and purchases = 0",
    ),
    Metric(
        "active_users",
        "Customers (account, else visitor) with a session that started or an order of the period.",
        "customer",
        "customers",
        ACTIVE,
        "count(distinct customer_id)",
    ),
    Metric(
        "orders",
        "Orders in the reporting currency or without one; repeats of a purchase are one order.",
        "order",
        "orders",
        ORDERS,
        "count(*) filter (where is_reported)",
    ),
    Metric(
        "revenue",
        "Value of these orders, without tax and shipping.",
        "order",
        "currency",
        ORDERS,
        "coalesce(sum(value) filter (where is_reported), 0)",
    ),
    Metric(
        "customer_lifetime_value",
        "Value of all of a customer's orders so far.",
        "customer",
        "currency",
        USERS,
        "sum(customer_lifetime_value) filter (where traffic = 'all')",
    ),
    _ratio(
        "engagement_rate", "Share of sessions that were engaged.", "engaged_sessions / sessions"
    ),
    _ratio(
        "bounce_rate",
        "Share of sessions that were not.",
        "engaged_sessions / sessions",
        is_complement=True,
    ),
    _ratio("conversion_rate", "Share of sessions with an order.", "converted_sessions / sessions"),
    _ratio(
        "cart_abandonment_rate",
        "Share of sessions with a cart that ended without order.",
        "abandoned_carts / cart_sessions",
    ),
    _ratio("average_order_value", "Of an order.", "revenue / orders", unit="currency"),
    _ratio(
        "revenue_per_session",
        "Revenue of the period by its sessions.",
        "revenue / sessions",
        unit="currency",
    ),
)
METRICS = {metric.name: metric for metric in _ALL}

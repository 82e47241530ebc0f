"""Activity by the hour and traffic by day of the tiny lake."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from clickstream_platform_tests.queries.lake_rows import ELEVEN, TEN, humans, write

DAY = "2026-11-20"
YESTERDAY, LAST_WEEK = "2026-11-19T11", "2026-11-13T12"  # 24 and 167 hours before ELEVEN


def did(hour: str, name: str, outcome: str | None, events: int) -> dict[str, Any]:
    return {"event_day": hour[:10], "event_hour": hour, "event_name": name, "outcome": outcome,
            "events": events, "visitors": 1}  # fmt: skip


def product(hour: str, item: str, views: int, orders: int, revenue: str) -> dict[str, Any]:
    return {"event_day": hour[:10], "event_hour": hour, "item_id": item, "views": views,
            "add_to_carts": 0, "orders": orders, "units": orders,
            "revenue": Decimal(revenue)}  # fmt: skip


def customer(hour: str, name: str, events: int, orders: int, revenue: str) -> dict[str, Any]:
    return {"event_day": hour[:10], "event_hour": hour, "customer_id": name, "events": events,
            "view_items": 0, "add_to_carts": 0, "orders": orders,
            "revenue": Decimal(revenue)}  # fmt: skip


def traffic(kind: str, value: str, sessions: int, converted: int) -> dict[str, Any]:
    return {"event_day": DAY, "traffic": kind, "dimension": "channel_group", "value": value,
            "sessions": sessions, "engaged_sessions": 1, "cart_sessions": 2, "abandoned_carts": 1,
            "converted_sessions": converted, "orders": converted,
            "revenue": Decimal("30.00")}  # fmt: skip


def build(home: Path) -> None:
    write(home, "gold/event_activity_hourly", humans([
        did(TEN, "purchase", "success", 3), did(ELEVEN, "purchase", "Failure", 1),
        did(TEN, "view_item", None, 5), did(ELEVEN, "view_item", None, 2),
    ], events=1))  # fmt: skip
    write(home, "gold/product_activity_hourly", humans([
        product(TEN, "A", 2, 1, "20.00"), product(TEN, "B", 1, 1, "10.00"),
        product(ELEVEN, "A", 0, 1, "20.00"), product(YESTERDAY, "A", 7, 0, "0.00"),
        product(LAST_WEEK, "B", 9, 0, "0.00"),
    ], views=1))  # fmt: skip
    write(home, "gold/customer_activity_hourly", humans([
        customer(TEN, "v1", 4, 1, "30.00"), customer(ELEVEN, "v2", 1, 1, "20.50"),
        customer(YESTERDAY, "v3", 2, 0, "0.00"), customer(YESTERDAY, "v2", 2, 0, "0.00"),
    ], events=1))  # fmt: skip
    write(home, "gold/traffic_daily", [
        traffic("all", "Email", 5, 2), traffic("human", "Email", 4, 2),
        traffic("all", "Direct", 1, 0),
    ])  # fmt: skip

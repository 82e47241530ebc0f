"""Daily marts and marts over all time of the tiny lake: two days, three customers, one robot."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from clickstream_platform_tests.queries import activity_rows
from clickstream_platform_tests.queries.lake_rows import ELEVEN, TEN, at, write

DAY, WEEK_AGO = "2026-11-20", "2026-11-13"
ALL, HUMAN = {"traffic": "all"}, {"traffic": "human"}  # rows are of `all` unless they say so


def day(event_day: str, traffic: str, sessions: int, orders: int, revenue: str) -> dict[str, Any]:
    return {
        "event_day": event_day, "event_date": date.fromisoformat(event_day), "traffic": traffic,
        "sessions": sessions, "active_users": sessions, "converted_sessions": orders,
        "orders": orders, "revenue": Decimal(revenue), "conversion_rate": orders / sessions,
    }  # fmt: skip


def customer(name: str, segment: str, orders: int, worth: str, **more: Any) -> dict[str, Any]:
    return ALL | {
        "customer_id": name, "segment": segment, "orders": orders, "is_repeat": orders >= 2,
        "customer_lifetime_value": Decimal(worth), "sessions": 2, "first_seen_at": at("10:00:00"),
        **more,
    }  # fmt: skip


def product(name: str, views: int, carts: int, orders: int, revenue: str) -> dict[str, Any]:
    return ALL | {
        "item_id": name, "item_category": "shoes", "price_band": "low", "views": views,
        "add_to_carts": carts, "orders": orders, "order_rate": orders / views,
        "revenue": Decimal(revenue), "price": Decimal("20.00"),
    }  # fmt: skip


def product_day(name: str, views: int, orders: int, revenue: str) -> dict[str, Any]:
    return ALL | {
        "event_day": DAY, "item_id": name, "item_category": "shoes", "views": views,
        "orders": orders, "revenue": Decimal(revenue),
    }  # fmt: skip


def buyer(name: str, recency: int, orders: int, worth: str) -> dict[str, Any]:
    return ALL | {
        "customer_id": name, "rfm_segment": "Champions", "recency_days": recency,
        "frequency": orders, "monetary": Decimal(worth),
    }  # fmt: skip


def arm(name: str, conversions: int, **more: Any) -> dict[str, Any]:
    return ALL | {
        "experiment_id": "x", "variant_id": name, "is_control": name == "control",
        "exposures": 100, "conversions": conversions, "conversion_rate": conversions / 100, **more,
    }  # fmt: skip


def cart(session: str, step: str, worth: str, recovered: str | None) -> dict[str, Any]:
    return {
        "event_day": DAY, "session_id": session, "visitor_id": session, "step_reached": step,
        "cart_value": Decimal(worth), "recovered_order_id": recovered and "o1",
        "recovered_value": recovered and Decimal(recovered), "is_bot": session == "left",
    }  # fmt: skip


def path(text: str, sessions: int, exits: int, converted: int) -> dict[str, Any]:
    return ALL | {
        "event_day": DAY, "path": text, "depth": text.count(">") + 1, "sessions": sessions,
        "step": text.rpartition(" > ")[2], "exits": exits, "converted_sessions": converted,
    }  # fmt: skip


def step(event_day: str, traffic: str, no: int, name: str, units: int) -> dict[str, Any]:
    return {
        "event_day": event_day, "funnel": "purchase", "traffic": traffic, "unit": "session",
        "mode": "ordered", "step_no": no, "step": name, "units": units,
    }  # fmt: skip


def robot(hour: str, visitor: str, score: float, *signals: str) -> dict[str, Any]:
    return {
        "event_hour": hour, "visitor_id": visitor, "events": 1, "orders": 0,
        "bot_signals": list(signals), "bot_score": score, "is_bot": score >= 0.5,
    }  # fmt: skip


def pair(a: str, b: str, n: int) -> dict[str, Any]:
    return ALL | {"basis": "customer", "item_a": a, "item_b": b, "n": n, "support": 0.5,
                  "confidence": 0.5, "lift": 2.0}  # fmt: skip


def credit(model: str, channel: str, share: str, worth: str) -> dict[str, Any]:
    return {"event_day": DAY, "conversion_id": "o3", "model": model, "channel_group": channel,
            "mkt_campaign": "sale" if channel == "Email" else None,
            "credit": Decimal(share), "credited_value": Decimal(worth),
            "is_bot": False}  # fmt: skip


def cohort(number: int, customers: int) -> dict[str, Any]:
    return ALL | {
        "basis": "activity", "period": "week", "cohort_start": date(2026, 11, 9),
        "period_no": number, "customers": customers, "cohort_size": 4,
        "retention_rate": customers / 4,
    }  # fmt: skip


def funnel(hour: str, mode: str, *sessions: int) -> list[dict[str, Any]]:
    return [
        {
            "event_hour": hour,
            "traffic": "all",
            "mode": mode,
            "step_no": no,
            "step": f"step {no}",
            "sessions": count,
        }
        for no, count in enumerate(sessions, start=1)
    ]


def build(home: Path) -> None:
    activity_rows.build(home)
    write(home, "gold/fact_daily_metrics", [
        day(WEEK_AGO, "all", 4, 1, "10.00"), day(WEEK_AGO, "human", 4, 1, "10.00"),
        day(DAY, "all", 5, 2, "50.50"), day(DAY, "human", 4, 2, "50.50"),
    ])  # fmt: skip
    write(home, "gold/product_metrics_daily", [
        product_day("A", 3, 2, "40.00"), product_day("A", 2, 2, "40.00") | HUMAN,
        product_day("B", 1, 1, "10.00"), product_day("B", 1, 1, "10.00") | HUMAN,
    ])  # fmt: skip
    seen = (product("A", 10, 4, 4, "40.00"), product("C", 20, 2, 2, "5.00"))
    write(home, "gold/dim_product_metrics", [
        *seen, product("B", 100, 2, 1, "10.00"), *[row | HUMAN for row in seen],
    ])  # fmt: skip
    buyers = (customer("v1", "Converted", 2, "30.00", last_order_at=at("10:03:00")),
              customer("v2", "Converted", 1, "20.00"))  # fmt: skip
    write(home, "gold/dim_user_metrics", [
        *buyers, customer("open", "New/Inactive", 0, "0.00"), *[row | HUMAN for row in buyers],
    ])  # fmt: skip
    write(home, "gold/rfm_scores", [
        buyer("v1", 0, 2, "30.00"), buyer("v2", 2, 1, "20.00"), buyer("v1", 0, 2, "30.00") | HUMAN,
    ])  # fmt: skip
    periods = [{"period": "day"}, {"period": "month", "cohort_start": date(2026, 11, 1)}]
    write(home, "gold/retention_cohort", [
        cohort(1, 1), cohort(0, 4), cohort(0, 3) | HUMAN,
        *[cohort(number, 4 - number) | more for more in periods for number in (0, 3)],
    ])  # fmt: skip
    write(home, "gold/product_affinity", [
        pair("A", "B", 2), pair("B", "A", 2), pair("A", "C", 3), pair("A", "B", 2) | HUMAN,
        pair("A", "B", 4) | {"basis": "view_to_order"},
    ])  # fmt: skip
    write(home, "gold/experiment_results", [
        arm("new", 20, lift=1.0, p_value=0.0477), arm("control", 10), arm("control", 9) | HUMAN,
    ])  # fmt: skip
    write(home, "gold/cart_abandonment", [
        cart("left", "cart", "10.00", None), cart("on_limit", "cart", "5.00", "30.00"),
        cart("open", "begin_checkout", "99.00", None),
    ])  # fmt: skip
    write(home, "gold/journey_paths", [
        path("page_view", 4, 1, 2), path("page_view > view_item", 3, 3, 2),
        path("page_view", 3, 3, 1) | HUMAN,
    ])  # fmt: skip
    write(home, "gold/bot_visitors_hourly", [
        robot(TEN, "left", 1.0, "declared_bot"), robot(ELEVEN, "open", 0.4, "hurry"),
    ])  # fmt: skip
    write(home, "gold/funnels_daily", [
        step(WEEK_AGO, "all", 1, "view_item", 4), step(WEEK_AGO, "all", 2, "purchase", 0),
        step(DAY, "all", 1, "view_item", 6), step(DAY, "all", 2, "purchase", 2),
        step(DAY, "human", 1, "view_item", 5), step(DAY, "human", 2, "purchase", 2),
        step(DAY, "all", 1, "view_item", 9) | {"unit": "user"},
    ])  # fmt: skip
    write(home, "gold/funnel_hourly", [
        *funnel(TEN, "ordered", 4, 2), *funnel(ELEVEN, "ordered", 4, 1), *funnel(TEN, "any", 4, 4),
        *(row | {"traffic": "human", "sessions": 1} for row in funnel(TEN, "ordered", 2, 1)),
    ])  # fmt: skip
    write(home, "gold/attribution_credit", [
        credit("linear", "Email", "0.500000", "15.25"), credit("linear", "Direct", "0.5", "15.25"),
        credit("last_touch", "Direct", "1", "30.50"), credit("first_touch", "Email", "1", "30.50"),
        credit("markov", "Email", "0.25", "7.63"), credit("markov", "Direct", "0.75", "22.87"),
    ])  # fmt: skip
    write(home, "gold/anomalies", [
        {"event_day": DAY, "kind": "events", "detected_at": at("10:00:00"), "entity": "shop",
         "score": -9.0, "reason_codes": ["events_low", "no_events"]},
        # Still to come, so no question shows it.
        {"event_day": DAY, "kind": "events", "detected_at": at("23:00:00"), "entity": "shop",
         "score": -9.0, "reason_codes": ["events_low", "no_events"]},
    ])  # fmt: skip
    write(home, "gold/price_outliers", [
        {"event_day": DAY, "detected_at": at("10:05:00"), "item_id": "A", "score": 50.0},
    ])  # fmt: skip

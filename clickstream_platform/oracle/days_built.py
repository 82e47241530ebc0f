"""Which days of daily tables, and which tables over all time, are current by `ops/hour_state`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

ALL_TIME = "all"
FACTS = ("gold/fact_events", "gold/fact_sessions", "gold/fact_transactions")
EVENTS, SESSIONS, ORDERS = FACTS
ROBOTS = "gold/bot_visitors_hourly"
PRODUCT_DAYS = "gold/product_metrics_daily"
EXPOSURES = "gold/experiment_exposures"
SESSION_PRODUCTS = "gold/session_products"
CREDITS = "gold/attribution_credit"  # how many days before is a setting
LINKS = "gold/identity_links"
# Table: its inputs, and how many days before and after its own their partitions count.
DAILY = {
    "gold/fact_daily_metrics": ((SESSIONS, ORDERS, ROBOTS), 0, 0),
    PRODUCT_DAYS: ((EVENTS, ORDERS, ROBOTS), 0, 0),
    "gold/journey_paths": ((EVENTS, SESSIONS, ROBOTS), 0, 1),
    "gold/cart_abandonment": ((*FACTS, ROBOTS), 0, 8),
    CREDITS: ((SESSIONS, ORDERS, ROBOTS), 0, 0),
    "gold/anomalies": (("gold/hourly_metrics",), 56, 0),
    "gold/price_outliers": ((EVENTS,), 0, 0),
    EXPOSURES: ((EVENTS, ROBOTS), 0, 0),
    "gold/event_activity_hourly": ((EVENTS, ROBOTS), 0, 0),
    "gold/product_activity_hourly": ((EVENTS, ORDERS, ROBOTS), 0, 0),
    "gold/customer_activity_hourly": ((EVENTS, ORDERS, ROBOTS), 0, 0),
    SESSION_PRODUCTS: ((*FACTS, ROBOTS), 0, 1),
    "gold/traffic_daily": ((*FACTS, ROBOTS), 0, 1),
    "gold/funnels_daily": ((EVENTS, SESSIONS, ROBOTS), 0, 1),
    LINKS: ((EVENTS,), 0, 0),
}
SNAPSHOTS = {
    "gold/dim_user_metrics": (SESSIONS, ORDERS, ROBOTS),
    "gold/rfm_scores": (ORDERS, ROBOTS),
    "gold/retention_cohort": (SESSIONS, ORDERS, ROBOTS),
    "gold/dim_product_metrics": (PRODUCT_DAYS,),
    "gold/product_affinity": (ORDERS, SESSION_PRODUCTS, ROBOTS),
    "gold/experiment_results": (EXPOSURES, ORDERS, ROBOTS),
    "gold/people": (LINKS, "ops/identity_decisions"),
}
CATALOGUE = ("products", "users", "campaigns", "catalogue_quarantine")
FROM_FEEDS = {f"silver/{name}": ("bronze/catalogue",) for name in CATALOGUE}
State = dict[str, Any]


def mark_behind(states: Mapping[tuple[str, str], State], *, look_back_days: int) -> None:
    """Sets `is_behind` of daily tables and those over all time: if they were built from other
    versions of their inputs than there are, or if an input is behind itself or lacks a day."""
    by_day: dict[tuple[str, str], list[State]] = {}
    for (table, key), state in states.items():
        by_day.setdefault((table, key[:10]), []).append(state)
    for (table, key), state in states.items():
        if table in DAILY:
            inputs, before, after = DAILY[table]
            before = look_back_days if table == CREDITS else before
            days = [_shifted(key, step) for step in range(-before, after + 1)]
            reaching = [row for p in inputs for day in days for row in by_day.get((p, day), [])]
            state["is_behind"] = _is_behind(state, reaching)
    for table, inputs in (SNAPSHOTS | FROM_FEEDS).items():
        if found := states.get((table, ALL_TIME)):
            reaching = [row for (other, _), row in states.items() if other in inputs]
            lacking = any(_lacks_a_day(path, by_day) for path in inputs if path in DAILY)
            found["is_behind"] = _is_behind(found, reaching) or lacking


def _lacks_a_day(table: str, by_day: Mapping[tuple[str, str], list[State]]) -> bool:
    """True if a day on which an input of the daily table has rows was never built."""
    return any(
        (table, day) not in by_day
        for (path, day), rows in by_day.items()
        if path in DAILY[table][0] and any(row["row_count"] for row in rows)
    )


def _is_behind(state: State, inputs: list[State]) -> bool:
    held = sorted(f"{row['table']} {row['hour']} {row['version']}" for row in inputs)
    digest = hashlib.sha256("\n".join(held).encode()).hexdigest()[:24]
    is_other = state["input_digest"] != digest
    return state["is_stale"] or is_other or any(row["is_behind"] for row in inputs)


def _shifted(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()

"""A generated shop, built: every screen that shows a metric shows what the metric is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find, named_queries
from clickstream_platform.tables.metrics import METRICS, ORDERS

pytestmark = pytest.mark.slow
NO_BOTS = "not is_bot"
NO_BOT_ORDERS = (
    "not exists (select 1 from gold.bot_visitors_hourly as robots where robots.is_bot "
    "and robots.visitor_id = v_orders.visitor_id and left(robots.event_hour, 10) = event_day)"
)


@dataclass(frozen=True)
class Scope:
    """What a question's rows are about: which sessions and orders, told apart by what."""

    by: str = "'all'"  # over a session or an order
    column: str = ""  # of the answer that holds it
    sessions: str = "true"
    orders: str = "true"
    params: Mapping[str, str] = field(default_factory=dict)


def unknown(column: str, name: str = "") -> Scope:
    by = f"coalesce({column}, '(unknown)')"
    return Scope(by, name or column, NO_BOTS, params={"limit": "100000"})


PAGES = {"limit": "100000"}
WEEKDAY = "isodow(cast(event_day as date))"
SCOPES = {
    "daily": Scope("event_day", "event_day", NO_BOTS, NO_BOT_ORDERS),
    "week_over_week": Scope("date_trunc('week', cast(event_day as date))::date", "week_start",
                            NO_BOTS, NO_BOT_ORDERS),
    "weekday_pattern": Scope(WEEKDAY, "iso_weekday", NO_BOTS, NO_BOT_ORDERS),
    "weekend": Scope(f"{WEEKDAY} >= 6", "is_weekend", NO_BOTS, NO_BOT_ORDERS),
    "channels": Scope("coalesce(channel_group, '(unknown)')", "channel_group", NO_BOTS),
    "devices": Scope("coalesce(device_category, '(unknown)')", "device_category", NO_BOTS),
    "browsers": unknown("browser_name"),
    "referrers": unknown("refr_source"),
    "traffic": unknown("channel_group", "value"),
    "landing_page_quality": Scope("landing_page", "landing_page", NO_BOTS, params=PAGES),
    "landing_pages": Scope("landing_page", "landing_page", params=PAGES),
    "conversion_by_hour": Scope("event_hour", "event_hour"),
    "sessions_by_hour": Scope("event_hour", "event_hour"),
    "sessions_summary": Scope(),
    "session_totals": Scope(),
}  # fmt: skip
RATES = {"engagement_rate", "bounce_rate", "conversion_rate", "cart_abandonment_rate",
         "revenue_per_session"}  # fmt: skip


TOTALS = {"orders", "revenue", "average_order_value", "abandoned_carts"}
SUMS = TOTALS - {"average_order_value"}
ONE_PER_PRODUCT = "an order counts with each of its products, brands or categories"
NOT_THE_WHOLE = {
    ("bots", "orders"): "of robots, by what gave them away",
    ("active_customers", "orders"): "of the last hours",
    ("active_customers", "revenue"): "of the last hours",
    ("live", "orders"): "of the newest hour",
    ("live", "revenue"): "of the newest hour",
    ("high_interest_low_conversion", "orders"): "of some products",
    **{(name, "orders"): ONE_PER_PRODUCT
       for name in ("top_products", "top_categories", "category_trend", "revenue_by_brand")},
    ("category_trend", "revenue"): "of order lines, in any currency",
    ("products_by_conversion", "revenue"): "of order lines, in any currency",
}  # fmt: skip


def by_definition(lake: Lake, scope: Scope, metric: str) -> dict[Any, Any]:
    """The metric's value of each part of the scope, from `tables/metrics.py` alone."""
    defined = METRICS[metric]
    if not defined.is_ratio:
        where = scope.orders if defined.relation == ORDERS else scope.sessions
        found = lake.rows(
            f"select {scope.by} as part, {defined.counted} as value from {defined.relation} "
            f"where {where} group by 1"
        )
        return {row["part"]: row["value"] for row in found}
    above = by_definition(lake, scope, defined.numerator)
    below = by_definition(lake, scope, defined.denominator)
    sql = (f"select {defined.expression} as value from (select $above as {defined.numerator}, "
           f"$below as {defined.denominator})")  # fmt: skip
    return {
        part: lake.rows(sql, {"above": above.get(part, 0), "below": below.get(part, 0)})[0]["value"]
        for part in {*above, *below}
    }


@pytest.mark.parametrize("name", SCOPES)
def test_every_screen_says_what_the_metric_is(name: str, shop: Workspace) -> None:
    question, scope = find(name), SCOPES[name]
    with Lake(shop.settings) as lake:
        answer = lake.rows(question.sql, question.values(scope.params))
        assert answer
        for metric in question.metrics:
            expected = by_definition(lake, scope, metric)
            found = {row[scope.column] if scope.column else "all": row[metric] for row in answer}
            for part, value in found.items():
                is_count = not METRICS[metric].is_ratio
                wanted = expected.get(part, 0 if is_count else None)
                assert value == (wanted if wanted is None else pytest.approx(wanted)), (
                    metric,
                    part,
                )
            assert {part for part, value in expected.items() if value} <= set(found)


def test_no_screen_shows_a_rate_that_is_not_the_metric(shop: Workspace) -> None:
    with_metrics = {name for name, question in named_queries().items() if question.metrics}
    assert with_metrics == set(SCOPES)
    with Lake(shop.settings) as lake:
        for name, question in named_queries().items():
            if not all(lake._can_make(table) for table in question.tables):
                continue
            columns = set(lake.run(question.sql, question.values({})).schema.names)
            assert not (columns & RATES) - set(question.metrics) - PER_PRODUCT.get(name, set())


PER_PRODUCT: dict[str, set[str]] = {"experiments": {"conversion_rate"}}  # of visitors exposed


def test_every_screen_of_the_whole_span_has_the_same_orders_revenue_and_carts(
    shop: Workspace,
) -> None:
    asked = set()
    with Lake(shop.settings) as lake:
        whole = {
            kind: {name: by_definition(lake, scope, name).get("all") for name in TOTALS}
            for kind, scope in (("all", Scope()), ("human", Scope(sessions=NO_BOTS,
                                                                  orders=NO_BOT_ORDERS)))
        }  # fmt: skip
        for name, question in named_queries().items():
            if not all(lake._can_make(table) for table in question.tables):
                continue
            wanted = {"limit": "100000", "traffic": "all", "model": "linear"}
            given = {param: wanted[param] for param in wanted if param in question.params}
            answer = lake.rows(question.sql, question.values(given))
            columns = {column for column in TOTALS if answer and column in answer[0]}
            kept = [row for row in answer if row.get("currency") in (None, "USD")]
            kind = "all" if "traffic" in question.params or name in WITH_ROBOTS else "human"
            for column in columns - {of for at, of in NOT_THE_WHOLE if at == name}:
                if column in SUMS:
                    found = sum(row[column] or 0 for row in kept)
                elif {"orders", "revenue"} <= columns:
                    found = float(sum(r["revenue"] for r in kept)) / sum(r["orders"] for r in kept)
                else:
                    continue
                assert float(found) == pytest.approx(float(whole[kind][column])), (name, column)
                asked.add(column)
    assert asked == TOTALS


WITH_ROBOTS = {"rfm_transitions"}

"""The named questions over daily marts and marts over all time, on the tiny lake."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.queries.daily_rows import DAY, WEEK_AGO, product
from clickstream_platform_tests.queries.lake_rows import ELEVEN, TEN, write
from clickstream_platform_tests.queries.test_named import ask, tuples


def test_daily_leaves_robots_out_and_counts_newcomers(tiny: Settings) -> None:
    columns = ("event_day", "sessions", "new_users", "recurring_users", "revenue")
    assert tuples(tiny, "daily", *columns) == [
        (WEEK_AGO, 4, 0, 4, Decimal("10.00")),
        (DAY, 4, 2, 2, Decimal("50.50")),
    ]
    assert tuples(tiny, "daily", *columns, traffic="all")[1] == (DAY, 5, 3, 2, Decimal("50.50"))


def test_a_day_knows_its_change_in_a_week(tiny: Settings) -> None:
    with Lake(tiny) as lake:
        [row] = lake.rows(
            "select * from gold.v_fact_daily_metrics "
            f"where event_day = '{DAY}' and traffic = 'human'"
        )
    assert (row["revenue_change_in_a_week"], row["sessions_change_in_a_week"]) == (
        Decimal("40.50"),
        0,
    )


def test_what_robots_change(tiny: Settings) -> None:
    columns = ("event_day", "sessions", "bot_sessions", "bot_revenue")
    assert tuples(tiny, "daily_without_bots", *columns) == [
        (WEEK_AGO, 4, 0, Decimal("0.00")),
        (DAY, 5, 1, Decimal("0.00")),
    ]


def test_a_named_funnel_adds_up_days_with_and_without_robots(tiny: Settings) -> None:
    columns = ("traffic", "step", "units", "step_rate", "overall_rate")
    assert tuples(tiny, "named_funnel", *columns) == [
        ("all", "view_item", 10, None, 1.0),
        ("all", "purchase", 2, 0.2, 0.2),
        ("human", "view_item", 5, None, 1.0),
        ("human", "purchase", 2, 0.4, 0.4),
    ]
    assert tuples(tiny, "named_funnel", "units", from_day=DAY, unit="user") == [(9,)]


def test_weekdays_and_hours(tiny: Settings) -> None:
    columns = ("weekday_name", "is_weekend", "days", "sessions_per_day", "conversion_rate")
    assert tuples(tiny, "weekday_pattern", *columns) == [("Friday", False, 2, 4.0, 3 / 8)]
    assert tuples(tiny, "hour_of_day_pattern", "hour_of_day", "day_part", "orders_per_hour") == [
        (10, "morning", 1),
        (11, "morning", 1),
    ]


def test_abandoned_carts_by_step(tiny: Settings) -> None:
    columns = ("step_reached", "carts", "cart_value", "lost_value", "recovered", "recovered_value")
    assert tuples(tiny, "abandoned_carts", *columns) == [
        ("begin_checkout", 1, Decimal("99.00"), Decimal("99.00"), 0, Decimal("0.00")),
        ("cart", 2, Decimal("15.00"), Decimal("10.00"), 1, Decimal("30.00")),
    ]
    of_ten = {"from": TEN, "to": TEN}  # the other cart's session began at eleven
    assert tuples(tiny, "abandoned_carts", "step_reached", "carts", **of_ten) == [("cart", 2)]
    assert tuples(tiny, "abandoned_carts", "carts", traffic="human") == [(1,), (1,)]


def test_customers(tiny: Settings) -> None:
    columns = ("segment", "customers", "orders", "revenue")
    assert tuples(tiny, "customer_segments", *columns) == [
        ("Converted", 2, 3, Decimal("50.00")),
        ("New/Inactive", 1, 0, Decimal("0.00")),
    ]
    assert tuples(tiny, "repeat_customers", "buyers", "customers", "revenue_share") == [
        ("one-time", 1, pytest.approx(0.4)),
        ("repeat", 1, pytest.approx(0.6)),
    ]
    assert tuples(tiny, "top_customers", "customer_id", "orders") == [("v1", 2), ("v2", 1)]
    columns = ("rfm_segment", "customers", "average_recency_days", "average_orders", "revenue")
    assert tuples(tiny, "rfm_segments", *columns) == [("Champions", 2, 1.0, 1.5, Decimal("50.00"))]


def test_retention_in_order_of_time(tiny: Settings) -> None:
    columns = ("cohort_start", "period_no", "customers", "retention_rate")
    assert tuples(tiny, "retention", *columns) == [
        (date(2026, 11, 9), 0, 4, 1.0),
        (date(2026, 11, 9), 1, 1, 0.25),
    ]
    assert ask(tiny, "retention", basis="order") == []


def test_products(tiny: Settings) -> None:
    columns = ("item_category", "products", "views", "order_rate", "revenue")
    assert tuples(tiny, "products_by_conversion", *columns) == [
        ("shoes", 3, 130, 7 / 130, Decimal("55.00"))
    ]
    assert tuples(tiny, "high_interest_low_conversion", "item_id", "price", "order_rate") == [
        ("B", Decimal("20.00"), 0.01)
    ]
    assert tuples(tiny, "bought_together", "item_a", "item_b", "n") == [
        ("A", "C", 3),
        ("A", "B", 2),
    ]
    assert tuples(tiny, "category_trend", "event_day", "views", "orders", "revenue") == [
        (DAY, 4, 3, Decimal("50.00"))
    ]


def test_marts_are_asked_with_robots_and_without(tiny: Settings) -> None:
    def human(name: str, *columns: str, **params: str) -> list[tuple[object, ...]]:
        return tuples(tiny, name, *columns, traffic="human", **params)

    assert human("category_trend", "event_day", "views", "orders") == [(DAY, 3, 3)]
    assert human("products_by_conversion", "products", "views") == [(2, 30)]
    assert human("high_interest_low_conversion", "item_id") == [("C",)]
    assert human("bought_together", "item_a", "item_b") == [("A", "B")]
    assert human("viewed_then_bought", "viewed") == []
    assert human("customer_segments", "segment", "customers") == [("Converted", 2)]
    assert human("repeat_customers", "buyers", "revenue_share") == [
        ("one-time", pytest.approx(0.4)),
        ("repeat", pytest.approx(0.6)),
    ]
    assert human("top_customers", "customer_id") == [("v1",), ("v2",)]
    assert human("rfm_segments", "customers", "revenue") == [(1, Decimal("30.00"))]
    assert human("retention", "period_no", "customers") == [(0, 3)]
    assert human("experiments", "variant_id", "conversion_rate") == [("control", 0.09)]
    assert human("journeys", "path", "sessions") == [("page_view", 3)]
    assert human("journey_links", "from_step") == []


def test_few_orders_are_few_beside_all_products_even_where_most_are_never_ordered(
    tmp_path: Path,
) -> None:
    tail = [product(f"tail{number}", 10, 0, 0, "0.00") for number in range(6)]
    seen = [product("hit", 100, 10, 10, "100.00"), product("looked at", 90, 1, 1, "9.00")]
    write(tmp_path, "gold/dim_product_metrics", tail + seen)
    found = tuples(read_settings(home=tmp_path), "high_interest_low_conversion", "item_id")
    assert found == [("looked at",)]  # beside 11 orders in 250 views of all


def test_journeys_and_funnels(tiny: Settings) -> None:
    columns = ("path", "sessions", "conversion_rate_from_here")
    assert tuples(tiny, "journeys", *columns) == [
        ("page_view > view_item", 3, pytest.approx(2 / 3)),
        ("page_view", 1, 0.5),
    ]
    assert tuples(tiny, "session_funnel", "mode", "step_no", "sessions", "overall_rate") == [
        ("any", 1, 4, 1.0),
        ("any", 2, 4, 1.0),
        ("ordered", 1, 8, 1.0),
        ("ordered", 2, 3, 3 / 8),
    ]


def test_experiments_begin_with_the_control(tiny: Settings) -> None:
    columns = ("variant_id", "conversion_rate", "lift", "is_significant")
    assert tuples(tiny, "experiments", *columns) == [
        ("control", 0.1, None, None),
        ("new", 0.2, 1.0, True),
    ]


def test_robots_and_what_is_out_of_the_ordinary(tiny: Settings) -> None:
    assert tuples(tiny, "bots", "signals", "is_bot", "visitors") == [
        ("declared_bot", True, 1),
        ("hurry", False, 1),
    ]
    columns = ("event_hour", "events", "bot_visitors", "bot_events", "bot_event_rate")
    assert tuples(tiny, "traffic_quality", *columns) == [
        (TEN, 3, 1, 1, pytest.approx(1 / 3)),
        (ELEVEN, 1, 0, 0, 0.0),
    ]
    assert tuples(tiny, "anomalies", "kind", "entity", "reasons") == [
        ("price", "A", "price_high"),
        ("bot", "left", "declared_bot"),
        ("events", "shop", "events_low, no_events"),
    ]
    assert tuples(tiny, "anomalies", "entity", kind="price") == [("A",)]
    assert ask(tiny, "anomalies", **{"from": ELEVEN}) == []
    assert len(ask(tiny, "anomalies", to=TEN)) == 3


def test_landing_pages_without_robots(tiny: Settings) -> None:
    columns = ("landing_page", "sessions", "conversion_rate")
    assert tuples(tiny, "landing_page_quality", *columns) == [
        ("/", 2, 0.5),
        (None, 1, 0.0),
    ]


def test_calendar_and_names_are_there_without_any_table(tiny: Settings) -> None:
    with Lake(tiny) as lake:
        [friday] = lake.rows(f"select * from gold.dim_date where event_day = '{DAY}'")
        names = lake.rows("select count(*) as n, count(distinct event_name) as m "
                          "from gold.dim_event_types")  # fmt: skip
        hours = lake.rows("select count(*) as n from gold.dim_time")
        revenue = lake.rows("select * from gold.revenue_hourly order by event_hour")
    assert (friday["weekday_name"], friday["iso_week"], friday["week_start"]) == (
        "Friday",
        47,
        date(2026, 11, 16),
    )
    assert (names, hours) == ([{"n": 19, "m": 19}], [{"n": 24}])
    assert [(row["event_hour"], row["orders"], row["revenue"]) for row in revenue] == [
        (TEN, 1, Decimal("30.00")),
        (ELEVEN, 1, Decimal("20.50")),
    ]


def test_channels_and_devices(tiny: Settings) -> None:
    columns = ("model", "channel_group", "orders", "revenue")
    assert tuples(tiny, "attribution", *columns, model="linear") == [
        ("linear", "Direct", 0.5, Decimal("15.25")),
        ("linear", "Email", 0.5, Decimal("15.25")),
    ]
    assert ask(tiny, "attribution", **{"from": ELEVEN}) == [], "the order is of ten"
    assert tuples(tiny, "channels", "channel_group", "sessions", "customers") == [
        ("(unknown)", 3, 3)
    ]
    assert tuples(tiny, "devices", "device_category", "conversion_rate") == [
        ("(unknown)", pytest.approx(1 / 3))
    ]


def test_weeks_and_weekends(tiny: Settings) -> None:
    columns = ("week_start", "sessions", "orders", "revenue", "revenue_change", "orders_change")
    assert tuples(tiny, "week_over_week", *columns) == [
        (date(2026, 11, 9), 4, 1, Decimal("10.00"), None, None),
        (date(2026, 11, 16), 4, 2, Decimal("50.50"), pytest.approx(4.05), 1.0),
    ]
    columns = ("is_weekend", "days", "sessions_per_day", "conversion_rate", "average_order_value")
    assert tuples(tiny, "weekend", *columns) == [(False, 2, 4.0, 3 / 8, pytest.approx(60.5 / 3))]


def test_activity_and_outcomes(tiny: Settings) -> None:
    assert tuples(tiny, "daily_activity", "event_day", "event_name", "events") == [
        (DAY, "view_item", 7),
        (DAY, "purchase", 4),
    ]
    columns = ("event_name", "events", "succeeded", "failed", "failure_rate")
    assert tuples(tiny, "outcomes", *columns) == [("purchase", 4, 3, 1, 0.25)]
    assert tuples(tiny, "outcomes", *columns, to=TEN) == [("purchase", 3, 3, 0, 0.0)]


def test_the_last_hour_day_and_week(tiny: Settings) -> None:
    columns = ("item_id", "views_1h", "views_24h", "views_7d", "orders_24h", "revenue_7d")
    # 24 hours before the newest hour is a day ago no more, 167 is still this week.
    assert tuples(tiny, "trending_products", *columns) == [
        ("A", 0, 2, 9, 2, Decimal("40.00")),
        ("B", 0, 1, 10, 1, Decimal("10.00")),
    ]
    assert tuples(tiny, "active_customers", "last_hours", "customers", "buyers", "revenue") == [
        (1, 1, 1, Decimal("20.50")),
        (24, 2, 2, Decimal("50.50")),
        (168, 3, 2, Decimal("50.50")),
    ]


def test_what_brought_the_orders_by_model_and_campaign(tiny: Settings) -> None:
    columns = ("channel_group", "first_touch", "last_touch", "linear", "markov", "shapley")
    assert tuples(tiny, "attribution_models", *columns) == [
        ("Direct", None, Decimal("30.50"), Decimal("15.25"), Decimal("22.87"), None),
        ("Email", Decimal("30.50"), None, Decimal("15.25"), Decimal("7.63"), None),
    ]
    columns = ("mkt_campaign", "orders_touched", "opened", "closed", "assisted", "revenue")
    assert tuples(tiny, "touchpoints", *columns) == [
        (None, 1, 0, 1, 0, Decimal("22.87")),
        ("sale", 1, 1, 0, 1, Decimal("7.63")),
    ]
    assert tuples(tiny, "touchpoints", "revenue", model="linear") == [
        (Decimal("15.25"),),
        (Decimal("15.25"),),
    ]


def test_traffic_with_what_robots_add(tiny: Settings) -> None:
    columns = ("value", "sessions", "bot_sessions", "conversion_rate", "cart_abandonment_rate")
    assert tuples(tiny, "traffic", *columns) == [
        ("Email", 4, 1, 0.5, 0.5),
        ("Direct", 0, 1, None, None),
    ]
    assert ask(tiny, "traffic", dimension="os_name") == []
    for name in ("browsers", "referrers"):
        assert tuples(tiny, name, "sessions", "conversion_rate") == [(3, pytest.approx(1 / 3))]


def test_carts_recovered_and_what_is_looked_at_before(tiny: Settings) -> None:
    columns = ("event_day", "carts", "lost_value", "recovered", "recovered_value", "recovery_rate")
    assert tuples(tiny, "cart_recovery", *columns) == [
        (DAY, 3, Decimal("109.00"), 1, Decimal("30.00"), pytest.approx(1 / 3))
    ]
    assert tuples(tiny, "viewed_then_bought", "viewed", "ordered", "n") == [("A", "B", 4)]

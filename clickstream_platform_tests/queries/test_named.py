"""Every named question, on the tiny lake: the values, not only that it runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from clickstream_platform.errors import UsageError
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import QueryFileError, find, named_queries, parse
from clickstream_platform.settings import Settings
from clickstream_platform_tests.queries import daily_rows, lake_rows
from clickstream_platform_tests.queries.lake_rows import ELEVEN, TEN


def ask(settings: Settings, name: str, **params: str) -> list[dict[str, Any]]:
    question = find(name)
    with Lake(settings) as lake:
        return lake.rows(question.sql, question.values(params))


def tuples(settings: Settings, name: str, *columns: str, **params: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in ask(settings, name, **params)]


def test_overview_counts_visitors_of_all_hours_once(tiny: Settings) -> None:
    [row] = ask(tiny, "overview")
    assert row == {
        "first_hour": TEN,
        "last_hour": ELEVEN,
        "hours": 2,
        "events": 4,
        "visitors": 2,
        "users": 2,
        "sessions": 4,
        "orders": 2,
        "revenue": Decimal("50.50"),
        "orders_other_currency": 0,
    }


def test_overview_of_hours_without_events_is_zero(tiny: Settings) -> None:
    [row] = ask(tiny, "overview", to="2020-01-01T00")
    assert (row["hours"], row["events"], row["revenue"]) == (0, 0, Decimal("0.00"))


def test_hours_are_included_at_both_ends(tiny: Settings) -> None:
    assert tuples(tiny, "hourly", "event_hour", "events") == [(TEN, 3), (ELEVEN, 1)]
    only = {"from": ELEVEN, "to": ELEVEN}
    assert tuples(tiny, "hourly", "event_hour", **only) == [(ELEVEN,)]


def test_top_products_count_an_order_and_a_view_once_per_product(tiny: Settings) -> None:
    columns = ("item_id", "currency", "revenue", "units", "orders", "views")
    assert tuples(tiny, "top_products", *columns) == [
        ("A", "USD", Decimal("40.00"), 2, 2, 9),
        ("B", "USD", Decimal("10.00"), 2, 1, 10),
    ]
    within = {"from": TEN, "to": TEN}
    assert tuples(tiny, "top_products", "item_id", "units", "views", **within) == [
        ("A", 1, 2),
        ("B", 2, 1),
    ]
    assert len(ask(tiny, "top_products", limit="1")) == 1


@pytest.fixture(scope="module")
def with_robots(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """At ten, v1 (who looked) and v3 (who ordered) are robots."""
    home = tmp_path_factory.mktemp("robots")
    settings = lake_rows.build(home)
    daily_rows.build(home)
    robots = [daily_rows.robot(TEN, name, 1.0, "declared_bot") for name in ("v1", "v3")]
    lake_rows.write(home, "gold/bot_visitors_hourly", robots)
    return settings


def test_hours_can_be_asked_without_the_robots_in_them(with_robots: Settings) -> None:
    human = {"traffic": "human"}
    assert tuples(with_robots, "hourly", "event_hour", "events", **human) == [(TEN, 1), (ELEVEN, 1)]
    assert tuples(with_robots, "live", "events", "events_change", **human) == [(1, 0)]
    assert tuples(with_robots, "overview", "events", "visitors", "users", **human) == [(2, 1, 1)]
    revenue = ("event_hour", "orders", "revenue")
    assert len(ask(with_robots, "revenue_by_hour")) == 2
    assert tuples(with_robots, "revenue_by_hour", *revenue, **human) == [
        (ELEVEN, 1, Decimal("20.50"))
    ]
    products = ("item_id", "orders", "views")
    assert tuples(with_robots, "top_products", *products, **human) == [("A", 1, 3), ("B", None, 2)]
    categories = ("item_category", "orders")
    assert tuples(with_robots, "top_categories", *categories, **human) == [("shoes", 1), (None, 0)]
    steps = ("step_no", "sessions_at_step", "sessions_through_step")
    assert tuples(with_robots, "funnel", *steps, **human) == [(no, 2, 2) for no in range(1, 5)]
    assert tuples(with_robots, "session_funnel", "step_no", "sessions", **human) == [(1, 1), (2, 1)]
    assert {row["events"] for row in ask(with_robots, "daily_activity", **human)} == {2}
    assert tuples(with_robots, "outcomes", "events", **human) == [(2,)]
    assert tuples(with_robots, "trending_products", "item_id", "views_7d", **human) == [
        ("A", 3), ("B", 2),
    ]  # fmt: skip
    assert len(ask(with_robots, "active_customers", **human)) == 3


def test_top_categories_add_up_to_the_orders(tiny: Settings) -> None:
    columns = ("item_category", "revenue", "units", "orders")
    assert tuples(tiny, "top_categories", *columns) == [
        ("shoes", Decimal("50.00"), 4, 2),
        (None, Decimal("0.50"), 0, 0),
    ]


def test_funnel_rates_are_of_the_sums(tiny: Settings) -> None:
    columns = ("step", "sessions_at_step", "sessions_through_step", "step_rate", "overall_rate")
    assert tuples(tiny, "funnel", *columns) == [
        ("view_item", 10, 8, None, 1.0),
        ("add_to_cart", 4, 2, 0.25, 0.25),
        ("begin_checkout", 4, 2, 1.0, 0.25),
        ("purchase", 3, 1, 0.5, 0.125),
    ]


def test_the_funnel_is_of_one_unit_and_mode(tiny: Settings) -> None:
    def through(**params: str) -> list[object]:
        return [row["sessions_through_step"] for row in ask(tiny, "funnel", **params)]

    assert through() == [8, 2, 2, 1]
    assert through(mode="strict") == [4, 1, 1, 0]
    assert through(unit="user", mode="ordered") == [3, 2, 0, 0]
    hours = ask(tiny, "funnel_by_hour", unit="user", mode="ordered")
    assert [row["sessions_through_step"] for row in hours] == [3, 2, 0, 0]


def test_funnel_by_hour_has_no_rate_after_an_empty_step(tiny: Settings) -> None:
    rows = tuples(tiny, "funnel_by_hour", "step_no", "step_rate", **{"from": ELEVEN})
    assert rows == [(1, None), (2, 0.0), (3, None), (4, None)]


def test_revenue_by_hour(tiny: Settings) -> None:
    columns = ("event_hour", "currency", "orders", "units", "revenue", "average_order_value")
    assert tuples(tiny, "revenue_by_hour", *columns) == [
        (TEN, "USD", 1, 3, Decimal("30.00"), Decimal("30.00")),
        (ELEVEN, "USD", 1, 1, Decimal("20.50"), Decimal("20.50")),
    ]


def test_conversion_by_hour(tiny: Settings) -> None:
    columns = ("event_hour", "sessions", "sessions_with_cart", "sessions_with_order")
    assert tuples(tiny, "conversion_by_hour", *columns) == [(TEN, 3, 3, 1), (ELEVEN, 1, 1, 0)]
    assert ask(tiny, "conversion_by_hour")[0]["conversion_rate"] == pytest.approx(1 / 3)


def test_a_cart_of_a_session_that_is_still_open_counts_as_the_metric_says(tiny: Settings) -> None:
    [row] = ask(tiny, "sessions_summary")
    assert (row["sessions"], row["closed_sessions"], row["abandoned_carts"]) == (4, 2, 3)
    assert row["average_duration_s"] == pytest.approx((120 + 1019 + 420 + 420) / 4)
    assert (row["engagement_rate"], row["bounce_rate"]) == (0.25, 0.75)
    assert row["conversion_rate"] == 0.25


def test_landing_pages_keep_sessions_without_page(tiny: Settings) -> None:
    columns = ("landing_page", "sessions", "orders")
    assert tuples(tiny, "landing_pages", *columns) == [("/", 3, 1), (None, 1, 0)]


def test_rejected_lines_count_under_each_reason(tiny: Settings) -> None:
    columns = ("reason", "lines", "first_hour", "last_hour")
    assert tuples(tiny, "rejected_lines", *columns) == [
        ("negative_price", 2, TEN, ELEVEN),
        ("missing_event_id", 1, TEN, TEN),
    ]


def test_duplicates_by_hour_are_a_share_of_all_lines(tiny: Settings) -> None:
    assert ask(tiny, "duplicates_by_hour") == [
        {
            "event_hour": TEN,
            "duplicates": 2,
            "events_repeated": 1,
            "lines": 8,
            "duplicate_rate": 0.25,
        }
    ]


def test_ledger_names_what_is_unaccounted(tiny: Settings) -> None:
    [row] = ask(tiny, "ledger")
    assert (row["lines"], row["accepted"], row["duplicates"], row["quarantined"]) == (10, 4, 2, 2)
    assert (row["pending"], row["unaccounted"]) == (1, 1)


def test_check_results_show_the_newest_result_and_failures_first(tiny: Settings) -> None:
    columns = ("state", "table", "rule", "hours", "hours_not_passed", "last_hour_not_passed")
    assert tuples(tiny, "check_results", *columns) == [
        ("failed", "silver/events", "unique", 2, 1, ELEVEN),
        ("warned", "silver/events", "no_visitor", 1, 1, TEN),
        ("rejected rows", "silver/quarantine", "negative_price", 1, 1, TEN),
        ("passed", "gold/fact_sessions", "unique", 1, 0, None),
    ]


def test_warnings_count_each_type_and_say_what_to_do(tiny: Settings) -> None:
    columns = ("severity", "type", "source", "lines", "sample", "remedy")
    assert tuples(tiny, "warnings", *columns) == [
        ("error", "negative_price", "shop", 2, "f@1:0", "Fix negative_price."),
        ("warn", "unparsable_price", "shop", 3, "f@1:9", "Fix unparsable_price."),
        ("warn", "no_visitor", "shop", 1, "f@1:0", "Fix no_visitor."),
        ("info", "duplicate", "shop", 2, "f@1:0", "Fix duplicate."),
    ]


def test_lateness_is_shares_of_lines(tiny: Settings) -> None:
    columns = ("source", "lines", "on_time", "one_hour_late", "later", "most_seconds_late")
    assert tuples(tiny, "lateness", *columns) == [("shop", 12, 0.75, 0.25, 0.0, 100)]


@pytest.mark.parametrize("name", named_queries())
def test_a_header_tells_what_its_query_reads(name: str, tiny: Settings) -> None:
    question = find(name)
    assert question.name == name
    with Lake(tiny) as lake:
        lake.mount(*question.tables)
        assert lake.run(question.sql, question.values({})).schema.names
        mounted = {row[0] for row in lake.sql.execute(
            "select schema_name || '.' || view_name from duckdb_views() where not internal"
        ).fetchall()}  # fmt: skip
    assert set(question.tables) <= mounted
    assert all(table in question.sql for table in question.tables)


def test_an_unknown_name_lists_close_ones() -> None:
    with pytest.raises(UsageError, match=r"'top_product'. Did you mean top_products"):
        find("top_product")


def test_an_unknown_parameter_and_a_wrong_hour_are_told() -> None:
    with pytest.raises(
        UsageError, match=r"no parameter until. It has: from=min hour, to=max hour,"
    ):
        find("hourly").values({"until": "x"})
    with pytest.raises(UsageError, match="'yesterday' is not an hour"):
        find("hourly").values({"from": "yesterday"})
    for text in ("1; drop", "-1", "²"):
        with pytest.raises(UsageError, match="limit must be a whole number from 0 on"):
            find("top_products").values({"limit": text})


def test_a_question_of_days_takes_days_and_names_that_of_an_hour() -> None:
    journeys = find("journeys")
    assert journeys.is_of_days and not find("hourly").is_of_days
    with pytest.raises(UsageError, match=r"'2026-11-20T10' is not a day.* that hour is 2026"):
        journeys.values({"from": TEN})
    with pytest.raises(UsageError, match="'2026-11-31' is not a day"):
        journeys.values({"to": "2026-11-31"})
    assert journeys.values({"to": "2026-11-20"})["to"] == "2026-11-20"
    hours = {"from": TEN, "to": ELEVEN}
    assert journeys.span(hours) == {"from": "2026-11-20", "to": "2026-11-20"}
    assert (find("hourly").span(hours), find("retention").span(hours)) == (hours, {})


def test_of_choices_the_first_is_the_default_and_others_are_refused() -> None:
    text = (
        "-- name: a\n-- description: A.\n-- tables: gold.x\n-- param: unit = day | week\nselect 1"
    )
    question = parse(text, "a.sql")
    assert question.choices == {"unit": ("day", "week")}
    assert question.usage == ("unit=day | week",)
    assert question.values({}) == {"unit": "day"}
    assert question.values({"unit": "week"}) == {"unit": "week"}
    with pytest.raises(UsageError, match="unit must be day or week; found 'Week'"):
        question.values({"unit": "Week"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-- name: a\n-- tables: gold.x\nselect 1", "lacks description"),
        ("-- title: a\nselect 1", "is no header line"),
        ("-- param: from\nselect 1", "has no default"),
    ],
)
def test_a_wrong_header_is_told(text: str, words: str) -> None:
    with pytest.raises(QueryFileError, match=words):
        parse(text, "a.sql")


def test_costs_are_summed_by_table_and_set_against_a_million_events(tiny: Settings) -> None:
    silver, marts = ask(tiny, "costs")
    assert (silver["table"], silver["cpu_s"], silver["builds_of_hours"]) == (
        "silver/events",
        9.0,
        3,
    )
    assert (silver["written_files"], silver["written_bytes"]) == (2, 5000)
    events = 2  # of v_hour_state
    assert silver["cpu_s_per_million_events"] == pytest.approx(9.0 / (events / 1_000_000))
    assert (marts["table"], marts["cpu_s"]) == ("gold/rfm_scores", 3.0)
    assert tuples(tiny, "costs", "table", "cpu_s", **{"from": ELEVEN}) == [("silver/events", 3.0)]

"""Facts with the catalogue as of event time, on the tiny lake."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.queries import catalogue_rows
from clickstream_platform_tests.queries.lake_rows import at, event, item, order, write


def test_revenue_goes_to_the_brand_the_product_had_when_it_was_ordered(tiny: Settings) -> None:
    question = find("revenue_by_brand")
    with Lake(tiny) as lake:
        found = [tuple(row.values()) for row in lake.rows(question.sql, question.values({}))]
        [total] = lake.rows("select sum(value) as value from gold.fact_transactions")
    assert found == [
        ("Asa", "middle", "USD", 1, 1, Decimal("20.00")),
        ("Bolt", "low", "USD", 1, 1, Decimal("20.00")),
        # B was not in the catalogue yet; half a dollar of an order's value no line explains
        (None, None, "USD", 2, 2, Decimal("10.50")),
    ]
    assert sum(row[-1] for row in found) == total["value"]


def test_the_version_begins_with_its_moment_and_ends_before_the_next(tmp_path: Path) -> None:
    catalogue_rows.build(tmp_path)
    clocks = ("08:59:59", "09:00:00", "10:59:59", "11:00:00", "23:00:00")
    write(
        tmp_path,
        "gold/fact_transactions",
        [
            order(number, clock, "1.00", item("A", None, "1.00")) | {"user_id": "u1"}
            for number, clock in enumerate(clocks)
        ],
    )
    write(
        tmp_path,
        "gold/fact_events",
        [
            event(number, "purchase", clock, "v", item("A", None, "1.00")) | {"user_id": "u1"}
            for number, clock in enumerate(clocks)
        ],
    )
    write(tmp_path, "gold/product_metrics_daily", [])
    write(tmp_path, "gold/people", [])
    write(tmp_path, "gold/bot_visitors_hourly", [])
    expected = [(None, None), (1, "new"), (1, "new"), (2, "vip"), (2, "vip")]
    with Lake(read_settings(home=tmp_path)) as lake:
        for view, moment in (
            ("fact_transactions", "ordered_at"),
            ("fact_events", "event_timestamp"),
        ):
            rows = lake.rows(
                f"select user_version_no, user_segment from gold.v_{view} order by {moment}"
            )
            assert [tuple(row.values()) for row in rows] == expected
        brands = lake.rows("select item_brand from gold.v_order_items order by ordered_at")
        assert [row["item_brand"] for row in brands] == [None, "Asa", "Asa", "Bolt", "Bolt"]
        question = find("revenue_by_segment")
        segments = lake.rows(question.sql, question.values({}))
        assert [(row["user_segment"], row["orders"]) for row in segments] == [
            ("new", 2),
            ("vip", 2),
            (None, 1),
        ]
        current = lake.rows("select segment from gold.dim_users where is_current")
        assert current == [{"segment": "vip"}]


def test_dimensions_hold_also_what_no_feed_names_as_the_events_show_it(tmp_path: Path) -> None:
    catalogue_rows.build(tmp_path)
    new = {"item_id": "C", "item_category": "hats", "views": 1, "min_price": Decimal("9.00")}
    new |= {"traffic": "all"}
    write(tmp_path, "gold/product_metrics_daily", [
        {"event_day": "2026-11-20", **new, "min_price": Decimal("8.00"), "traffic": "human"},
        {"event_day": "2026-11-18", **new},
        {"event_day": "2026-11-19", **new},  # nothing changes
        {"event_day": "2026-11-20", **new, "min_price": Decimal("60.00")},
        {"event_day": "2026-11-21", **new},
        {"event_day": "2026-11-20", **new, "item_id": "A"},  # a feed names it
    ])  # fmt: skip
    write(tmp_path, "gold/fact_events", [
        event(2, "view_item", "10:00:00", "v"), event(1, "dance", "09:00:00", "v"),
        event(3, "page_view", "11:00:00", "v") | {"user_id": "u1"},
    ])  # fmt: skip
    with Lake(read_settings(home=tmp_path)) as lake:
        versions = lake.rows(
            "select version_no, valid_from::date::varchar, valid_to::date::varchar,"
            " price_band, is_current from gold.dim_products where origin = 'events' order by 1"
        )
        users = lake.rows("select user_id, origin, is_current, valid_from from gold.dim_users")
        names = lake.rows("select event_name, category from gold.dim_event_types")
        of_event = lake.rows(
            "select user_version_no, user_segment from gold.v_fact_events order by event_timestamp"
        )
    assert [tuple(row.values()) for row in versions] == [
        (1, "2026-11-18", "2026-11-20", "low", False),
        (2, "2026-11-20", "2026-11-21", "middle", False),
        (3, "2026-11-21", None, "low", True),
    ]
    from_events = [row for row in users if row["origin"] == "events"]
    assert [(row["user_id"], row["is_current"]) for row in from_events] == [("user-v", True)]
    assert from_events[0]["valid_from"] == at("09:00:00")
    assert [row for row in names if row["event_name"] == "dance"] == [
        {"event_name": "dance", "category": "other"}
    ]
    assert len(names) == 20
    assert [tuple(row.values()) for row in of_event] == [(1, None), (1, None), (2, "vip")]

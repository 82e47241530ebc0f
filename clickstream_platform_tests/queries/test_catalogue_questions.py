"""Facts with the catalogue as of event time, on the tiny lake."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.queries import catalogue_rows
from clickstream_platform_tests.queries.lake_rows import event, item, order, write


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

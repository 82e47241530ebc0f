"""Events flattened to one row per item, with the sums of the events kept."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import read_settings
from clickstream_platform_tests.queries.lake_rows import event, item, write


def test_items_are_numbered_and_what_they_do_not_explain_is_a_row_without_item(
    tmp_path: Path,
) -> None:
    asa, bolt = item("A", "shoes", "2.50", 3), item("B", None, "1.00", None)
    write(
        tmp_path,
        "silver/events",
        [
            event(1, "purchase", "10:00:00", "v", asa, bolt) | {"value": Decimal("8.50")},
            event(2, "purchase", "10:00:01", "v", asa) | {"value": Decimal("9.00")},
            event(3, "purchase", "10:00:02", "v") | {"value": Decimal("4.00")},
            event(4, "view_item", "10:00:03", "v", bolt),
            event(5, "page_view", "10:00:04", "v"),
        ],
    )
    with Lake(read_settings(home=tmp_path)) as lake:
        rows = lake.rows(
            "select event_id, item_number, item_id, units, amount from silver.event_items "
            "order by event_id, item_number"
        )
    assert [tuple(row.values()) for row in rows] == [
        ("e1", 1, "A", 3, Decimal("7.50")),
        ("e1", 2, "B", 1, Decimal("1.00")),
        ("e2", 0, None, 0, Decimal("1.50")),
        ("e2", 1, "A", 3, Decimal("7.50")),
        ("e3", 0, None, 0, Decimal("4.00")),
        ("e4", 1, "B", 1, Decimal("1.00")),
    ]

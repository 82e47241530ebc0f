"""Sums over the last hour, day and week, against hours added up in Python, over nine days."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.queries.lake_rows import write

START = datetime(2026, 11, 20, tzinfo=UTC)
HOURS_OF = {"1h": 1, "24h": 24, "7d": 168}
# View -> table, whose, and what is added up.
VIEWS = {
    "gold.v_product_rolling": (
        "gold/product_activity_hourly", "item_id", ("views", "orders", "revenue")
    ),
    "gold.v_customer_rolling": (
        "gold/customer_activity_hourly", "customer_id", ("events", "orders", "revenue")
    ),
}  # fmt: skip
# An hour's number is its power of two: a sum says which hours are in it.
EDGES = (0, 1, 22, 23, 24, 25, 47, 48, 166, 167, 168, 169, 190, 191, 192, 215)


def activity(key: str, measures: tuple[str, ...]) -> list[dict[str, Any]]:
    """`edges` is seen in the hours about a day's and a week's end, `often` in most, by chance."""
    dice = random.Random(key)
    often = [number for number in range(216) if dice.random() < 0.7]
    seen = [("edges", n, 2**place) for place, n in enumerate(EDGES)]
    seen += [("often", n, dice.randrange(1, 100)) for n in often]
    rows = []
    for traffic, share in (("all", 1), ("human", 2)):
        for name, number, count in seen:
            moment = START + timedelta(hours=number)
            first, orders, revenue = measures
            rows.append({
                "event_day": f"{moment:%Y-%m-%d}", "event_hour": f"{moment:%Y-%m-%dT%H}",
                "traffic": traffic, key: name, first: count * 3 // share, orders: count // share,
                revenue: Decimal(count * 7 // share) / 100,
            })  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    home: Path = tmp_path_factory.mktemp("rolling")
    for path, key, measures in VIEWS.values():
        write(home, path, activity(key, measures))
    yield read_settings(home=home)


@pytest.mark.parametrize("view", VIEWS)
def test_a_rolling_sum_holds_its_hours_and_no_other(view: str, settings: Settings) -> None:
    _, key, measures = VIEWS[view]
    rows = activity(key, measures)

    def hour(row: dict[str, Any]) -> datetime:
        return datetime.strptime(row["event_hour"], "%Y-%m-%dT%H").replace(tzinfo=UTC)

    with Lake(settings) as lake:
        found = {
            (row["traffic"], row[key], row["event_hour"]): row
            for row in lake.rows(f"select * from {view}")
        }
    assert len(found) == len(rows) > 2 * (len(EDGES) + 100)
    for row in rows:
        mine = [one for one in rows if (one["traffic"], one[key]) == (row["traffic"], row[key])]
        answer = found[row["traffic"], row[key], row["event_hour"]]
        for window, hours in HOURS_OF.items():
            since, until = hour(row) - timedelta(hours=hours), hour(row)
            within = [one for one in mine if since < hour(one) <= until]
            for measure in measures:
                total = sum(one[measure] for one in within)
                assert answer[f"{measure}_{window}"] == total, (row, window)


def test_hours_at_the_edge_of_a_day_and_a_week_are_in_and_out(settings: Settings) -> None:
    """In words of hours: 23 hours ago belongs to the day and 24 does not, 167 and 168 likewise."""
    week = {1, 22, 23, 24, 25, 47, 48, 166, 167}
    for view, (_, key, (_, orders, _)) in VIEWS.items():
        with Lake(settings) as lake:
            found = lake.rows(f"select * from {view} where traffic = 'all' and {key} = 'edges'")
        sums = {
            row["event_hour"]: [hours_in(int(row[f"{orders}_{window}"])) for window in HOURS_OF]
            for row in found
        }
        assert sums["2026-11-20T23"] == [{23}, {0, 1, 22, 23}, {0, 1, 22, 23}]
        assert sums["2026-11-21T00"] == [{24}, {1, 22, 23, 24}, {0, 1, 22, 23, 24}]
        assert sums["2026-11-26T23"] == [{167}, {166, 167}, {0} | week]
        assert sums["2026-11-27T00"] == [{168}, {166, 167, 168}, week | {168}]


def hours_in(total: int) -> set[int]:
    return {number for place, number in enumerate(EDGES) if total >> place & 1}

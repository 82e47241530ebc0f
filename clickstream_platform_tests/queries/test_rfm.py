"""RFM as of any day and the moves between two days, against the definition in plain Python."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.errors import UsageError
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.queries.lake_rows import write
from clickstream_platform_tests.queries.test_named import ask

FIRST = date(2024, 11, 1)
FM = ("11222", "22233", "23334", "33444", "44455")  # the mean of f, f and m: by f, then by m
GRID = {  # docs/DEFINITIONS.md: by r, then by fm 1 to 5
    5: "New Customers,Potential Loyalist,Loyal Customers,Champions,Champions",
    4: "Promising,Potential Loyalist,Loyal Customers,Champions,Champions",
    3: "About To Sleep,About To Sleep,Need Attention,Loyal Customers,Loyal Customers",
    2: "Hibernating,Hibernating,At Risk,At Risk,At Risk",
    1: "Lost,Lost,At Risk,Cannot Lose Them,Cannot Lose Them",
}
Order = tuple[str, date, Decimal, str | None]  # customer, day, value, currency


def orders(seed: int) -> list[Order]:
    dice = random.Random(seed)
    return [
        (
            f"c{dice.randint(1, 12)}",
            FIRST + timedelta(days=dice.randint(0, 9)),
            Decimal(dice.choice(("5.00", "20.00", "20.00", "99.50"))),
            dice.choice(("USD", None, "EUR")),
        )
        for _ in range(40)
    ]


def scores(placed: list[Order], as_of: date) -> dict[str, tuple[Any, ...]]:
    """Recency, frequency, monetary, the three scores and the segment of each customer."""
    mine: dict[str, list[Order]] = {}
    for order in placed:
        if order[1] <= as_of and order[3] in (None, "USD"):
            mine.setdefault(order[0], []).append(order)
    last = {name: max(o[1] for o in own) for name, own in mine.items()}
    counts = {name: len(own) for name, own in mine.items()}
    sums = {name: sum(o[2] for o in own) for name, own in mine.items()}

    def part(parts: int, values: dict[str, Any], name: str) -> int:
        below = sum(1 for other in values.values() if other < values[name])
        equal = sum(1 for other in values.values() if other == values[name])
        return parts * (2 * below + equal) // (2 * len(values))

    repeaters = {name: count for name, count in counts.items() if count > 1}
    found = {}
    for name in mine:
        r, m = (1 + part(5, values, name) for values in (last, sums))
        f = 2 + part(4, repeaters, name) if name in repeaters else 1
        segment = GRID[r].split(",")[int(FM[f - 1][m - 1]) - 1]
        found[name] = ((as_of - last[name]).days, counts[name], sums[name], r, f, m, segment)
    return found


def lake_of(home: Path, placed: list[Order]) -> Settings:
    rows = [
        {
            "order_id": f"o{number}", "id_scope": "shop", "event_id": f"e{number}",
            "user_id": name if number % 2 else None, "visitor_id": name,
            "event_hour": f"{day}T12", "value": value, "currency": currency,
            "ordered_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        }
        for number, (name, day, value, currency) in enumerate(placed)
    ]  # fmt: skip
    write(home, "gold/fact_transactions", rows)
    return read_settings(home=home)


@pytest.mark.parametrize("seed", range(4))
def test_scores_of_any_day_are_those_of_the_definition(seed: int, tmp_path: Path) -> None:
    placed = orders(seed)
    shop = lake_of(tmp_path, placed)
    for offset in (2, 5, 9, 30):
        day = FIRST + timedelta(days=offset)
        found = {
            row["customer_id"]: tuple(
                row[name]
                for name in ("recency_days", "frequency", "monetary", "r", "f", "m", "rfm_segment")
            )
            for row in ask(shop, "rfm_as_of", as_of=day.isoformat(), limit="100")
        }
        assert found == scores(placed, day) != {}
    newest = max(o[1] for o in placed if o[3] in (None, "USD"))
    assert {row["as_of"] for row in ask(shop, "rfm_as_of")} == {newest}


def mostly_once(seed: int) -> list[Order]:
    """A hundred customers over ten days; six order two to five times, the others once."""
    dice = random.Random(seed)
    again = [(f"c{number}", 2 + number % 4) for number in range(6)]
    once = [(f"c{number}", 1) for number in range(6, 100)]
    return [
        (name, FIRST + timedelta(days=dice.randint(0, 9)), Decimal(dice.randint(5, 90)), "USD")
        for name, count in (*again, *once)
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_where_most_buy_once_newcomers_are_new_and_champions_came_back(
    seed: int, tmp_path: Path
) -> None:
    placed = mostly_once(seed)
    rows = ask(lake_of(tmp_path, placed), "rfm_as_of", limit="100")
    of_once = Counter(row["rfm_segment"] for row in rows if row["frequency"] == 1)
    of_more = {row["rfm_segment"] for row in rows if row["frequency"] > 1}
    assert of_once["New Customers"] > 0 and of_once["Promising"] > 0
    assert set(of_once) == {
        *("New Customers", "Promising", "Potential Loyalist"),
        *("About To Sleep", "Hibernating", "Lost"),
    }
    assert not of_more & {"New Customers", "Promising"} and "Champions" in of_more
    assert {row["customer_id"]: row["rfm_segment"] for row in rows} == {
        name: found[-1] for name, found in scores(placed, FIRST + timedelta(days=9)).items()
    }


@pytest.mark.parametrize("seed", range(4))
def test_moves_between_two_days_count_every_buyer_once(seed: int, tmp_path: Path) -> None:
    placed = orders(seed)
    shop = lake_of(tmp_path, placed)
    before, after = FIRST + timedelta(days=3), FIRST + timedelta(days=8)
    then, now = scores(placed, before), scores(placed, after)
    expected = Counter(
        (then[name][-1] if name in then else "(no order yet)", now[name][-1]) for name in now
    )
    found = {
        (row["from_segment"], row["to_segment"]): row["customers"]
        for row in ask(
            shop, "rfm_transitions", from_day=before.isoformat(), to_day=after.isoformat()
        )
    }
    assert found == expected
    assert sum(found.values()) == len(now)


def test_a_day_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="yesterday"):
        ask(lake_of(tmp_path, orders(1)), "rfm_as_of", as_of="yesterday")

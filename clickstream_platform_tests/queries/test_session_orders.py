"""Orders and revenue of sessions: those the metrics count, each in the session it was placed in."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.queries.lake_rows import (
    TEN,
    at,
    item,
    order,
    session,
    state,
    write,
)
from clickstream_platform_tests.queries.test_named import ask


def bought(number: int, clock: str, value: str, **more: Any) -> dict[str, Any]:
    return order(number, clock, value, item("A", None, value)) | {"visitor_id": "v"} | more


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two sessions of v that share an instant, as a campaign may cut them; and one of a phone."""
    path: Path = tmp_path_factory.mktemp("session_orders")
    by_v = {"visitor_id": "v", "channel_group": "Email", "device_category": "desktop"}
    write(path, "gold/fact_sessions", [
        session("first", "10:00:00", "10:10:00", purchases=2, transaction_revenue=Decimal("109.00"),
                **by_v),
        session("second", "10:10:00", "10:20:00", purchases=2, add_to_carts=1, **by_v),
        session("carted", "10:30:00", "10:31:00", add_to_carts=1, **by_v),
        session("phone", "10:00:00", "10:20:00", purchases=1, visitor_id="w",
                device_category="mobile"),
    ])  # fmt: skip
    write(path, "gold/fact_transactions", [
        bought(1, "10:00:00", "10.00"),
        bought(2, "10:05:00", "99.00", currency="EUR"),
        bought(3, "10:10:00", "20.00", currency=None),  # that instant belongs to the later one
        bought(4, "10:20:00", "30.00"),
        bought(5, "10:30:30", "40.00", visitor_id=None),
        bought(6, "10:12:00", "7.00", visitor_id="w", currency="EUR"),
    ])  # fmt: skip
    write(path, "gold/bot_visitors_hourly", [
        {"event_hour": "2026-11-20T23", "visitor_id": "w", "is_bot": True},
        {"event_hour": TEN, "visitor_id": "w", "is_bot": True},
        {"event_hour": TEN, "visitor_id": "v", "is_bot": False},
    ])  # fmt: skip
    write(path, "ops/hour_state", [state(TEN, "10:59:00", "11:01:00", max_event_at=at("10:59:00"))])
    owed = {"event_day": TEN[:10], "model": "linear", "credit": Decimal(1), "is_bot": False}
    write(path, "gold/attribution_credit", [
        owed | {"conversion_id": order_id, "touch_id": "t", "channel_group": channel,
                "credited_value": value}
        for order_id, channel, value in (
            (bought(1, "10:00:00", "10.00")["order_id"], "Email", Decimal("10.00")),
            (bought(4, "10:20:00", "30.00")["order_id"], "Direct", Decimal("30.00")),
        )
    ])  # fmt: skip
    return read_settings(home=path)


def test_each_reported_order_is_in_one_session_and_other_currencies_in_none(home: Settings) -> None:
    with Lake(home) as lake:
        rows = lake.rows(
            "select session_id, orders, revenue, is_bot from gold.dim_sessions order by session_id"
        )
    assert [tuple(row.values()) for row in rows] == [
        ("carted", 0, Decimal("0.00"), False),
        ("first", 1, Decimal("10.00"), False),
        ("phone", 0, Decimal("0.00"), True),
        ("second", 2, Decimal("50.00"), False),
    ]


def test_questions_of_sessions_count_these(home: Settings) -> None:
    [row] = ask(home, "session_totals")
    assert (row["sessions"], row["orders"], row["revenue"]) == (4, 3, Decimal("60.00"))
    assert (row["average_order_value"], row["conversion_rate"]) == (20.0, 0.75)
    assert row["abandoned_carts"] == 1
    assert [row["revenue"] for row in ask(home, "channels")] == [Decimal("60.00")]
    [hour] = ask(home, "sessions_by_hour", traffic="human")
    assert (hour["sessions"], hour["orders"], hour["revenue"]) == (3, 3, Decimal("60.00"))


def test_sessions_kept_by_device_keep_their_orders(home: Settings) -> None:
    for device, orders in (("desktop", 3), ("mobile", 0)):
        with Lake(home, only={"device_category": device}) as lake:
            [row] = lake.rows("select sum(orders)::bigint as n from gold.dim_sessions")
        assert row == {"n": orders}


def test_what_a_channel_is_owed_can_be_asked_of_it_alone(home: Settings) -> None:
    question = find("attribution")
    with Lake(home, only={"channel_group": "Email"}) as lake:
        [row] = lake.rows(question.sql, question.values({}))
    assert (row["channel_group"], row["orders"], row["revenue"]) == ("Email", 1, Decimal("10.00"))


def test_a_version_is_that_of_the_orders_that_sessions_look_up_too(
    home: Settings, tmp_path: Path
) -> None:
    shutil.copytree(home.home, tmp_path / "home")
    write(tmp_path / "home", "gold/fact_transactions", [bought(7, "10:01:00", "5.00")])
    copied = read_settings(home=tmp_path / "home")
    for version, orders in ((0, 3), (None, 4)):
        with Lake(copied, version=version) as lake:
            [row] = lake.rows("select sum(orders)::bigint as n from gold.dim_sessions")
        assert row == {"n": orders}

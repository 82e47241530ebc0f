"""The truth agrees with an independent recount of the files."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clickstream_platform_tests.generator.conftest import Day


IDLE = timedelta(minutes=30)
EVENT_NAMES = {
    "page_view",
    "session_start",
    "view_item_list",
    "select_item",
    "view_item",
    "view_search_results",
    "add_to_wishlist",
    "add_to_cart",
    "remove_from_cart",
    "view_cart",
    "begin_checkout",
    "add_shipping_info",
    "add_payment_info",
    "purchase",
    "refund",
    "sign_up",
    "login",
    "experiment_viewed",
    "click",
}


def parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line.decode("utf-8"))
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def is_valid(record: dict[str, Any] | None) -> bool:
    """The rules of a platform, as far as broken lines break them."""
    if record is None or not all(record.get(k) for k in ("event_id", "event_type", "timestamp")):
        return False
    try:
        datetime.fromisoformat(record["timestamp"])
    except ValueError:
        return False
    price = record.get("price")
    if isinstance(price, str):  # cannot be read: kept, unless it is what was paid
        return record["event_type"] != "purchase"
    return price is None or price >= 0


def test_lines_per_file_and_in_total_are_recounted(shop_day: Day) -> None:
    counted = {name: len(lines) for name, lines in shop_day.raw_lines().items()}
    assert shop_day.summary["files"] == counted
    assert shop_day.summary["lines"] == sum(counted.values())
    assert shop_day.summary["expected"]["lines"] == sum(counted.values())


def test_a_plain_judge_of_the_files_finds_what_the_truth_expects(shop_day: Day) -> None:
    seen: dict[tuple[str, str], dict[bytes, int]] = defaultdict(Counter)
    rejected = future = 0
    for name, lines in shop_day.raw_lines().items():
        hour_end = datetime.fromisoformat(name.split("/")[1] + ":00:00+00:00") + timedelta(
            hours=1, minutes=5
        )
        for line in lines:
            record = parsed(line)
            if record is None or not is_valid(record):
                rejected += 1
            elif datetime.fromisoformat(record["timestamp"]) >= hour_end:
                future += 1
            else:
                seen[record["event_id"], record["timestamp"][:13]][line] += 1
    expected = shop_day.summary["expected"]
    quarantined = dict(expected["quarantined"])
    collisions = quarantined.pop("id_collision")
    assert quarantined.pop("future") == future > 100
    assert sum(quarantined.values()) == rejected > 200
    assert all(count > 0 for kind, count in quarantined.items() if kind != "wrong_type")
    assert (
        quarantined["wrong_type"] + expected["rescued"] == shop_day.summary["faults"]["wrong_type"]
    )
    assert expected["rescued"] > 10
    assert expected["duplicates"] == sum(sum(c.values()) - len(c) for c in seen.values()) > 500
    others = sum(len(copies) - 1 for copies in seen.values())
    assert collisions > 10
    assert expected["bot_id_reuse_lines"] == others - collisions > 70
    assert expected["accepted"] == len(seen)


def test_every_line_is_expected_exactly_once(shop_day: Day) -> None:
    expected = shop_day.summary["expected"]
    quarantined = sum(expected["quarantined"].values()) + expected["bot_id_reuse_lines"]
    assert expected["lines"] == expected["accepted"] + expected["duplicates"] + quarantined


def test_a_collision_comes_after_the_event_whose_id_it_carries(shop_day: Day) -> None:
    lines = shop_day.raw_lines()
    ids = [row for row in shop_day.table("faults") if row["kind"] == "id_collision"]
    first = {record["event_id"]: record for record in shop_day.clean_records()}
    for row in ids:
        other = json.loads(lines[row["file"]][row["line"]])
        original = first[row["event_id"]]
        assert other["event_id"] == original["event_id"]
        assert other["timestamp"][:13] == original["timestamp"][:13] == row["event_hour"]
        assert other["timestamp"] > original["timestamp"]


def test_organic_events_by_name_are_recounted_and_none_is_missing(shop_day: Day) -> None:
    bots = {row["anonymous_id"] for row in shop_day.table("bots")}
    repeats = [row["event_id"] for row in shop_day.table("faults") if row["kind"] == "repeat"]
    names = Counter(
        {"product_view": "view_item"}.get(record["event_type"], record["event_type"])
        for record in shop_day.clean_records()
        if record["anonymous_id"] not in bots and record["event_id"] not in set(repeats)
    )
    assert dict(names) == shop_day.summary["expected"]["events_by_name"]
    assert set(names) == EVENT_NAMES
    assert sum(names.values()) == shop_day.summary["organic_events"] == 20_000


def test_sessions_are_recovered_by_thirty_idle_minutes(shop_day: Day) -> None:
    moments = defaultdict(list)
    for record in shop_day.clean_records():
        moments[record["anonymous_id"]].append(
            (datetime.fromisoformat(record["timestamp"]), record["session_id"])
        )
    recovered = []
    for visitor, events in moments.items():
        events.sort()
        assert all(a[0] < b[0] for a, b in pairwise(events)), visitor
        start = 0
        for end in range(1, len(events) + 1):
            if end == len(events) or events[end][0] - events[end - 1][0] > IDLE:
                (client_session,) = {session for _, session in events[start:end]}
                first, last = events[start][0], events[end - 1][0]
                recovered.append((visitor, client_session, first, last, end - start))
                start = end
    columns = ("visitor", "client_session_id", "started_at", "ended_at", "event_count")
    truth = [tuple(row[column] for column in columns) for row in shop_day.table("sessions")]
    assert sorted(recovered) == sorted(truth)
    human = [row for row in shop_day.table("sessions") if not row["is_bot"]]
    assert len(human) == shop_day.summary["expected"]["sessions"]
    assert all(3 <= row["event_count"] <= 20 for row in human)
    several = Counter(row["visitor"] for row in human)
    assert max(several.values()) > 1
    assert any(row["started_at"].date() != row["ended_at"].date() for row in human)


def test_orders_are_recounted_from_the_purchases(shop_day: Day) -> None:
    purchases = defaultdict(list)
    for record in shop_day.clean_records():
        if record["event_type"] == "purchase":
            purchases[record["transaction_id"]].append(record)
    truth = {row["transaction_id"]: row for row in shop_day.table("orders")}
    assert truth.keys() == purchases.keys()
    for transaction, events in purchases.items():
        events.sort(key=lambda record: record["timestamp"])
        first = events[0]
        value = Decimal(str(first["price"])) * first["quantity"]
        assert truth[transaction]["value"] == value
        assert truth[transaction]["repeats"] == len(events) - 1
        assert truth[transaction]["first_event_id"] == first["event_id"]
        assert truth[transaction]["visitor"] == first["anonymous_id"]
        assert truth[transaction]["ordered_at"] == datetime.fromisoformat(first["timestamp"])
        assert {(e["price"], e["quantity"], e["anonymous_id"]) for e in events} == {
            (first["price"], first["quantity"], first["anonymous_id"])
        }
    human = [row for row in truth.values() if not row["is_bot"]]
    expected = shop_day.summary["expected"]
    assert expected["orders"] == len(human)
    assert Decimal(str(expected["order_value"])) == sum(row["value"] for row in human)
    assert expected["bot_orders"] == 30


def test_a_user_is_unknown_until_login_and_the_cookie_is_always_there(shop_day: Day) -> None:
    bots = {row["anonymous_id"] for row in shop_day.table("bots")}
    by_session = defaultdict(list)
    for record in shop_day.clean_records():
        assert record["anonymous_id"]
        if record["anonymous_id"] not in bots:
            by_session[record["session_id"]].append(record)
    became_known = 0
    for events in by_session.values():
        events.sort(key=lambda record: record["timestamp"])
        users = [record["user_id"] for record in events]
        known_at = next((n for n, user in enumerate(users) if user), None)
        if known_at is not None:
            assert set(users[known_at:]) == {users[known_at]}
        if known_at:
            became_known += 1
            assert events[known_at]["event_type"] in {"login", "sign_up"}
    assert became_known > 50

"""Persons, agreement of sessions, and orphans, on the tiny lake."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.queries.lake_rows import event, write
from clickstream_platform_tests.queries.test_named import ask, tuples


def test_ids_are_joined_or_say_why_not(tiny: Settings) -> None:
    columns = ("standing", "id_kind", "ids", "persons", "most_ids")
    assert tuples(tiny, "people", *columns) == [
        ("joined", "user", 1, 1, 3),
        ("joined", "visitor", 2, 1, 3),
        ("shared_device", "visitor", 1, 1, 1),
    ]


def test_sessions_of_two_devices_belong_to_one_person(tiny: Settings) -> None:
    with Lake(tiny) as lake:
        rows = lake.rows("select session_id, person_id from gold.v_fact_sessions order by 1")
    assert [tuple(row.values()) for row in rows] == [
        ("bought", "v3"), ("left", "pat"), ("on_limit", "pat"), ("open", "open"),
    ]  # fmt: skip
    columns = ("devices_up_to_5", "persons", "sessions", "orders", "revenue")
    assert tuples(tiny, "cross_device", *columns) == [
        (1, 3, 2, 2, Decimal("50.50")),  # one has an order only
        (2, 1, 2, 0, Decimal("0.00")),
    ]


def test_orphans_are_counted_by_fact_and_dimension(tiny: Settings) -> None:
    rows = [tuple(row.values()) for row in ask(tiny, "star_orphans")]
    # The sessions of the tiny lake were written without events.
    assert rows == [
        ("fact_events", "dim_date", 0), ("fact_events", "dim_event_types", 0),
        ("fact_events", "dim_users", 0), ("fact_events", "fact_sessions", 0),
        ("fact_sessions", "fact_events", 4), ("fact_transactions", "fact_events", 0),
        ("product_metrics_daily", "dim_products", 0),
    ]  # fmt: skip


def test_agreement_counts_pairs_of_events(tmp_path: Path) -> None:
    # Ours: a a a | b b; the tracker's: x x | y y | z; one event without a session of the tracker.
    sessions = [("a", "x"), ("a", "x"), ("a", "y"), ("b", "y"), ("b", "z"), ("b", None)]
    write(tmp_path, "gold/fact_events", [
        event(number, "page_view", "10:00:00", "v")
        | {"session_id": ours, "client_session_id": theirs}
        for number, (ours, theirs) in enumerate(sessions)
    ])  # fmt: skip
    [row] = ask(read_settings(home=tmp_path), "session_agreement")
    assert row == {
        "event_day": "2026-11-20",
        "events": 5,
        "pairs_both": 1,
        "pairs_ours": 4,
        "pairs_theirs": 2,
        "precision_rate": 0.25,
        "recall_rate": 0.5,
        "agreement": pytest.approx(0.2),
    }

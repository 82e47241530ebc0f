"""Small tables judged in memory: each partition by its own rows, in whatever order they come."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from clickstream_platform.build.gold_checks import judge_arrow
from clickstream_platform.tables.marts import HOURLY_METRICS

NINE, TEN, ELEVEN = "2024-11-29T09", "2024-11-29T10", "2024-11-29T11"


def metrics(*rows: tuple[str, int]) -> pa.Table:
    """Hours with that many events, nothing else in them."""
    whole = [
        {
            "event_hour": hour,
            "traffic": "all",
            "hour_start": datetime(2024, 11, 29, int(hour[-2:]), tzinfo=UTC),
            "events": events,
            **dict.fromkeys(("visitors", "users", "page_views", "view_items", "add_to_carts"), 0),
            **dict.fromkeys(("sessions_started", "orders", "revenue", "orders_other_currency"), 0),
        }
        for hour, events in rows
    ]
    return pa.Table.from_pylist(whole, schema=HOURLY_METRICS.arrow_schema)


def judged(rows: pa.Table, *hours: str) -> dict[str, tuple[int, str]]:
    found = judge_arrow(HOURLY_METRICS, rows, hours, enabled=False)
    return {hour.hour: (hour.row_count, hour.content_hash) for hour in found}


def test_an_hour_has_the_hash_of_its_own_rows_whatever_lies_beside_and_before_them() -> None:
    alone = {hour: judged(metrics((hour, 5)), hour)[hour] for hour in (NINE, ELEVEN)}
    both = judged(metrics((ELEVEN, 5), (NINE, 5)), ELEVEN, TEN, NINE)
    assert list(both) == [ELEVEN, TEN, NINE]
    assert (both[NINE], both[ELEVEN]) == (alone[NINE], alone[ELEVEN])
    assert both[TEN][0] == 0
    assert judged(metrics((NINE, 6)), NINE) != {NINE: alone[NINE]}


def test_an_hour_with_two_rows_of_one_key_is_held_back_and_its_neighbours_are_not() -> None:
    twice = metrics((NINE, 5), (TEN, 1), (TEN, 2), (ELEVEN, 3))
    rules = pa.array([[]] * len(twice), pa.list_(pa.string()))
    found = judge_arrow(
        HOURLY_METRICS,
        twice.append_column("_failed_rules", rules),
        [NINE, TEN, ELEVEN],
        enabled=True,
    )
    assert [hour.blocked_by for hour in found] == [None, "key_unique", None]

"""Which numbers differ between two answers, and which partitions explain it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from clickstream_platform.queries.diff import Change, Difference, changed, is_asked
from clickstream_platform.queries.diff_command import told
from clickstream_platform.queries.lineage import Lineage

SINCE, UNTIL = datetime(2024, 11, 29, 12, tzinfo=UTC), datetime(2024, 11, 29, 13, tzinfo=UTC)
TEN = "2024-11-29T10"


def test_rows_are_told_apart_by_texts_and_one_row_by_nothing() -> None:
    then = [{"day": "a", "orders": 1, "rate": 0.5}, {"day": "gone", "orders": 7, "rate": None}]
    now = [{"day": "new", "orders": 2, "rate": None}, {"day": "a", "orders": 3, "rate": 0.5}]
    assert changed(then, now) == [
        Change({"day": "new"}, "orders", None, 2),
        Change({"day": "a"}, "orders", 1, 3),
        Change({"day": "gone"}, "orders", 7, None),
    ]
    assert changed([{"last": "x", "n": 1}], [{"last": "y", "n": 1}]) == [
        Change({}, "last", "x", "y")
    ]
    alike = [{"day": "a", "n": 1}, {"day": "a", "n": 2}]
    assert changed(alike, [alike[0], alike[1] | {"n": 5}]) == [Change({"day": "a"}, "n", 2, 5)]
    assert changed(alike, alike) == []


@pytest.mark.parametrize(
    ("then", "now", "by"),
    [(1, 3, 2), (Decimal("1.50"), Decimal("1.00"), Decimal("-0.50")), (None, 3, None)],
)
def test_a_change_knows_by_how_much(then: object, now: object, by: object) -> None:
    assert Change({}, "n", then, now).by == by


def state(table: str, hour: str, minute: int, content: str | None, **more: Any) -> dict[str, Any]:
    return {
        "table": table, "hour": hour, "version": minute, "row_count": 1, "content_hash": content,
        "code_version": "1", "reach_from": hour, "reach_to": hour, "linked_hours": [],
        "recorded_at": SINCE.replace(hour=11 + minute // 60, minute=minute % 60), **more,
    }  # fmt: skip


def lineage(*log: dict[str, Any]) -> Lineage:
    return Lineage(log, SINCE, UNTIL, look_back_days=30)


def test_only_partitions_with_other_rows_count_and_only_inputs_within_reach() -> None:
    other, day, far = "2024-11-29T11", "2024-11-29", "2024-11-28T10"
    log = [
        state("silver/events", TEN, 1, "a"), state("silver/events", TEN, 70, "b"),
        state("silver/events", other, 1, "c"), state("silver/events", other, 70, "c"),
        state("silver/events", far, 70, "d"), state("silver/events", "2024-11-29T09", 121, "late"),
        state("gold/fact_sessions", TEN, 1, "s"), state("gold/fact_sessions", TEN, 71, "t"),
        state("gold/fact_sessions", other, 71, "u", linked_hours=[far]),
        state("gold/traffic_daily", day, 72, "v"),
        state("gold/dim_user_metrics", "all", 73, "w"),
    ]  # fmt: skip
    found = lineage(*log)
    assert found.changed("silver/events") == [("silver/events", TEN), ("silver/events", far)]
    session = {("gold/fact_sessions", TEN)}
    assert found.behind(session) == {*session, ("silver/events", TEN)}
    linked = {("gold/fact_sessions", other)}
    assert found.behind(linked) == {*linked, ("silver/events", far)}
    of_day = found.behind([("gold/traffic_daily", day)])
    assert of_day == {("gold/traffic_daily", day), *session, *linked,
                      ("silver/events", TEN), ("silver/events", far)}  # fmt: skip
    assert of_day < found.behind([("gold/dim_user_metrics", "all"), ("gold/traffic_daily", day)])


def test_robots_of_any_hour_of_the_days_asked_are_asked() -> None:
    values = {"from": "2024-11-29T10", "to": "2024-11-29T12", "traffic": "human"}
    early, before = "2024-11-29T05", "2024-11-28T23"
    assert is_asked("gold/bot_visitors_hourly", early, values)
    assert not is_asked("gold/bot_visitors_hourly", before, values)
    assert not is_asked("gold/fact_sessions", early, values)
    assert is_asked("gold/fact_sessions", TEN, values)


def test_other_rules_are_told_from_other_lines() -> None:
    found = lineage(
        state("silver/events", TEN, 1, "a"),
        state("silver/events", TEN, 70, "b", code_version="2"),
        state("silver/events", "2024-11-29T11", 70, "new", code_version="2"),
    )
    assert found.has_other_rules("silver/events", TEN)
    assert not found.has_other_rules("silver/events", "2024-11-29T11"), "it was not there before"


def test_an_answer_that_stayed_and_one_without_new_lines_say_so() -> None:
    assert told(Difference(), SINCE, UNTIL)[0].startswith("No number changed between 2024-11-29 12")
    caught_up = Difference(changes=[Change({}, "orders", 1, 1234)], hours=[TEN])
    assert told(caught_up, SINCE, UNTIL)[1:] == [
        "  orders 1 -> 1,234 (+1,233)",
        f"Events changed in {TEN}.",
        "No line came in between: the tables had not caught up with bronze before.",
    ]

"""Whether an hour of silver may be committed, from counts written by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest

from clickstream_platform.build import hour_summary
from clickstream_platform.build.hour_summary import BronzeCount, HourSummary
from clickstream_platform.setting_groups import CheckSettings
from clickstream_platform.tables.silver import (
    SILVER_DUPLICATES,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
)

HOUR = "2024-11-29T10"
CHECKS = CheckSettings(max_reject_rate=0.5, min_rows_for_reject_rate=20)


def group(verdict: str, lines: int, *, line_hash: int, **more: Any) -> dict[str, Any]:
    return {
        "event_hour": HOUR,
        "ingest_hour": HOUR,
        "source": "shop_json",
        "verdict": verdict,
        "reason_key": "",
        "warning_key": "",
        "lines": lines,
        "line_hash": line_hash,
        "content_hash": lines * 7,
        "max_event_at": None,
    } | more


def summary(groups: list[dict[str, Any]], bronze: BronzeCount) -> HourSummary:
    return HourSummary.of(HOUR, groups, bronze, CHECKS)


GOOD = [
    group("accepted", 90, line_hash=900),
    group("duplicate", 4, line_hash=40),
    group("quarantined", 6, line_hash=60, reason_key="malformed_line"),
]
REPEATED = [GOOD[0] | {"broken_keys": 2}, *GOOD[1:]]


def test_a_whole_hour_is_not_blocked_and_counts_its_tables() -> None:
    hour = summary(GOOD, BronzeCount(100, 1000))
    assert hour.blocked_by is None
    tables = (SILVER_EVENTS, SILVER_DUPLICATES, SILVER_QUARANTINE)
    assert [hour.rows_of(table) for table in tables] == [90, 4, 6]


def test_other_rules_write_quarantine_anew_which_names_their_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hour = summary(GOOD, BronzeCount(100, 1000))
    tables = (SILVER_EVENTS, SILVER_DUPLICATES, SILVER_QUARANTINE)
    before = [hour.content_hash(table) for table in tables]
    monkeypatch.setattr(hour_summary, "RULES_VERSION", hour_summary.RULES_VERSION + 1)
    after = [hour.content_hash(table) for table in tables]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, True, False]


def test_lost_lines_block_the_hour_and_are_counted() -> None:
    hour = summary(GOOD, BronzeCount(103, 1030))
    assert hour.blocked_by == "lines_conserved"
    assert hour.conservation_rules()[0].failed_count == 3


def test_an_exchanged_line_blocks_the_hour_though_the_counts_agree() -> None:
    assert summary(GOOD, BronzeCount(100, 1001)).blocked_by == "lines_conserved"


def test_a_repeated_key_blocks_the_hour() -> None:
    assert summary(REPEATED, BronzeCount(100, 1000)).blocked_by == "key_unique"


def test_more_rejected_lines_than_allowed_hold_the_hour_back() -> None:
    groups = [
        group("accepted", 9, line_hash=90),
        group("quarantined", 11, line_hash=110, reason_key="malformed_line"),
    ]
    assert summary(groups, BronzeCount(20, 200)).blocked_by == "reject_rate"


def test_half_of_the_lines_rejected_is_still_allowed_and_few_lines_never_block() -> None:
    half = [
        group("accepted", 10, line_hash=100),
        group("quarantined", 10, line_hash=100, reason_key="malformed_line"),
    ]
    assert summary(half, BronzeCount(20, 200)).blocked_by is None
    few = [group("quarantined", 19, line_hash=190, reason_key="malformed_line")]
    assert summary(few, BronzeCount(19, 190)).blocked_by is None


def test_the_ledger_counts_accepted_lines_of_a_blocked_hour_as_pending() -> None:
    settled = summary(GOOD, BronzeCount(100, 1000)).ledger()
    held = summary(REPEATED, BronzeCount(100, 1000)).ledger()
    row = {"ingest_hour": HOUR, "home_hour": HOUR, "source": "shop_json", "lines": 100}
    rest = {"duplicates": 4, "quarantined": 6}
    assert settled == [row | {"accepted": 90, "pending": 0} | rest]
    assert held == [row | {"accepted": 0, "pending": 90} | rest]


def test_the_counts_of_further_lines_are_added_and_may_block_the_hour() -> None:
    noon, one = datetime(2024, 11, 29, 12, tzinfo=UTC), datetime(2024, 11, 29, 13, tzinfo=UTC)
    more = [
        group("accepted", 2, line_hash=20, max_event_at=one, rule__x=1, distinct__user_id=2),
        group("accepted", 3, line_hash=30, ingest_hour="2024-11-29T11"),
        group("quarantined", 120, line_hash=5, reason_key="malformed_line"),
    ]
    first = GOOD[0] | {"max_event_at": noon, "rule__x": 4, "distinct__user_id": 9}
    hour = summary([first, *GOOD[1:]], BronzeCount(100, 1000))
    both = hour.plus(summary(more, BronzeCount(125, 55)))

    assert hour.blocked_by is None
    assert (both.bronze, both.lines) == (BronzeCount(225, 1055), 225)
    assert (both.counted("rule__"), both.distinct()) == ({"x": 5}, {"user_id": 9})
    assert both.content_hash(SILVER_EVENTS) == f"95:{95 * 7:x}"
    assert (both.max_event_at, both.blocked_by) == (one, "reject_rate")
    assert len(both.groups) == 4

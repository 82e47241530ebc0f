"""Faults come at the rates asked for, and bots behave as they are called."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clickstream_platform_tests.generator.conftest import Day, Record


@pytest.mark.parametrize(
    ("kind", "rate"),
    [("duplicate", 0.0475), ("id_collision", 0.0025), ("future", 0.01)],
)
def test_a_rate_is_near_the_one_asked_for(shop_day: Day, kind: str, rate: float) -> None:
    assert shop_day.summary["faults"][kind] / 20_000 == pytest.approx(rate, rel=0.3)


def test_late_malformed_and_repeats_are_near_their_rates(shop_day: Day) -> None:
    summary, faults = shop_day.summary, shop_day.summary["faults"]
    events = summary["organic_events"]
    malformed = sum(summary["expected"]["quarantined"].values())
    malformed += summary["expected"]["rescued"] - faults["future"] - faults["id_collision"]
    assert malformed / events == pytest.approx(0.02, rel=0.2)
    assert faults["late"] / events == pytest.approx(0.05, rel=0.2)
    assert faults["repeat"] / summary["expected"]["orders"] == pytest.approx(0.3, rel=0.3)


def test_a_late_line_lies_in_a_later_hour_and_others_in_their_own(shop_day: Day) -> None:
    late = {(r["file"], r["line"]) for r in shop_day.table("faults") if r["kind"] == "late"}
    elsewhere = shop_day.faulty("late", "outlier", "repeat")
    delays = Counter()
    for name, lines in shop_day.raw_lines().items():
        folder = datetime.fromisoformat(name.split("/")[1] + ":00:00+00:00")
        for number, line in enumerate(lines):
            if (name, number) not in elsewhere:
                hour = datetime.fromisoformat(json.loads(line)["timestamp"]).replace(
                    minute=0, second=0, microsecond=0
                )
                hours = int((folder - hour).total_seconds() // 3600)
                assert (hours > 0) == ((name, number) in late)
                delays[hours] += 1
    assert max(delays) <= 72
    assert delays[1] > delays[5] > 0


def test_duplicates_are_equal_bytes_in_the_same_and_in_other_files(shop_day: Day) -> None:
    lines = shop_day.raw_lines()
    files = defaultdict(set)
    count = Counter(line for of_file in lines.values() for line in of_file)
    for name, of_file in lines.items():
        for line in of_file:
            files[line].add(name)
    resent = [row for row in shop_day.table("faults") if row["kind"] == "duplicate"]
    copies = [lines[row["file"]][row["line"]] for row in resent]
    assert all(count[copy] >= 2 for copy in copies)
    assert {len(files[copy]) for copy in copies} >= {1, 2}


def test_outliers_cost_fifty_times_the_catalogue_price(
    tmp_path: Path, make_day: Callable[..., Day]
) -> None:
    day = make_day(tmp_path, "--events", 3000, "--hours", 2, "--anomaly-rate", 0.02, "--bots", 0)
    outliers = {r["event_id"] for r in day.table("faults") if r["kind"] == "outlier"}
    usual = {}
    for record in day.clean_records():
        if "price" in record and record["event_id"] not in outliers:
            usual[record["product_id"]] = record["price"]
    strange = [r for r in day.clean_records() if r["event_id"] in outliers]
    assert len(strange) > 10
    for record in strange:
        if record["product_id"] in usual:
            assert record["price"] == pytest.approx(50 * usual[record["product_id"]])


def test_nothing_is_wrong_when_all_rates_are_zero(
    tmp_path: Path, make_day: Callable[..., Day]
) -> None:
    none = [x for name in ("duplicates", "late", "future", "malformed") for x in (f"--{name}", 0)]
    none += ["--repeats", 0, "--anomaly-rate", 0, "--bots", 0]
    day = make_day(tmp_path, "--events", 500, "--hours", 3, *none)
    assert day.table("faults") == []
    assert day.summary["lines"] == day.summary["expected"]["accepted"] == 500
    assert len({record["event_id"] for record in day.clean_records()}) == 500


@pytest.fixture(scope="module")
def bot_lines(shop_day: Day) -> dict[str, list[Record]]:
    """The lines of each behaviour in order of time, one bot each."""
    behaviour = {row["anonymous_id"]: row["behaviour"] for row in shop_day.table("bots")}
    lines = defaultdict(list)
    for record in shop_day.clean_records():
        if record["anonymous_id"] in behaviour:
            lines[behaviour[record["anonymous_id"]]].append(record)
    for row in shop_day.table("bots"):
        assert row["event_count"] == len(lines[row["behaviour"]])
    return {kind: sorted(rows, key=lambda r: r["timestamp"]) for kind, rows in lines.items()}


def test_each_bot_shows_its_signature(bot_lines: dict[str, list[Record]]) -> None:
    assert len(bot_lines) == 6
    minutes = Counter(record["timestamp"][:16] for record in bot_lines["burst"])
    assert max(minutes.values()) > 50
    assert all("Googlebot" in record["user_agent"] for record in bot_lines["crawler"])
    assert all("HeadlessChrome" in record["user_agent"] for record in bot_lines["headless"])
    clicks = [datetime.fromisoformat(record["timestamp"]) for record in bot_lines["no_dwell"]]
    assert {(b - a).total_seconds() for a, b in pairwise(clicks)} == {1.5}
    assert len({record["event_id"] for record in bot_lines["id_reuse"]}) == 1
    assert len(bot_lines["id_reuse"]) > 50
    cards = [r for r in bot_lines["card_tester"] if r["event_type"] == "purchase"]
    assert len({record["transaction_id"] for record in cards}) == 30
    assert all(record["price"] < 1 for record in cards)
    assert (
        datetime.fromisoformat(cards[-1]["timestamp"])
        - datetime.fromisoformat(cards[0]["timestamp"])
    ).total_seconds() < 900

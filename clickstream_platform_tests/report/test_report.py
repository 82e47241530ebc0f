"""The reports: numbers of the named questions, one file, nothing fetched, nothing leaked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from clickstream_platform.errors import UsageError
from clickstream_platform.hours import hour_key, parse_hour
from clickstream_platform.operations.freshness import freshness
from clickstream_platform.report.command import report
from clickstream_platform.report.contents import quality_report, remedy, shop_report
from clickstream_platform.report.masking import masked
from clickstream_platform.report.period import day, week
from clickstream_platform.settings import Settings
from clickstream_platform_tests.queries import lake_rows
from clickstream_platform_tests.queries.lake_rows import ELEVEN, TEN, at

MOST_BYTES = 6_000_000


def test_a_week_is_monday_to_sunday_and_a_wrong_one_is_explained() -> None:
    assert (week("2026-W47").first_hour, week("2026-W47").last_hour) == (
        "2026-11-16T00",
        "2026-11-22T23",
    )
    assert day("2026-11-20").last_hour == "2026-11-20T23"
    for wrong in ("2026-W60", "47", "2026-11-20"):
        with pytest.raises(UsageError, match="2026-W47"):
            week(wrong)
    with pytest.raises(UsageError, match="is not a day"):
        day("20.11.2026")


def test_the_report_is_one_file_with_the_day_s_numbers(tiny: Settings) -> None:
    text = shop_report(tiny, day("2026-11-20"))
    assert len(text.encode()) < MOST_BYTES
    assert re.search(r"Sessions<b>4</b>", text)
    assert re.search(r"Revenue<b>20.50</b>", text)  # of the newest hour
    assert 'src="http' not in text
    assert "<link" not in text.split("<script>")[0]
    empty = shop_report(tiny, day("2026-11-21"))
    assert re.search(r"Sessions<b>0</b>", empty)


def test_the_quality_report_names_rule_owner_remedy_and_masks_the_lines(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path)
    lake_rows.write(home.home, "silver/quarantine", [
        {"source": "<b>shop</b>", "source_file": "shop/a.jsonl@1", "source_offset": 7,
         "event_hour": TEN, "reasons": ["missing_event_id"],
         "raw": b'{"email": "anna@example.org", "age": 42}'},
    ])  # fmt: skip
    text = quality_report(home, None)
    assert "clickstream run --from 2026-11-20T11 --to 2026-11-20T11 --force" in text
    assert "team:data-platform" in text
    assert "shop/a.jsonl:7" in text
    assert "anna" not in text
    assert "xxxx@xxxxxxx.xxx" in text
    assert "<b>shop</b>" not in text
    assert "&lt;b&gt;shop" in text


def test_the_quality_report_names_the_hours_that_wait(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path)
    assert "The lake is at rest" in quality_report(home, None)
    hours = [hour_key(datetime.now(UTC) - timedelta(hours=ago)) for ago in (1, 2)]
    for hour, version in ((hours[0], 5), (hours[1], 4)):
        state = lake_rows.state(hour, None, "12:00:00", version=version, input_version=version,
                                reach_from=hour, reach_to=hour)  # fmt: skip
        newest = parse_hour(hour) + timedelta(minutes=5)
        lake_rows.write(home.home, "ops/hour_state", [
            state | {"max_event_at": newest},
            state | {"table": "bronze/events", "version": 9 if version == 5 else 4},
        ])  # fmt: skip
    text = quality_report(home, None)
    assert re.search(rf"{hours[0]}\W.{{0,80}}not built", text, re.DOTALL)
    assert not re.search(rf"{hours[1]}\W.{{0,80}}not built", text, re.DOTALL)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b'{"user": "u-17", "n": 3, "ok": true}', '{"user": "x-99", "n": "(9)", "ok": true}'),
        (b'{"user": "u-17', '{"xxxx": "x-99'),
        (b"\xff\xfe7;Zo\xc3\xab", "��9;xxx"),
        (b"[1]", "[9]"),
    ],
)
def test_masking_keeps_the_shape_only(raw: bytes, shown: str) -> None:
    assert masked(raw) == shown


def test_every_action_has_its_remedy() -> None:
    assert "--force" in remedy("gold/fact_sessions", "block", TEN, ELEVEN)
    replay = f"clickstream quarantine replay --hours {TEN}..{ELEVEN}"
    assert replay in remedy("silver/quarantine", "reject", TEN, ELEVEN)
    assert "nothing is held back" in remedy("silver/events", "warn", TEN, ELEVEN)
    day = remedy("gold/journey_paths", "block", "2026-11-20", "2026-11-21")
    assert day == "clickstream run --from 2026-11-20T00 --to 2026-11-21T23 --force"
    assert remedy("gold/rfm_scores", "block", "all", "all") == "clickstream run"


def test_a_backfill_of_an_old_hour_does_not_make_a_table_fresh(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path)
    newest = at("11:07:00")
    soon, later = newest + timedelta(minutes=30), newest + timedelta(hours=3)

    def verdict(now: datetime) -> bool:
        return {f.table: f.is_fresh for f in freshness(home, now=now)}["silver/events"]

    assert (verdict(soon), verdict(later)) == (True, False)
    rebuilt = lake_rows.state(TEN, "10:40:00", "12:30:00") | {"recorded_at": later}
    lake_rows.write(home.home, "ops/hour_state", [rebuilt])
    assert verdict(later) is False
    fresh = lake_rows.state("2026-11-20T14", "14:01:00", "14:02:00")
    lake_rows.write(home.home, "ops/hour_state", [fresh])
    assert verdict(later) is True
    assert verdict(datetime(2026, 11, 21, tzinfo=UTC)) is False


def test_a_day_reaches_to_its_end_and_a_table_over_all_time_is_not_judged(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path)
    for table, key in (("gold/fact_daily_metrics", "2026-11-19"), ("gold/rfm_scores", "all")):
        state = lake_rows.state(key, None, "12:00:00", table=table)
        lake_rows.write(home.home, "ops/hour_state", [state])
    found = {f.table: f.data_through for f in freshness(home, now=at("12:00:00"))}
    assert found["gold/fact_daily_metrics"] == datetime(2026, 11, 20, tzinfo=UTC)
    assert "gold/rfm_scores" not in found


def test_the_command_writes_the_file_and_wants_a_period(tmp_path: Path) -> None:
    runner = CliRunner()
    out = tmp_path / "r.html"
    assert isinstance(runner.invoke(report, ["--out", str(out)]).exception, UsageError)
    both = runner.invoke(report, ["--day", "2026-11-20", "--week", "2026-W47", "--out", str(out)])
    assert isinstance(both.exception, UsageError)
    assert not out.exists()

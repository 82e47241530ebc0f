"""Previews in Dagster show rows of the newest hour and nobody's data."""

from __future__ import annotations

from pathlib import Path

from clickstream_platform.assets.preview import markdown, newest_rows
from clickstream_platform.build.report import HourReport
from clickstream_platform.tables.facts import FACT_SESSIONS
from clickstream_platform_tests.queries import lake_rows
from clickstream_platform_tests.queries.lake_rows import ELEVEN, TEN


def report(hour: str, *, rows: int = 1, unchanged: bool = False) -> HourReport:
    return HourReport("gold/fact_sessions", hour, rows, 0, unchanged)


def test_the_newest_hour_that_was_written_is_shown_with_personal_data_masked(
    tmp_path: Path,
) -> None:
    lake = lake_rows.build(tmp_path).lake
    text = newest_rows(lake, FACT_SESSIONS, [report(TEN), report(ELEVEN, unchanged=True)])
    assert text is not None
    head, *lines = text.splitlines()[2:]
    assert head.startswith("| session_id | visitor_id | user_id | started_at |")
    assert len(lines) == 4  # the rule beneath the head, and three sessions
    assert "| bought | x9 | - | 2026-11-20 10:01:00+00:00 |" in text
    assert text.startswith("3 rows of 2026-11-20T10")


def test_nothing_written_or_no_rows_shows_nothing(tmp_path: Path) -> None:
    lake = lake_rows.build(tmp_path).lake
    assert newest_rows(lake, FACT_SESSIONS, [report(TEN, unchanged=True)]) is None
    assert newest_rows(lake, FACT_SESSIONS, [report(TEN, rows=0)]) is None
    assert (
        newest_rows(lake, FACT_SESSIONS, [report("2026-11-20T23")]) == "No rows in 2026-11-20T23."
    )


def test_cells_cannot_break_the_table_or_bring_markup() -> None:
    row = dict.fromkeys(FACT_SESSIONS.column_names) | {"session_id": "a|b\n<script>"}
    assert "| a\\|b &lt;script> |" in markdown(FACT_SESSIONS, TEN, [row])

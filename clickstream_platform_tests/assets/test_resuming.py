"""A run that takes up one that died leaves out what that one noted in every table it builds."""

from __future__ import annotations

from clickstream_platform.assets.hourly import built_by
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.tables.marts import HOURLY_METRICS, REVENUE_5MIN

NINE, TEN = "2024-11-29T09", "2024-11-29T10"
TABLES = (HOURLY_METRICS, REVENUE_5MIN)


def noted(table: str, hour: str, run_id: str) -> HourStateRow:
    return HourStateRow(
        table=table, hour=hour, version=1, input_version=1, row_count=1, code_version="1",
        run_id=run_id, reach_from=hour, reach_to=hour,
    )  # fmt: skip


def test_only_an_hour_that_all_tables_have_from_a_run_that_died_is_built() -> None:
    rows = [
        noted("gold/hourly_metrics", NINE, "died"),
        noted("gold/revenue_5min", NINE, "died"),
        noted("gold/hourly_metrics", TEN, "died"),
        noted("gold/revenue_5min", TEN, "older"),
    ]
    states = {(row.table, row.hour): row for row in rows}
    assert built_by({"died"}, TABLES, states, NINE)
    assert not built_by({"died"}, TABLES, states, TEN)
    assert built_by({"died", "older"}, TABLES, states, TEN)
    assert not built_by({"died"}, TABLES, states, "2024-11-29T11")

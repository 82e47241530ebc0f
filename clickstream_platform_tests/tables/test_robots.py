"""What marts with and without robots have in common."""

from __future__ import annotations

import pytest

from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import DAILY, FUNNEL_10MIN, GOLD, SNAPSHOTS
from clickstream_platform.tables.quality import BOT_VISITORS_HOURLY
from clickstream_platform.tables.traffic import ALL_TRAFFIC, LATE_COLUMNS, NEW_COLUMNS

WITH_KINDS = [table for table in (*GOLD, *DAILY, *SNAPSHOTS) if "traffic" in table.column_names]
MARTS = [table for table in WITH_KINDS if "event_hour" in table.column_names]


def test_every_hourly_mart_of_numbers_is_with_and_without_robots() -> None:
    assert {table.name for table in MARTS} == {
        *("revenue_5min", "funnel_10min", "funnel_hourly", "hourly_metrics"),
        *("event_activity_hourly", "product_activity_hourly", "customer_activity_hourly"),
    }


@pytest.mark.parametrize("table", MARTS, ids=lambda table: table.name)
def test_a_mart_is_rebuilt_with_its_robots(table: Table) -> None:
    """A repeat of an order far away can make an order of a purchase, and that a robot."""
    if table.hourly:
        assert BOT_VISITORS_HOURLY.reach == "orders"
        assert table.reach in ("orders", "sessions"), "sessions reach as far, and further"
    else:
        assert BOT_VISITORS_HOURLY.path in table.inputs


@pytest.mark.parametrize("table", WITH_KINDS, ids=lambda table: table.name)
def test_rows_of_before_there_were_kinds_are_of_all_traffic(table: Table) -> None:
    assert "traffic" in table.keys
    assert table.late_columns["traffic"] == ALL_TRAFFIC


def test_rows_of_before_the_short_funnel_had_modes_are_of_visitors_in_any_order() -> None:
    assert {"unit", "mode"} <= {*FUNNEL_10MIN.keys}
    assert FUNNEL_10MIN.late_columns == {"traffic": "all", "unit": "session", "mode": "any"}


def test_those_who_ask_know_the_same_of_older_rows_as_the_contracts() -> None:
    of_contracts = {table.sql_name: table.late_columns for table in ALL if table.late_columns}
    assert of_contracts == LATE_COLUMNS
    for table in ALL:
        for name in NEW_COLUMNS.get(table.sql_name, ()):
            [spec] = [spec for spec in table.columns if spec.name == name]
            assert spec.nullable, f"{table.sql_name}.{name} is null in an older home"

"""No gold table without a definition of its own that `verify` compares it with."""

from __future__ import annotations

import pytest

from clickstream_platform.oracle import daily_laws, days_built, gold_laws
from clickstream_platform.oracle.lake import SQL_DIR
from clickstream_platform.oracle.verify import VERIFIABLE
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import DAILY, GOLD, SNAPSHOTS

KEYS = {**gold_laws.KEYS, **daily_laws.KEYS}


@pytest.mark.parametrize("table", (*GOLD, *DAILY, *SNAPSHOTS), ids=lambda table: table.name)
def test_a_gold_table_is_proven_by_sql_under_its_key(table: Table) -> None:
    assert table.path in VERIFIABLE
    assert (SQL_DIR / f"{table.name}.sql").is_file()
    # A key beside which the oracle needs no partition: hours and days are in most keys anyway.
    assert set(KEYS[table.path]) | {table.partition_by} == {*table.keys, table.partition_by}


@pytest.mark.parametrize("table", (*DAILY, *SNAPSHOTS), ids=lambda table: table.name)
def test_the_oracle_waits_for_the_same_inputs_as_the_build(table: Table) -> None:
    if table in SNAPSHOTS:
        assert set(days_built.SNAPSHOTS[table.path]) == set(table.inputs)
        return
    inputs, before, after = days_built.DAILY[table.path]
    assert (set(inputs), after) == (set(table.inputs), table.days_after)
    if table.path != days_built.CREDITS:  # there a setting says it
        assert before == table.days_before

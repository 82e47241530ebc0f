"""Which tables and columns all contenders must agree on, and the hash that says they do.

Left out are columns about runs and processing, and columns the tracker never fills; everything
else of the hourly tables counts, addresses included.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
from deltalake import DeltaTable

from benchmarks.bare_gold import FACT
from benchmarks.bare_spark import DUPLICATES, EVENTS, QUARANTINE
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import GOLD

BRONZE = ("source", "source_file", "source_offset", "raw", "ingest_hour", "home_hour")
LISTS = ("reasons", "warnings", "bot_signals")  # sets: their order is no content


def gold_columns(table: Table) -> tuple[str, ...]:
    return FACT if table.name == "fact_events" else table.column_names


COMPARED: dict[str, tuple[str, ...]] = {
    "bronze/events": BRONZE,
    "silver/events": EVENTS,
    "silver/duplicates": DUPLICATES,
    "silver/quarantine": QUARANTINE,
    **{table.path: gold_columns(table) for table in GOLD},
}


def content(lake: Path, *, tables: dict[str, tuple[str, ...]] = COMPARED) -> dict[str, str]:
    """Rows and an order-free hash of the compared columns, per table."""
    return {path: _hash(lake / path, columns) for path, columns in tables.items()}


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """The tables whose content is not the same."""
    return sorted(
        f"{path}: {one.get(path)} and {other.get(path)}"
        for path in {*one, *other}
        if one.get(path) != other.get(path)
    )


def _hash(location: Path, columns: tuple[str, ...]) -> str:
    rows = DeltaTable(str(location)).to_pyarrow_dataset()
    shown = ", ".join(
        f'list_sort("{name}")' if name in LISTS else f'"{name}"' for name in sorted(columns)
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows", rows)
        found = connection.execute(
            f"SELECT count(*), coalesce(sum(hash({shown})::hugeint), 0) FROM rows"
        ).fetchone()
    if found is None:
        raise RuntimeError("an aggregation always has a row")
    return f"{found[0]} rows, {found[1] % 2**64:016x}"

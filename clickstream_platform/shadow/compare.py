"""What a swap would change: by table, hour, row and column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.queries.only import identifier
from clickstream_platform.shadow import build as shadow
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.conform import conform, with_late_columns
from clickstream_platform.storage.hour_state import States
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import GOLD

HOURS_AT_ONCE = 24  # of the widest table a day fits into memory


@dataclass
class Difference:
    """One table: rows are told apart by its key; `columns` counts the rows that differ in each."""

    table: str
    hours: int
    changed_hours: tuple[str, ...]
    blocked_hours: tuple[str, ...]
    only_before: int = 0
    only_after: int = 0
    changed: int = 0
    columns: dict[str, int] = field(default_factory=dict)

    @property
    def is_none(self) -> bool:
        """True if the shadow has the lake's rows, and no hour that a rule holds back."""
        return not self.changed_hours and not self.blocked_hours


def compare(workspace: Workspace) -> list[Difference]:
    """One per hourly table of gold, also where nothing differs.

    Raises: NoShadowError.
    """
    new, old = shadow.built(workspace), hour_state.current(workspace.lake)
    return [_difference(workspace, table, new, old) for table in GOLD]


def changed_hours(table: Table, new: States, old: States) -> list[str]:
    """Hours whose rows are not those of the lake; what a rule holds back is not among them."""
    return sorted(
        hour
        for hour, row in hour_state.of_table(new, table.path).items()
        if not row.blocked_by
        and ((before := old.get((table.path, hour))) is None or _content(before) != _content(row))
    )


def _content(row: hour_state.HourStateRow) -> tuple[str | None, int]:
    return row.content_hash, row.row_count


def _difference(workspace: Workspace, table: Table, new: States, old: States) -> Difference:
    of_table = hour_state.of_table(new, table.path)
    hours = changed_hours(table, new, old)
    blocked = sorted(hour for hour, row in of_table.items() if row.blocked_by)
    found = Difference(table.path, len(of_table), tuple(hours), tuple(blocked))
    for first in range(0, len(hours), HOURS_AT_ONCE):
        part = hours[first : first + HOURS_AT_ONCE]
        before = _rows(workspace.lake, table, part)
        after = _rows(shadow.of(workspace).lake, table, part)
        _count(found, table, before, after)
    return found


def _rows(lake: Path, table: Table, hours: Sequence[str]) -> pa.Table:
    """The rows with the contract's columns; null where the table is older than a column."""
    if not delta.exists(lake, table):
        return table.arrow_schema.empty_table()
    rows = with_late_columns(delta.read_arrow(lake, table, hours=hours), table)
    known = [name for name in table.column_names if name in rows.column_names]
    for late in table.arrow_schema:
        if late.name not in known:
            rows = rows.append_column(late.name, pa.nulls(len(rows), late.type))
    return conform(rows.select(table.column_names), table)


def _count(found: Difference, table: Table, before: pa.Table, after: pa.Table) -> None:
    keys = " and ".join(
        f"b.{identifier(key)} is not distinct from a.{identifier(key)}" for key in table.keys
    )
    differs = {
        name: f"b.{identifier(name)} is distinct from a.{identifier(name)}"
        for name in table.column_names
        if name not in table.keys
    }
    either = " or ".join(differs.values())
    both = "b.is_there and a.is_there"
    counts = [
        "count(*) filter (a.is_there is null)",
        "count(*) filter (b.is_there is null)",
        f"count(*) filter ({both} and ({either}))",
        *[f"count(*) filter ({both} and {condition})" for condition in differs.values()],
    ]
    with duckdb.connect() as sql:
        sql.register("before", before)
        sql.register("after", after)
        counted = sql.execute(
            f"select {', '.join(counts)} from (select *, true as is_there from before) as b "  # noqa: S608 (our contracts' names)
            f"full join (select *, true as is_there from after) as a on {keys}"
        ).fetchone()
    only_before, only_after, changed, *by_column = counted or (0, 0, 0)
    found.only_before += only_before
    found.only_after += only_after
    found.changed += changed
    for name, count in zip(differs, by_column, strict=True):
        if count:
            found.columns[name] = found.columns.get(name, 0) + count

"""Rows of an older home as today's questions want them."""

from __future__ import annotations

from collections.abc import Collection

from clickstream_platform.queries.only import literal
from clickstream_platform.tables.traffic import LATE_COLUMNS, NEW_COLUMNS


def with_late_columns(relation: str, name: str, columns: Collection[str]) -> str:
    """`relation` with the columns that `layer.table` got later, filled as its contract says,
    or with null.

    `columns` are those of the stored table, which lacks such a column until its first rebuild.
    """
    late = LATE_COLUMNS.get(name)
    if not late:
        return relation
    filled = [
        f"coalesce({column}, {literal(value)}) as {column}"
        for column, value in late.items()
        if column in columns
    ]
    added = [
        f"{literal(value)} as {column}" for column, value in late.items() if column not in columns
    ]
    added += [f"null as {new}" for new in NEW_COLUMNS.get(name, ()) if new not in columns]
    there = f"* replace ({', '.join(filled)})" if filled else "*"
    return f"(select {', '.join([there, *added])} from {relation})"  # noqa: S608 (names of ours)

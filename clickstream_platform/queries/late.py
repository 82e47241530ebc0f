"""Rows of an older home as today's questions want them."""

from __future__ import annotations

from collections.abc import Collection

from clickstream_platform.queries.only import quoted
from clickstream_platform.tables.catalog import BY_PATH


def with_late_columns(relation: str, name: str, columns: Collection[str]) -> str:
    """`relation` with the columns that `layer.table` got later, filled as its contract says.

    `columns` are those of the stored table, which lacks such a column until its first rebuild.
    """
    contract = BY_PATH.get(name.replace(".", "/"))
    late = {} if contract is None else contract.late_columns
    if not late:
        return relation
    filled = [
        f"coalesce({column}, {quoted(value)}) as {column}"
        for column, value in late.items()
        if column in columns
    ]
    added = [
        f"{quoted(value)} as {column}" for column, value in late.items() if column not in columns
    ]
    there = f"* replace ({', '.join(filled)})" if filled else "*"
    return f"(select {', '.join([there, *added])} from {relation})"  # noqa: S608 (names of ours)

"""Arrow rows brought into a contract's columns and types, or refused."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.tables.contract import Table


class SchemaMismatchError(ClickstreamError):
    """Rows that do not have the contract's columns."""


def conform(rows: pa.Table, table: Table) -> pa.Table:
    """`rows` in the contract's column order and Arrow types.

    Raises: SchemaMismatchError listing missing and unknown columns, or a value that does not fit.
    """
    wanted = table.arrow_schema
    missing = [name for name in wanted.names if name not in rows.column_names]
    unknown = [name for name in rows.column_names if name not in wanted.names]
    if missing or unknown:
        raise SchemaMismatchError(f"{table.path}: missing {missing}, not in contract {unknown}.")
    try:
        return rows.select(wanted.names).cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaMismatchError(f"{table.path}: {error}") from error


def with_late_columns(rows: pa.Table, table: Table) -> pa.Table:
    """`rows` of an older home, with what they have in columns that the table got later."""
    for name, before in table.late_columns.items():
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.repeat(before, len(rows)))
        elif rows[name].null_count:
            at = rows.column_names.index(name)
            rows = rows.set_column(at, name, pc.fill_null(rows[name], before))
    return rows

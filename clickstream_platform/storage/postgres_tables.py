"""The tables of contracts in PostgreSQL: columns, keys and indexes, also of tables made before.

Data: `<layer>.<table>`; a table whose rows must come anew is forgotten in `clickstream.published`.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from pyspark.sql import types as T

from clickstream_platform.tables.contract import ColumnSpec, Table

_TYPES: dict[type[T.DataType], str] = {
    T.StringType: "text",
    T.LongType: "bigint",
    T.IntegerType: "integer",
    T.DoubleType: "double precision",
    T.BooleanType: "boolean",
    T.BinaryType: "bytea",
    T.DateType: "date",
    T.TimestampType: "timestamptz",
}
_COLUMNS = """
select column_name from information_schema.columns where table_schema = %s and table_name = %s
"""
# The key we made: its index, whether it is a primary key, and its columns in order.
_KEY = """
select names.relname, indexes.indisprimary, (
    select array_agg(columns.attname::text order by keys.place)
    from unnest(indexes.indkey) with ordinality as keys(attnum, place)
    join pg_attribute as columns
        on columns.attrelid = indexes.indrelid and columns.attnum = keys.attnum
)
from pg_index as indexes
join pg_class as names on names.oid = indexes.indexrelid
where indexes.indrelid = format('%%I.%%I', %s::text, %s::text)::regclass
    and (indexes.indisprimary or names.relname = %s)
"""


def create(connection: psycopg.Connection[Any], table: Table) -> None:
    """The table, its key and its index, where they are missing or the contract has changed.

    A key that someone took away stays away. Rows of before a column have what the contract says; if
    it says nothing of a column of the key, they go, and are published again.
    """
    layer = sql.Identifier(table.layer)
    connection.execute(sql.SQL("create schema if not exists {}").format(layer))
    there = {name for (name,) in connection.execute(_COLUMNS, (table.layer, table.name))}
    if there:
        _add_columns(connection, table, there)
    else:
        columns = sql.SQL(", ").join(map(_column, table.columns))
        connection.execute(sql.SQL("create table {} ({})").format(name_of(table), columns))
    _put_key(connection, table, is_new=not there)
    if table.partition_by is not None and table.keys[0] != table.partition_by:
        command = sql.SQL("create index if not exists {} on {} ({})")
        index = sql.Identifier(f"{table.name}_{table.partition_by}")
        of = sql.Identifier(table.partition_by)
        connection.execute(command.format(index, name_of(table), of))
    comment = sql.SQL("comment on table {} is {}")
    connection.execute(comment.format(name_of(table), sql.Literal(table.grain)))


def name_of(table: Table) -> sql.Identifier:
    return sql.Identifier(table.layer, table.name)


def _add_columns(connection: psycopg.Connection[Any], table: Table, there: set[str]) -> None:
    """Those of a contract that grew since the table was made."""
    added = [spec for spec in table.columns if spec.name not in there]
    if any(spec.name in table.keys and spec.before is None for spec in added):
        connection.execute(sql.SQL("delete from {}").format(name_of(table)))
        connection.execute('delete from clickstream.published where "table" = %s', (table.path,))
    for spec in added:
        default = sql.Literal(spec.before)
        words = sql.SQL("alter table {} add column {} {} default {}")
        kind = sql.SQL(postgres_type(spec.type))
        connection.execute(words.format(name_of(table), sql.Identifier(spec.name), kind, default))


def _put_key(connection: psycopg.Connection[Any], table: Table, *, is_new: bool) -> None:
    """A primary key; a key with a column that may be null needs a unique index instead."""
    index = f"{table.name}_key"
    found = connection.execute(_KEY, (table.layer, table.name, index)).fetchall()
    is_right = any(columns == list(table.keys) for _, _, columns in found)
    if is_right or not (found or is_new):
        return
    for name, is_primary, _ in found:
        word = "alter table {table} drop constraint {name}" if is_primary else "drop index {index}"
        connection.execute(
            sql.SQL(word).format(
                table=name_of(table),
                name=sql.Identifier(name),
                index=sql.Identifier(table.layer, name),
            )
        )
    may_be_null = {spec.name for spec in table.columns if spec.nullable}
    made = "alter table {table} add primary key ({keys})"
    if not may_be_null.isdisjoint(table.keys):
        made = "create unique index {index} on {table} ({keys}) nulls not distinct"
    keys = sql.SQL(", ").join(map(sql.Identifier, table.keys))
    connection.execute(
        sql.SQL(made).format(table=name_of(table), index=sql.Identifier(index), keys=keys)
    )


def _column(spec: ColumnSpec) -> sql.Composed:
    words = sql.SQL(postgres_type(spec.type) + ("" if spec.nullable else " not null"))
    return sql.SQL("{} {}").format(sql.Identifier(spec.name), words)


def postgres_type(spark_type: T.DataType) -> str:
    """The PostgreSQL type of a contract's type; structs and their lists become jsonb."""
    if isinstance(spark_type, T.DecimalType):
        return f"numeric({spark_type.precision}, {spark_type.scale})"
    if isinstance(spark_type, T.ArrayType) and type(spark_type.elementType) in _TYPES:
        return f"{_TYPES[type(spark_type.elementType)]}[]"
    return _TYPES.get(type(spark_type), "jsonb")

"""Tables of the lake in PostgreSQL, one transaction per partition, unchanged partitions skipped.

Data: the contract's columns in `<layer>.<table>`; what was published in `clickstream.published`.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from psycopg import sql
from psycopg.types.json import Jsonb

from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.storage import delta
from clickstream_platform.storage.conform import with_late_columns
from clickstream_platform.storage.postgres_tables import create, name_of
from clickstream_platform.tables.contract import Table

OLDEST_SERVER = 150_000  # PostgreSQL 15: unique indexes that take null as a value
WHOLE_TABLE = ""  # the partition of a table without partitions
_BOOKS = """
create schema if not exists clickstream;
create table if not exists clickstream.published (
    "table" text not null,
    partition text not null,
    content text not null,
    row_count bigint not null,
    published_at timestamptz not null default now(),
    primary key ("table", partition)
);
"""


class PostgresError(EnvironmentProblemError):
    """The server cannot be reached, refuses us, or refuses the rows."""


@dataclass(frozen=True)
class Published:
    """What one table's publication did; `skipped` partitions were there already."""

    table: str
    written: int
    skipped: int
    removed: int
    rows: int


def connect(url: str) -> psycopg.Connection[Any]:
    """A connection that commits only where we say so.

    Raises: PostgresError, without the password.
    """
    try:
        connection = psycopg.connect(url, connect_timeout=10, application_name="clickstream")
    except psycopg.Error as error:
        raise PostgresError(
            f"PostgreSQL at {_without_password(url)} cannot be used: {_words(error)} "
            "Check `postgres_url`, that the server runs, and the password (PGPASSWORD, ~/.pgpass)."
        ) from error
    if connection.info.server_version < OLDEST_SERVER:
        version = connection.info.parameter_status("server_version")
        connection.close()
        raise PostgresError(f"PostgreSQL {version} is too old; 15 is the oldest that works.")
    return connection


def prepare(connection: psycopg.Connection[Any], tables: Iterable[Table]) -> None:
    """Schemas, tables, keys and indexes, where they are missing.

    Raises: PostgresError, as where a table of that name has other columns.
    """
    try:
        with connection.transaction():
            connection.execute(_BOOKS)
            for table in tables:
                create(connection, table)
    except psycopg.Error as error:
        raise PostgresError(f"The tables cannot be made: {_words(error)}") from error


def publish(connection: psycopg.Connection[Any], lake: Path, table: Table) -> Published:
    """`table` as it is now: changed partitions replaced, others left, vanished ones removed.

    Guarantees: each partition changes in a transaction of its own together with its mark, so that
        a reader sees all of it or nothing, and a publication that was cut off goes on where it was.
    Raises: PostgresError.
    """
    source = DeltaTable(delta.location(lake, table))
    wanted = _contents(source, table.partition_by)
    dataset = source.to_pyarrow_dataset()
    there = [name for name in table.column_names if name in dataset.schema.names]
    try:
        known = _published(connection, table)
        changed = [name for name in sorted(wanted) if known.get(name) != wanted[name]]
        count = 0
        for name in changed:
            condition = None
            if table.partition_by is not None:
                condition = pc.field(table.partition_by) == name
            rows = with_late_columns(dataset.to_table(columns=there, filter=condition), table)
            count += _replace(connection, table, name, rows, content=wanted[name])
        removed = sorted(set(known) - set(wanted))
        for name in removed:
            _remove(connection, table, name)
    except psycopg.Error as error:
        raise PostgresError(
            f"{table.path} could not be published: {_words(error)} What was published before "
            "stays; publish again to go on."
        ) from error
    return Published(table.path, len(changed), len(wanted) - len(changed), len(removed), count)


def _contents(source: DeltaTable, partition_by: str | None) -> dict[str, str]:
    """For each partition a digest of the files in force: another content has other files."""
    files = pa.table(source.get_add_actions(flatten=True))
    paths: dict[str, list[str]] = defaultdict(list)
    if partition_by is None:
        paths[WHOLE_TABLE] = []
    if files.num_rows:
        names = [WHOLE_TABLE] * files.num_rows
        if partition_by is not None:
            names = files[f"partition.{partition_by}"].to_pylist()
        for name, path in zip(names, files["path"].to_pylist(), strict=True):
            paths[str(name)].append(path)
    return {
        name: hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()
        for name, found in paths.items()
    }


def _published(connection: psycopg.Connection[Any], table: Table) -> dict[str, str]:
    with connection.transaction():
        found = connection.execute(
            'select partition, content from clickstream.published where "table" = %s', (table.path,)
        )
        return {str(name): str(content) for name, content in found}


def _replace(
    connection: psycopg.Connection[Any],
    table: Table,
    partition: str,
    rows: pa.Table,
    *,
    content: str,
) -> int:
    with connection.transaction():
        _delete(connection, table, partition)
        columns = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
        command = sql.SQL("copy {} ({}) from stdin").format(name_of(table), columns)
        with connection.cursor() as cursor, cursor.copy(command) as copy:
            for row in _values(rows):
                copy.write_row(row)
        connection.execute(
            'insert into clickstream.published ("table", partition, content, row_count) '
            'values (%s, %s, %s, %s) on conflict ("table", partition) do update set '
            "content = excluded.content, row_count = excluded.row_count, published_at = now()",
            (table.path, partition, content, rows.num_rows),
        )
    return rows.num_rows


def _remove(connection: psycopg.Connection[Any], table: Table, partition: str) -> None:
    with connection.transaction():
        _delete(connection, table, partition)
        connection.execute(
            'delete from clickstream.published where "table" = %s and partition = %s',
            (table.path, partition),
        )


def _delete(connection: psycopg.Connection[Any], table: Table, partition: str) -> None:
    if table.partition_by is None:
        connection.execute(sql.SQL("delete from {}").format(name_of(table)))
        return
    column = sql.Identifier(table.partition_by)
    command = sql.SQL("delete from {} where {} = %s").format(name_of(table), column)
    connection.execute(command, (partition,))


def _values(rows: pa.Table) -> Iterator[tuple[object, ...]]:
    """The rows as COPY takes them: structs as JSON, and no zero byte, which text cannot hold."""
    nested = [pa.types.is_nested(field.type) and not _is_plain_list(field.type)
              for field in rows.schema]  # fmt: skip
    for batch in rows.to_batches():
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield tuple(_value(v, as_json=n) for v, n in zip(row, nested, strict=True))


def _value(value: object, *, as_json: bool) -> object:
    if value is None:
        return None
    if as_json:
        return Jsonb(value, dumps=_json)
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _json(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False).replace("\\u0000", "\\ufffd")


def _is_plain_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and not pa.types.is_nested(kind.value_type)


def _words(error: psycopg.Error) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else f"{text}."


def _without_password(url: str) -> str:
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        return "the given `postgres_url`"
    shown = {
        name: str(value)
        for name, value in parts.items()
        if name in ("host", "port", "dbname", "user")
    }
    return psycopg.conninfo.make_conninfo(**shown) or "the default address"

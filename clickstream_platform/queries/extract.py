"""The lake's rows in a DuckDB file, for a process that asks the same tables again and again.

Data: `<home>/state/dashboard.duckdb`, which may be deleted at any time. A month of hours is 720
small files a table, and opening them takes longer than any question; the extract opens each file
once. Just before a question it is brought up to date by the files that commits added and removed.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from clickstream_platform.queries.datasets import newest_commit
from clickstream_platform.queries.lake import CONFIG, Lake
from clickstream_platform.queries.named import named_queries
from clickstream_platform.queries.stored import files_of
from clickstream_platform.queries.views import view_texts
from clickstream_platform.settings import Settings
from clickstream_platform.tables.catalog import BY_PATH

FILE = "dashboard.duckdb"
MEMORY_LIMIT = "1GB"
FILES_AT_ONCE = 100
FILE_NO = "_file_no"  # which file a row came from
_FILTERS = {"event_hour", "visitor_id", "device_category", "channel_group", "is_bot"}
_BOOKS = """
create sequence if not exists file_numbers;
create table if not exists files (
    name text, path text, file_no bigint default nextval('file_numbers')
);
"""
_KNOWN = "select path, file_no from files where name = $1"
_NOTE = "insert into files (name, path) values ($1, $2) returning file_no"
_NUMBERS = itertools.count()


class Extract:
    """One DuckDB for all threads of a process; each question has a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        settings.state.mkdir(parents=True, exist_ok=True)
        self._lake = settings.lake
        self._lock = threading.Lock()
        self._stamps: dict[str, tuple[str, int, int]] = {}
        self._schemas: dict[str, pa.Schema] = {}
        self._db = _opened(settings.state / FILE)
        [[self._catalog]] = self._db.execute("select current_database()").fetchall()
        self._db.execute(_BOOKS)

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with an empty database of its own before it."""
        found, mine = self._db.cursor(), f"question_{next(_NUMBERS)}"
        found.execute(f"attach ':memory:' as {mine}; use {mine}")
        try:
            yield found
        finally:
            found.execute(f"use {self._catalog}; detach {mine}")
            found.close()

    def relation(self, name: str) -> str:
        """What to select from for `layer.table`, as it is at the newest version.

        Guarantees: who reads meanwhile sees all of a commit's files or none.
        """
        location = self._lake / name.replace(".", "/")
        with self._lock:
            stamp = newest_commit(location)
            if self._stamps.get(name) != stamp:
                self._bring_up(name, location)
                self._stamps[name] = stamp
        rows = f"{self._catalog}.main.{_rows_of(name)}"
        return f"(select * exclude ({FILE_NO}) from {rows})"  # noqa: S608 (names of ours)

    def columns(self, name: str) -> list[str]:
        self.relation(name)
        return self._schemas[name].names

    def close(self) -> None:
        self._db.close()

    def _bring_up(self, name: str, location: Path) -> None:
        """One transaction: rows of files that are gone go, those of new files come."""
        delta = DeltaTable(str(location))
        schema = _kept(pa.schema(delta.schema().to_arrow()), name)
        files = files_of(delta)
        sql = self._db.cursor()
        sql.execute("begin")
        known = dict(sql.execute(_KNOWN, [name]).fetchall())
        if not known or _columns(sql, name) != [*schema.names, FILE_NO]:
            sql.execute("delete from files where name = $1", [name])
            empty = schema.append(pa.field(FILE_NO, pa.int64())).empty_table()
            sql.register("incoming", empty)
            sql.execute(f"create or replace table {_rows_of(name)} as from incoming")
            known = {}
        gone = [number for path, number in known.items() if path not in files]
        if gone:
            of_gone = f"{FILE_NO} in (select unnest($1))"
            sql.execute(f"delete from {_rows_of(name)} where {of_gone}", [gone])  # noqa: S608
            sql.execute("delete from files where file_no in (select unnest($1))", [gone])
        new = sorted(set(files) - set(known))
        for at in range(0, len(new), FILES_AT_ONCE):
            parts = []
            for path in new[at : at + FILES_AT_ONCE]:
                [[number]] = sql.execute(_NOTE, [name, path]).fetchall()
                parts.append(_read(location / unquote(path), files[path], schema, number))
            sql.register("incoming", pa.concat_tables(parts))
            sql.execute(f"insert into {_rows_of(name)} from incoming")
        sql.execute("commit")
        sql.close()
        self._schemas[name] = schema


class ExtractLake(Lake):
    """A lake whose newest rows come from an extract; older versions from the Delta tables."""

    def __init__(
        self, settings: Settings, extract: Extract, *, only: Mapping[str, str | bool] | None = None
    ) -> None:
        self._extract = extract
        self._open = extract.connection()
        super().__init__(settings, only=only)

    def _connected(self) -> duckdb.DuckDBPyConnection:
        return self._open.__enter__()

    def close(self) -> None:
        self._open.__exit__(None, None, None)

    def _opened(self, name: str, version: int | None) -> tuple[str, Sequence[str]]:
        del version  # always the newest
        return self._extract.relation(name), self._extract.columns(name)


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
    """The file; a new one if it is no use, one in memory if another process has it."""
    config = CONFIG | {"memory_limit": MEMORY_LIMIT, "enable_external_access": "false"}
    for _ in range(2):
        try:
            return duckdb.connect(str(path), config=config)
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                break
            path.unlink(missing_ok=True)  # of another DuckDB, or cut off: it is only a copy
            path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    return duckdb.connect(":memory:", config=config)


def _read(path: Path, partition: Mapping[str, object], schema: pa.Schema, number: int) -> pa.Table:
    """The rows of one file as the table has them: its partition added, what it lacks null."""
    with pq.ParquetFile(path) as file:
        there = set(file.schema_arrow.names)
        rows = file.read([name for name in schema.names if name in there])
    columns = []
    for field in schema:
        if field.name in there:
            columns.append(rows[field.name].cast(field.type))
        else:
            value = pa.scalar(partition.get(field.name), field.type)
            columns.append(pa.repeat(value, rows.num_rows))
    columns.append(pa.repeat(pa.scalar(number, pa.int64()), rows.num_rows))
    return pa.table(columns, schema=schema.append(pa.field(FILE_NO, pa.int64())))


def _kept(schema: pa.Schema, name: str) -> pa.Schema:
    """Of the wide tables of events, only the columns that a question or a filter names."""
    contract = BY_PATH.get(name.replace(".", "/"))
    if contract is None or contract.writer != "spark":
        return schema
    return pa.schema([field for field in schema if field.name in _words() | _FILTERS])


@cache
def _words() -> set[str]:
    """Every word of every question and view."""
    texts = [*view_texts().values(), *(query.sql for query in named_queries().values())]
    return {word for text in texts for word in re.findall(r"\w+", text)}


def _columns(sql: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    try:
        return [str(row[0]) for row in sql.execute(f"describe {_rows_of(name)}").fetchall()]
    except duckdb.CatalogException:
        return []


def _rows_of(name: str) -> str:
    return f'"rows of {name}"'

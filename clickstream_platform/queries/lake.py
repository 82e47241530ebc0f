"""The lake in DuckDB: Delta tables opened by delta-rs, as read-only views named `layer.table`.

Data: `lake/{gold,silver,ops,bronze}/<table>`. DuckDB's own Delta extension needs a download, so
delta-rs names the files and DuckDB reads them (`stored.py`); files of other hours it leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from clickstream_platform.errors import UsageError
from clickstream_platform.queries import datasets
from clickstream_platform.queries.late import with_late_columns
from clickstream_platform.queries.only import (
    ROBOTS,
    ROBOTS_RAW,
    WHOLE,
    can_filter,
    condition,
    is_filtered,
    quoted,
)
from clickstream_platform.queries.stored import stored
from clickstream_platform.queries.variables import variables
from clickstream_platform.queries.views import LAYERS, mentioned, view_texts
from clickstream_platform.settings import Settings

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "2GB",
    "python_enable_replacements": "false",
}
HOUR_STATE = "ops.hour_state"
_EXPLAIN = re.compile(r"\s*explain\b(\s+analyze\b)?(\s*\([^)]*\))?", re.IGNORECASE)


class QueryError(UsageError):
    """SQL that cannot be answered; carries DuckDB's message and what there is to ask."""


class NoSuchVersionError(UsageError):
    """A table has no such version, or did not exist at that time."""


class Lake:
    """One in-memory DuckDB that sees the lake; it cannot write, nor open a file elsewhere.

    `version` holds for the tables a query names (`ops.progress` stays the newest), `as_of` for all.
    `only` keeps the rows of silver and gold whose columns have these values; ops stays whole.
    A table with visitors but without `is_bot` takes it from ROBOTS: once a robot, that day a robot.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        version: int | None = None,
        as_of: datetime | None = None,
        only: Mapping[str, str | bool] | None = None,
    ) -> None:
        if version is not None and as_of is not None:
            raise UsageError("Give a version or a time, not both.")
        self.settings = settings
        self.version = version
        self.as_of = as_of
        self.only = dict(only or {})
        self._mounted: set[str] = set()
        self.sql = self._connected()
        self.sql.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
        for layer in LAYERS:
            self.sql.execute(f"create schema {layer}")
        for name, value in variables(settings).items():
            shown = value if isinstance(value, int) else quoted(value)
            self.sql.execute(f"set variable {name} = {shown}")

    def __enter__(self) -> Lake:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.sql.close()

    def _connected(self) -> duckdb.DuckDBPyConnection:
        found = duckdb.connect(config=CONFIG)
        found.execute(f"set allowed_directories = [{quoted(str(self.settings.lake))}]")
        spill = self.settings.state / "duckdb_spill"
        found.execute(f"set temp_directory = {quoted(str(spill))}")
        found.execute("set enable_external_access = false")
        return found

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The names of the Delta tables that exist, as `layer.table`."""
        return tuple(
            f"{layer}.{log.parent.name}"
            for layer in LAYERS
            for log in sorted((self.settings.lake / layer).glob("*/_delta_log"))
        )

    @property
    def views(self) -> tuple[str, ...]:
        """The names of the views that can be asked, as `layer.view`."""
        return tuple(name for name in view_texts() if self._can_make(name))

    def _can_make(self, name: str) -> bool:
        if name in view_texts():
            return all(self._can_make(part) for part in mentioned(view_texts()[name]))
        return name in self.tables

    @cached_property
    def _known(self) -> set[str]:
        return {*self.tables, *view_texts()}

    def run(self, sql: str, params: Mapping[str, object] | None = None) -> pa.RecordBatchReader:
        """The rows of one SELECT (or DESCRIBE, EXPLAIN), batch by batch.

        Raises: QueryError; NoSuchVersionError.
        """
        kind = self._kind(sql)
        explained = _EXPLAIN.sub("", sql, count=1)  # `explain analyze` executes what it explains
        reads = self._kind(explained) if kind == duckdb.StatementType.EXPLAIN else kind
        if reads != duckdb.StatementType.SELECT:
            raise QueryError(
                f"Only reading is possible here, and this is {reads.name}. "
                "Tables are written by `clickstream run`."
            )
        try:
            self.mount(*sorted(mentioned(sql) & self._known))
            if kind == duckdb.StatementType.EXPLAIN:
                plan = self.sql.execute(sql, dict(params or {})).fetchall()
                shown = pa.table({"plan": [text for _, text in plan]})
                return pa.RecordBatchReader.from_batches(shown.schema, shown.to_batches())
            return self.sql.sql(sql, params=dict(params or {})).to_arrow_reader()
        except duckdb.Error as error:
            raise self._explained(error, sql) from error

    def _kind(self, sql: str) -> duckdb.StatementType:
        """What the one statement is."""
        try:
            statements = self.sql.extract_statements(sql)
        except duckdb.Error as error:
            raise self._explained(error, sql) from error
        if len(statements) != 1:
            raise QueryError(f"Give one SQL statement; these are {len(statements)}.")
        return statements[0].type

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> list[dict[str, object]]:
        """All rows as dictionaries, for small answers."""
        return self.run(sql, params).read_all().to_pylist()

    def mount(self, *names: str, is_named: bool = True) -> None:
        """Makes the views of `names`, and of what they are made from."""
        for name in names:
            if name in self._mounted:
                continue
            if name in view_texts() and name not in WHOLE:
                self._mount_view(name)
            else:
                table = WHOLE.get(name, name)
                self._mount_table(name, table, self._version_of(table, is_named=is_named))
            self._mounted.add(name)

    def columns(self, name: str) -> list[str]:
        """The columns of a table or view."""
        self.mount(name)
        return [str(row[0]) for row in self.sql.execute(f"describe {name}").fetchall()]

    def _path(self, name: str) -> Path:
        layer, _, table = name.partition(".")
        return self.settings.lake / layer / table

    def _mount_table(self, name: str, table: str, version: int | None) -> None:
        relation, columns = self._opened(table, version)
        kept = "" if name in WHOLE else self._kept(name, columns)
        rows = with_late_columns(relation, table, columns)
        self.sql.execute(f"create view {name} as from {rows}{kept}")

    def _opened(self, name: str, version: int | None) -> tuple[str, Sequence[str]]:
        """What to select from for the table's rows, and the columns that it has there."""
        found = stored(self._path(name), version)
        relation = found.relation(self.sql)
        if relation is not None:
            return relation, found.columns
        source = f"arrow_{name.replace('.', '_')}"
        self.sql.register(source, datasets.dataset(self._path(name), version))
        return source, found.columns

    def has_column(self, name: str, column: str) -> bool:
        """True if the table as it is stored has it: one of before a column lacks it."""
        return column in self._opened(name, self._version_of(name))[1]

    def _kept(self, name: str, columns: Sequence[str]) -> str:
        """The condition that `only` puts on a table.

        Raises: QueryError if the table has no such column: a part of it would be the whole.
        """
        if not self.only or not is_filtered(name):
            return ""
        missing = sorted(column for column in self.only if not self.can_filter(name, column))
        if missing:
            raise QueryError(f"{name} has no column {', '.join(missing)} to filter by.")
        if set(self.only) - set(columns) and ROBOTS_RAW not in self._mounted:
            relation, _ = self._opened(ROBOTS, self._version_of(ROBOTS))
            self.sql.execute(f"create view {ROBOTS_RAW} as from {relation}")
            self._mounted.add(ROBOTS_RAW)
        return condition(self.only, columns)

    def can_filter(self, name: str, column: str) -> bool:
        """True if the rows of the table `name` can be told apart by `column`."""
        _, columns = self._opened(name, self._version_of(name))
        return can_filter(column, columns, has_robots=ROBOTS in self.tables)

    def _mount_view(self, name: str) -> None:
        text = view_texts()[name]
        inputs = mentioned(text)
        missing = sorted({WHOLE.get(part, part) for part in inputs} - self._known)
        if missing:
            raise QueryError(
                f"{name} is made from {', '.join(missing)}, which {self.settings.lake} does not "
                f"hold. Build it with `clickstream run`.\n{self._catalogue()}"
            )
        for part in sorted(inputs):
            self.mount(part, is_named=part in WHOLE or part not in {HOUR_STATE, *view_texts()})
        self.sql.execute(f"create view {name} as {text}")

    def _version_of(self, name: str, *, is_named: bool = True) -> int | None:
        """The version to open; null for the newest."""
        if self.as_of is None and (self.version is None or not is_named):
            return None
        history = DeltaTable(str(self._path(name))).history()
        commits = sorted((int(entry["version"]), _moment(entry["timestamp"])) for entry in history)
        if self.as_of is not None:
            fitting = [number for number, at in commits if at <= self.as_of]
            wanted = f"did not exist at {_iso(self.as_of)}"
        else:
            fitting = [number for number, _ in commits if number == self.version]
            wanted = f"has no version {self.version}"
        if not fitting:
            (first, since), (last, until) = commits[0], commits[-1]
            raise NoSuchVersionError(
                f"{name} {wanted}. It has versions {first} ({_iso(since)}) to {last} "
                f"({_iso(until)}). Versions count per table; for several tables use a time."
            )
        return max(fitting)

    def _explained(self, error: duckdb.Error, sql: str) -> QueryError:
        if isinstance(error, duckdb.IOException):
            return QueryError(
                f"A file of the lake cannot be read: {error}\nAsk again, if it was compacted just "
                "now; versions older than `maintenance.vacuum_hours` are gone."
            )
        return QueryError(f"{error}\n{self._catalogue(mentioned(sql) & self._known)}")

    def _catalogue(self, names: set[str] | None = None) -> str:
        """What can be asked: the columns of `names`, and every table and view."""
        if not self.tables:
            return (
                f"{self.settings.lake} holds no table yet. Put files into "
                f"{self.settings.landing} and build with `clickstream run`."
            )
        lines = [f"Columns of {n}: {', '.join(self.columns(n))}." for n in sorted(names or ())]
        return "\n".join([*lines, f"Tables and views: {', '.join([*self.tables, *self.views])}."])


def parse_moment(text: str) -> datetime:
    """An ISO 8601 time; without zone it is UTC.

    Raises: UsageError.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a time; write it like 2026-11-20T10:30:00 (UTC)."
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

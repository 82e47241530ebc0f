"""The lake's Delta tables as DuckDB relations, over delta-rs: it reads the log, DuckDB the files.

Data: `lake/<layer>/<name>`; views of the same name in DuckDB, with times as UTC without zone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from clickstream_platform.oracle.mappings import Mapping, mapping_table
from clickstream_platform.settings import Settings

SQL_DIR = Path(__file__).parent / "sql"
SILVER = ("silver/events", "silver/duplicates", "silver/quarantine")
GOLD = (
    "gold/fact_events",
    "gold/fact_transactions",
    "gold/transaction_conflicts",
    "gold/fact_sessions",
    "gold/revenue_5min",
    "gold/funnel_10min",
    "gold/hourly_metrics",
    "gold/bot_visitors_hourly",
    "gold/funnel_hourly",
)
MEMORY_LIMIT = "2GB"


def sql_of(name: str) -> str:
    """The text of one definition."""
    return (SQL_DIR / f"{name}.sql").read_text(encoding="utf-8")


class Lake:
    """One DuckDB connection that sees the lake's tables; closes and cleans up as a context."""

    def __init__(
        self,
        settings: Settings,
        mappings: dict[str, Mapping],
        versions: dict[str, int] | None = None,
    ) -> None:
        self.settings = settings
        self.mappings = mappings
        self._versions = versions or {}
        self._spill = tempfile.TemporaryDirectory(prefix="clickstream-verify-")
        self._deltas: dict[str, DeltaTable | None] = {}
        self.sql = duckdb.connect(
            config={"memory_limit": MEMORY_LIMIT, "temp_directory": self._spill.name}
        )
        self.sql.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false")
        self.sql.execute("set enable_progress_bar = false")
        for schema in ("bronze", "silver", "gold", "ops", "actual"):
            self.sql.execute(f"create schema {schema}")
        self.sql.execute(sql_of("macros"))
        self._register_settings()

    def __enter__(self) -> Lake:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sql.close()
        self._spill.cleanup()

    def _register_settings(self) -> None:
        current = self.settings
        self.sql.execute(
            """create table setting as select
                   $1::varchar as first_hour, $2::bigint as max_future_skew_s,
                   $3::decimal(12, 2) as high_value_threshold, $4::bigint as order_repeat_s,
                   $5::varchar as reporting_currency, $6::bigint as idle_s, $7::bigint as cap_s,
                   $8::boolean as campaign_cut, $9::bigint as max_users_per_device,
                   $10::bigint as max_ids_per_person, $11::bigint as look_back_days""",
            [
                current.first_hour,
                current.max_future_skew_s,
                str(current.high_value_threshold),
                current.order_repeat_s,
                current.reporting_currency,
                current.sessions.idle_s,
                current.sessions.cap_s,
                current.sessions.campaign_cut,
                current.people.max_users_per_device,
                current.people.max_ids_per_person,
                current.attribution_look_back_days,
            ],
        )
        blocked = {name.strip(" ").lower() for name in current.people.blocked_ids}
        self.store("blocked_id", pa.table({"id": pa.array(sorted(blocked), pa.string())}))
        self.store("mapping", mapping_table(self.mappings))
        steps = current.funnel_steps
        self.store(
            "funnel_step",
            pa.table({"step_no": pa.array(range(1, len(steps) + 1), pa.int64()), "step": steps}),
        )
        named = [
            {"funnel": name, "step_no": no, "step": step}
            for name, of_funnel in current.funnels.items()
            for no, step in enumerate(of_funnel, start=1)
        ]
        types = [("funnel", pa.string()), ("step_no", pa.int64()), ("step", pa.string())]
        self.store("named_funnel", pa.Table.from_pylist(named, pa.schema(types)))

    def store(self, name: str, rows: pa.Table) -> None:
        """Keeps `rows` as the DuckDB table `name`, in place of an earlier one."""
        self.sql.register("arriving", rows)
        self.sql.execute(f"create or replace table {name} as from arriving")
        self.sql.unregister("arriving")

    def delta(self, table: str) -> DeltaTable | None:
        """The Delta table `layer/name` at its version; null if it does not exist."""
        if table not in self._deltas:
            path = str(self.settings.lake / table)
            self._deltas[table] = (
                DeltaTable(path, version=self._versions.get(table))
                if DeltaTable.is_deltatable(path)
                else None
            )
        return self._deltas[table]

    def exists(self, table: str) -> bool:
        return self.delta(table) is not None

    def columns(self, table: str) -> set[str]:
        found = self.delta(table)
        return set() if found is None else {field.name for field in found.schema().fields}

    def view(
        self,
        table: str,
        *,
        name: str,
        columns: Sequence[str] | None = None,
        hours: tuple[str, Sequence[str]] | None = None,
    ) -> None:
        """Makes the view `name` of an existing table: of the Parquet files its log lists.

        `hours` is the column and the hours to keep; only their files are opened.
        """
        found = self.delta(table)
        if found is None:
            raise LookupError(table)
        schema = pa.schema(found.schema().to_arrow())
        files = found.file_uris(_partition_filter(found, hours))
        source = f"arrow_{name.replace('.', '_')}"
        if files:
            listed = ", ".join(_quoted(unquote(file)) for file in files)  # delta-rs gives URIs
            source = (
                f"read_parquet([{listed}], union_by_name = true, hive_partitioning = true, "
                "hive_types_autocast = false)"
            )
        else:
            self.sql.register(source, _plain_strings(schema).empty_table())
        kept = [field for field in schema if columns is None or field.name in columns]
        picked = ", ".join(_without_zone(field) for field in kept)
        self.sql.execute(
            f"create or replace view {name} as select {picked} from {source} where {_within(hours)}"
        )

    def view_or_empty(
        self, table: str, *, name: str, like: str, hours: tuple[str, Sequence[str]] | None = None
    ) -> None:
        """As `view`; for a table that does not exist an empty one with the columns of `like`."""
        if self.exists(table):
            self.view(table, name=name, hours=hours)
        else:
            self.sql.execute(f"create or replace view {name} as select * from main.{like} limit 0")

    def number(self, query: str) -> int:
        """The one number the query counts."""
        return int(self.sql.execute(query).fetchall()[0][0])

    def rows(self, query: str) -> list[dict[str, Any]]:
        """All rows as dictionaries, for small answers."""
        cursor = self.sql.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def column_names(self, relation: str) -> tuple[str, ...]:
        """The columns of a DuckDB relation, in order."""
        return tuple(self.sql.table(relation).columns)

    @cached_property
    def has_hour_state(self) -> bool:
        return self.exists("ops/hour_state")


def _partition_filter(
    table: DeltaTable, hours: tuple[str, Sequence[str]] | None
) -> list[tuple[str, str, Any]] | None:
    """The hours as delta-rs takes them, where they are the table's partitions."""
    if hours is None or hours[0] not in table.metadata().partition_columns or not hours[1]:
        return None
    return [(hours[0], "in", list(hours[1]))]


def _within(hours: tuple[str, Sequence[str]] | None) -> str:
    """The hours as a condition; the range beside the list skips row groups by statistics."""
    if hours is None:
        return "true"
    column, keys = hours
    if not keys:
        return "false"
    listed = ", ".join(_quoted(key) for key in keys)
    first, last = _quoted(min(keys)), _quoted(max(keys))
    return f"{column} between {first} and {last} and {column} in ({listed})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _plain_strings(schema: pa.Schema) -> pa.Schema:
    """The schema without view types, for an empty table."""
    plain = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    return pa.schema([field.with_type(plain.get(field.type, field.type)) for field in schema])


def _without_zone(field: pa.Field) -> str:
    if pa.types.is_timestamp(field.type):
        return f'make_timestamp(epoch_us("{field.name}")) as "{field.name}"'
    return f'"{field.name}"'

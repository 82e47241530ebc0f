"""A lake of gold and ops of any size, made by DuckDB and written by delta-rs in minutes.

For measuring what reads gold: the rows keep to the contracts (types, keys, no null where none may
be) and the tables agree with each other where a question joins them, but no raw line ever was.

Data: `<home>/lake/{gold,silver,ops}`; one commit a day and table, one file an hour, as after
`clickstream maintain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql import types as T

from benchmarks.gold_lake_sql import ALL_TIME, BY_DAY, EVENTS, OPS, SETUP
from clickstream_platform.tables.catalog import BY_PATH
from clickstream_platform.tables.contract import ColumnSpec, Table
from clickstream_platform.tables.rules import rules_of

FIRST_DAY = datetime(2026, 10, 1, tzinfo=UTC)
EVENTS_PER_SESSION = 9
HOURS_PER_DAY = 24
_FILL: Mapping[type[T.DataType], Any] = {
    T.StringType: "x",
    T.LongType: 0,
    T.IntegerType: 0,
    T.DoubleType: 0.0,
    T.DecimalType: Decimal(0),
    T.BooleanType: False,
    T.DateType: FIRST_DAY.date(),
    T.TimestampType: FIRST_DAY,
    T.BinaryType: b"",
    T.ArrayType: [],
}


def build(home: Path, *, events: int, days: int) -> None:
    """Writes the lake; `events` spread evenly over the hours of `days` days."""
    sessions_per_hour = max(1, events // (EVENTS_PER_SESSION * HOURS_PER_DAY * days))
    with duckdb.connect() as sql:
        sql.execute("set TimeZone = 'UTC'")
        _set(sql, first_day=FIRST_DAY, day=0)  # macros bind to the variables' types
        sql.execute(SETUP)
        for day in range(days):
            _set(sql, first_day=FIRST_DAY, day=day, per_hour=sessions_per_hour,
                 visitors=max(1, sessions_per_hour * HOURS_PER_DAY * days * 7 // 10))  # fmt: skip
            sql.execute(EVENTS)
            for path, text in BY_DAY.items():
                _write(sql, home, path, text)
        for path, text in {**ALL_TIME, **OPS}.items():
            _set(sql, first_day=FIRST_DAY, days=days, per_hour=sessions_per_hour)
            _write(sql, home, path, text)
        _write(sql, home, "ops/dq_results", _results(days))


def last_hour(days: int) -> str:
    """The newest hour of a lake of so many days."""
    return f"{FIRST_DAY + timedelta(days=days, hours=-1):%Y-%m-%dT%H}"


def _set(sql: duckdb.DuckDBPyConnection, **values: Any) -> None:
    for name, value in values.items():
        text = f"timestamptz '{value.isoformat()}'" if isinstance(value, datetime) else value
        sql.execute(f"set variable {name} = {text}")


def _write(sql: duckdb.DuckDBPyConnection, home: Path, path: str, text: str) -> None:
    table = BY_PATH[path]
    rows = sql.sql(text).to_arrow_table()
    write_deltalake(
        str(home / "lake" / path),
        conform(rows, table),
        mode="append",
        partition_by=[table.partition_by] if table.partition_by else None,
        configuration={"delta.checkpointInterval": "50"},
    )


def conform(rows: pa.Table, table: Table) -> pa.Table:
    """The rows with the contract's columns; what `rows` leave out is null, or a filler."""
    columns = {spec.name: _column(rows, spec, table) for spec in table.columns}
    unknown = set(rows.column_names) - set(columns)
    assert not unknown, f"{table.path} has no column {unknown}"  # noqa: S101 (a slip of ours)
    return pa.table(columns).cast(table.arrow_schema)


def _column(rows: pa.Table, spec: ColumnSpec, table: Table) -> pa.ChunkedArray | pa.Array:
    kind = table.arrow_schema.field(spec.name).type
    if spec.name in rows.column_names:
        return rows[spec.name].cast(kind)
    if spec.nullable:
        return pa.nulls(rows.num_rows, kind)
    filler = pa.scalar(_FILL[type(spec.type)], kind)
    return pa.repeat(filler, rows.num_rows)


def _results(days: int) -> str:
    """Every rule of every hourly table in every hour; one in a thousand found something."""
    rules = [
        f"('{table.path}', '{rule.name}', '{rule.action}')"
        for table in BY_PATH.values()
        if table.partition_by == "event_hour"
        for rule in rules_of(table)
    ]
    return f"""
    select rules."table", hours.hour, 'contract' as "check", rules.rule, rules.action,
        1000 as rows_checked, (hash(rule, hour) % 1000 = 0)::bigint as failed_count,
        failed_count = 0 or rules.action = 'reject' as passed, 'r' as run_id,
        strptime(hour, '%Y-%m-%dT%H')::timestamptz + interval 2 hour as recorded_at
    from (values {", ".join(rules)}) as rules("table", rule, action)
    cross join (
        select strftime(getvariable('first_day') + to_hours(h), '%Y-%m-%dT%H') as hour
        from range({days * HOURS_PER_DAY}) as hours(h)
    ) as hours
    """

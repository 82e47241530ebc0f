"""The other yardstick: the same tables by DuckDB's SQL and delta-rs, without Spark and Dagster.

One process and no cluster to grow into, so no table of ours could be written like this on ten
machines; but on one machine it is what the platform's engine costs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from benchmarks.bare_enrichment import AGENT, TRAFFIC, agent, traffic
from benchmarks.bare_spark import (
    DUPLICATES,
    EVENTS,
    FIELDS,
    FIRST_HOUR,
    KNOWN,
    QUARANTINE,
    SOURCE,
    lines_of,
)

SQL = Path(__file__).with_name("duckdb_sql")
BATCH = pa.schema(
    {
        "source_file": pa.string(),
        "source_offset": pa.int64(),
        "raw": pa.binary(),
        "ingest_hour": pa.string(),
        "line": pa.string(),
    }
)
GOLD = (
    "fact_transactions", "transaction_conflicts", "bot_visitors_hourly", "revenue_5min",
    "fact_events", "fact_sessions", "funnel_10min", "funnel_hourly", "hourly_metrics",
)  # fmt: skip


def run(landing: Path, out: Path) -> None:
    """All tables from all files of `landing`, into an empty folder `out`."""
    (out / ".spill").mkdir(parents=True)
    with duckdb.connect() as sql:
        sql.execute(f"SET TimeZone = 'UTC'; SET temp_directory = '{out / '.spill'}'")
        sql.execute("SET preserve_insertion_order = false; SET memory_limit = '3GB'")
        _silver(sql, landing, out)
        for name in GOLD:
            sql.execute(f"CREATE TABLE {name} AS {_text(name)}")
            if name == "bot_visitors_hourly":
                sql.execute(f"CREATE TABLE kinds AS {_text('kinds')}")
            _store(sql, f"SELECT * FROM {name}", out / "gold" / name, "event_hour")


def _silver(sql: duckdb.DuckDBPyConnection, landing: Path, out: Path) -> None:
    sql.register("landed", pa.RecordBatchReader.from_batches(BATCH, _read(landing)))
    shape = "{" + ", ".join(f'"{name}": "VARCHAR"' for name in FIELDS) + "}"
    fields = ", ".join(
        f"if(trim(said.{name}, ' ') in ('', 'NA', 'null', '(not set)'), null, "
        f"trim(said.{name}, ' ')) as {name}"
        for name in FIELDS
    )
    text = _text("lines")
    for name, value in {
        "shape": shape, "fields": fields, "source": SOURCE, "first_hour": FIRST_HOUR
    }.items():  # fmt: skip
        text = text.replace("{" + name + "}", value)
    sql.execute(f"CREATE TABLE lines AS {text}")
    columns = "source, source_file, source_offset, raw, ingest_hour, home_hour"
    _store(sql, f"SELECT {columns} FROM lines", out / "bronze/events", "ingest_hour")
    _enrichments(sql)
    sql.execute(f"CREATE TABLE judged AS {_text('judged')}", {"known": list(KNOWN)})
    sql.execute("DROP TABLE lines")
    for name, wanted, verdict in (
        ("events", EVENTS, "accepted"),
        ("duplicates", DUPLICATES, "duplicate"),
        ("quarantine", QUARANTINE, "quarantined"),
    ):
        rows = f"SELECT {', '.join(wanted)} FROM judged WHERE verdict = '{verdict}'"
        _store(sql, rows, out / "silver" / name, "event_hour")
    sql.execute("CREATE TABLE events AS SELECT * FROM judged WHERE verdict = 'accepted'")
    sql.execute("DROP TABLE judged")
    sql.execute(f"CREATE TABLE placed AS {_text('placed')}")


def _read(landing: Path) -> Iterator[pa.RecordBatch]:
    for path in sorted((landing / SOURCE).glob("*/*.jsonl")):
        for batch in lines_of(path, landing):
            lines = [_decoded(line) for line in batch.column("raw").to_pylist()]
            yield batch.append_column("line", pa.array(lines, pa.string()))


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _enrichments(sql: duckdb.DuckDBPyConnection) -> None:
    """What distinct user agents and visits say, as two small tables to join."""
    agents = sql.execute("SELECT DISTINCT user_agent FROM lines").fetchall()
    visits = sql.execute("SELECT DISTINCT page_url, referrer FROM lines").fetchall()
    _lookup(sql, "agents", ("user_agent", *AGENT), [(text, *agent(text)) for (text,) in agents])
    _lookup(
        sql,
        "visits",
        ("page_url", "referrer", *TRAFFIC),
        [(url, referrer, *traffic(url, referrer)) for url, referrer in visits],
    )


def _lookup(
    sql: duckdb.DuckDBPyConnection, name: str, columns: tuple[str, ...], rows: list[tuple]
) -> None:
    arrays = [
        pa.array([row[no] for row in rows], pa.bool_() if column == AGENT[3] else pa.string())
        for no, column in enumerate(columns)
    ]
    sql.register(f"{name}_rows", pa.table(arrays, names=list(columns)))
    sql.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_rows")


def _store(sql: duckdb.DuckDBPyConnection, query: str, path: Path, partition: str) -> None:
    rows = sql.sql(query).to_arrow_reader(100_000)
    write_deltalake(str(path), rows, partition_by=[partition])
    DeltaTable(str(path))  # as the others do, the table is opened to be there


def _text(name: str) -> str:
    return (SQL / f"{name}.sql").read_text()


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))

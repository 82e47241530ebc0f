"""Every Delta write and read of the lake, one function per kind of write.

Spark writes bronze and other wide tables, delta-rs the small ones; never both one table.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.storage.conform import conform
from clickstream_platform.tables.contract import Table

COMMIT_KEY = "clickstream"
_RETRY = retry(
    retry=retry_if_exception_type(CommitFailedError),
    stop=stop_after_attempt(3),
    wait=wait_random(0.05, 0.5),
    reraise=True,
)


class HourOutsideRunError(ClickstreamError):
    """Rows of an hour that this write was not asked to replace."""


@dataclass(frozen=True)
class Written:
    """A commit that exists: the table's version that holds it; not new if it was skipped."""

    version: int
    commit_id: str
    is_new: bool = True


def location(lake: Path, table: Table) -> str:
    return str(lake / table.layer / table.name)


def exists(lake: Path, table: Table) -> bool:
    return DeltaTable.is_deltatable(location(lake, table))


def init_table(lake: Path, table: Table, spark: SparkSession | None) -> None:
    """Creates `table` empty, by the engine that writes it; an existing table stays as it is."""
    if exists(lake, table):
        return
    path = location(lake, table)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    properties = {"delta.checkpointInterval": "50"}
    if table.stats_columns:
        properties["delta.dataSkippingStatsColumns"] = ",".join(table.stats_columns)
    if table.writer == "deltalake":
        DeltaTable.create(
            path,
            schema=table.arrow_schema,
            mode="ignore",
            partition_by=[table.partition_by] if table.partition_by else None,
            description=table.grain,
            configuration=dict(properties),
        )
        return
    if spark is None:
        raise ClickstreamError(f"{table.path} is written by Spark and does not exist yet.")
    columns = ", ".join(
        f"`{spec.name}` {spec.type.simpleString()} COMMENT {_sql_text(spec.description)}"
        for spec in table.columns
    )
    partition = f"PARTITIONED BY (`{table.partition_by}`)" if table.partition_by else ""
    settings = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
    spark.sql(
        f"CREATE TABLE IF NOT EXISTS delta.`{path}` ({columns}) USING delta {partition} "
        f"COMMENT {_sql_text(table.grain)} TBLPROPERTIES ({settings})"
    )


def append_once(
    rows: DataFrame, lake: Path, table: Table, *, batch_id: str, run_id: str, number: int = 1
) -> Written:
    """Appends `rows`, unless a call with the same `batch_id` and this `number` or a higher did.

    Guarantees: all rows become visible in one commit. Appends conflict only with those of the
        same `batch_id`: of two at once the later is refused.
    """
    commit_id = uuid.uuid4().hex
    (
        rows.write.format("delta")
        .mode("append")
        .option("txnAppId", f"batch:{batch_id}")
        .option("txnVersion", str(number))
        .option("userMetadata", _metadata(commit_id, run_id))
        .save(location(lake, table))
    )
    return _written(lake, table, commit_id)


def append_stream(
    rows: DataFrame,
    lake: Path,
    table: Table,
    *,
    name: str,
    checkpoint: Path,
    trigger_s: float,
    run_id: str,
) -> StreamingQuery:
    """Starts a query that appends the streaming `rows`, one commit a micro-batch.

    Guarantees: a batch is committed once per `checkpoint`. Appends never conflict. When the
        query's `stop()` has returned, it commits nothing more.
    """
    return (
        rows.writeStream.format("delta")
        .outputMode("append")
        .partitionBy(str(table.partition_by))
        .queryName(name)
        .option("checkpointLocation", str(checkpoint))
        .option("userMetadata", _metadata(name, run_id))
        .trigger(processingTime=f"{trigger_s} seconds")
        .start(location(lake, table))
    )


def replace_hours(
    rows: DataFrame, lake: Path, table: Table, hours: Sequence[str], *, run_id: str
) -> Written:
    """One commit after which `table` holds exactly `rows` in `hours`, and all else unchanged.

    Grain: that of `table`; an hour of `hours` without rows becomes empty.
    Guarantees: a reader sees all of the hours replaced or none. The same call again leaves the same
        rows. The commit names `run_id`. A table made before the contract had a column gets it.
    Raises: the engine's error, before any commit, if a row lies outside `hours`.
    Source: Delta Lake documentation on selective overwrite (`replaceWhere`).
    """
    commit_id = uuid.uuid4().hex
    (
        rows.write.format("delta")
        .mode("overwrite")
        .options(replaceWhere=_hours_predicate(table, hours), mergeSchema="true")
        .option("userMetadata", _metadata(commit_id, run_id))
        .save(location(lake, table))
    )
    return _written(lake, table, commit_id)


@_RETRY
def replace_hours_arrow(
    rows: pa.Table, lake: Path, table: Table, hours: Sequence[str], *, run_id: str
) -> Written:
    """As `replace_hours`, for rows in memory, by delta-rs. A lost commit race is tried 3 times.

    Raises: SchemaMismatchError or HourOutsideRunError, before any write.
    """
    partition = table.partition_by
    outside = set(pc.unique(rows[partition]).to_pylist()) - set(hours)
    if outside:
        raise HourOutsideRunError(
            f"{table.path}: rows of {sorted(outside)} in a write of {hours[0]} to {hours[-1]}; "
            "the transform must keep to the hours it was asked for."
        )
    commit_id = uuid.uuid4().hex
    write_deltalake(
        location(lake, table),
        conform(rows, table),
        mode="overwrite",
        predicate=_hours_predicate(table, hours),
        schema_mode="merge",
        commit_properties=CommitProperties(
            custom_metadata={COMMIT_KEY: _metadata(commit_id, run_id)}
        ),
    )
    return _written(lake, table, commit_id)


@_RETRY
def replace_all_arrow(rows: pa.Table, lake: Path, table: Table, *, run_id: str) -> Written:
    """One commit after which `table` holds exactly `rows`, by delta-rs; raises as `conform`."""
    commit_id = uuid.uuid4().hex
    write_deltalake(
        location(lake, table),
        conform(rows, table),
        mode="overwrite",
        schema_mode="merge",
        commit_properties=CommitProperties(
            custom_metadata={COMMIT_KEY: _metadata(commit_id, run_id)}
        ),
    )
    return _written(lake, table, commit_id)


@_RETRY
def append_arrow(rows: pa.Table, lake: Path, table: Table, *, run_id: str) -> Written:
    """Appends `rows` in one commit, by delta-rs; a table made before the contract had a column
    gets that column."""
    commit_id = uuid.uuid4().hex
    write_deltalake(
        location(lake, table),
        conform(rows, table),
        mode="append",
        schema_mode="merge",
        commit_properties=CommitProperties(
            custom_metadata={COMMIT_KEY: _metadata(commit_id, run_id)}
        ),
    )
    return _written(lake, table, commit_id)


def read_hours(
    spark: SparkSession, lake: Path, table: Table, hours: Sequence[str], *, version: int | None
) -> DataFrame:
    """The rows of `table` in `hours` at `version`; opens only the files of those hours."""
    return read_partitions(spark, lake, table, hours, version=version)


def read_partitions(
    spark: SparkSession,
    lake: Path,
    table: Table,
    hours: Sequence[str] | None,
    *,
    version: int | None = None,
) -> DataFrame:
    """The rows of `table` at `version`, else the newest, in `hours` or all."""
    at = {} if version is None else {"versionAsOf": version}
    rows = spark.read.format("delta").options(**at).load(location(lake, table))
    return rows if hours is None else rows.where(F.col(str(table.partition_by)).isin([*hours]))


def read_arrow(
    lake: Path,
    table: Table,
    *,
    hours: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    where: pc.Expression | None = None,
    version: int | None = None,
) -> pa.Table:
    """The rows of `table` (in `hours`, and for which `where` holds) at `version`, without Spark."""
    condition = where
    if hours is not None:
        within = pc.field(str(table.partition_by)).isin([*hours])
        condition = within if where is None else within & where
    dataset = DeltaTable(location(lake, table), version=version).to_pyarrow_dataset()
    return dataset.to_table(columns=list(columns) if columns else None, filter=condition)


def version(lake: Path, table: Table) -> int:
    """The table's newest version; -1 if it does not exist."""
    try:
        return DeltaTable(location(lake, table)).version()
    except TableNotFoundError:
        return -1


def hours_of(lake: Path, table: Table, *, version: int | None = None) -> set[str]:
    """The hours that hold at least one file at `version`; reads only the Delta log."""
    delta = DeltaTable(location(lake, table), version=version)
    return {str(part[str(table.partition_by)]) for part in delta.partitions()}


def _hours_predicate(table: Table, hours: Sequence[str]) -> str:
    listed = ", ".join(f"'{hour}'" for hour in hours)
    return f"{table.partition_by} IN ({listed})"


def _metadata(commit_id: str, run_id: str) -> str:
    return json.dumps({"commit": commit_id, "run_id": run_id})


def _written(lake: Path, table: Table, commit_id: str) -> Written:
    """The commit that names `commit_id`, among the newest ones.

    A batch that `append_once` skipped has no commit of its own: the newest version holds it.
    """
    delta = DeltaTable(location(lake, table))
    for entry in delta.history(20):
        if commit_id in f"{entry.get('userMetadata', '')}{entry.get(COMMIT_KEY, '')}":
            return Written(int(entry["version"]), commit_id)
    return Written(delta.version(), commit_id, is_new=False)


def _sql_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

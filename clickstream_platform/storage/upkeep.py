"""What keeps a Delta table healthy: facts about its files and log, compaction, vacuum, checkpoint.

Nothing here changes a row: each commit has `dataChange` false.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from pyspark.sql import SparkSession
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.storage import delta
from clickstream_platform.tables.contract import Table

WHOLE_TABLE = "*"  # the one partition of a table that has none
_COMMIT = re.compile(r"^(\d{20})\.json$")
_CHECKPOINT = re.compile(r"^(\d{20})\.checkpoint\b.*\.parquet$")
_OPTIMIZE_CONFS = (
    "spark.databricks.delta.optimize.minFileSize",
    "spark.databricks.delta.optimize.maxFileSize",
)
# delta-rs takes a compaction for a reader of the whole table: each removal in any hour refuses it.
# So it must outlast a writer of other hours, not only one commit.
_RETRY = retry(
    retry=retry_if_exception_type(CommitFailedError),
    stop=stop_after_delay(60),
    wait=wait_random(0.1, 1.0),
    reraise=True,
)


@dataclass(frozen=True)
class DataFile:
    """A data file in force."""

    partition: str
    size: int


@dataclass(frozen=True)
class LogFacts:
    """The Delta log on disk. Commits are counted behind the newest checkpoint."""

    version: int
    commits_since_checkpoint: int
    checkpoints: int
    files: int
    size: int


def data_files(lake: Path, table: Table) -> list[DataFile]:
    """The files in force of `table`; reads only the Delta log."""
    actions = pa.table(DeltaTable(delta.location(lake, table)).get_add_actions(flatten=True))
    if not actions.num_rows:
        return []
    names = [WHOLE_TABLE] * actions.num_rows
    if table.partition_by:
        names = [str(name) for name in actions[f"partition.{table.partition_by}"].to_pylist()]
    sizes = actions["size_bytes"].to_pylist()
    return [DataFile(name, size) for name, size in zip(names, sizes, strict=True)]


def log_facts(lake: Path, table: Table) -> LogFacts:
    """How long the log of `table` is, by the names and sizes of its files."""
    found = [path for path in _log(lake, table).iterdir() if path.is_file()]
    commits = [int(m[1]) for path in found if (m := _COMMIT.match(path.name))]
    checkpoints = {int(m[1]) for path in found if (m := _CHECKPOINT.match(path.name))}
    newest = max(checkpoints, default=-1)
    return LogFacts(
        version=max(commits, default=newest),
        commits_since_checkpoint=sum(version > newest for version in commits),
        checkpoints=len(checkpoints),
        files=len(found),
        size=sum(path.stat().st_size for path in found),
    )


def committed_at(lake: Path, table: Table, version: int) -> datetime | None:
    """When `version` was committed; null if its commit is not in the log (any more)."""
    path = _log(lake, table) / f"{version:020d}.json"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    moment = next(a["commitInfo"]["timestamp"] for a in map(json.loads, lines) if "commitInfo" in a)
    return datetime.fromtimestamp(moment / 1000, UTC)


def compact_arrow(
    lake: Path, table: Table, partitions: Sequence[str], *, target_bytes: int, run_id: str
) -> None:
    """One commit after which the small files of `partitions` are few, by delta-rs; rows unchanged.

    A lost commit race is tried again for 60 s, under the leases of `partitions`.
    """
    _compact_arrow(DeltaTable(delta.location(lake, table)), table, partitions, target_bytes, run_id)


@_RETRY
def _compact_arrow(
    found: DeltaTable, table: Table, partitions: Sequence[str], target_bytes: int, run_id: str
) -> None:
    found.update_incremental()
    chosen: list[tuple[str, str, Any]] | None = None
    if table.partition_by:
        chosen = [(table.partition_by, "in", list(partitions))]
    note = json.dumps({"run_id": run_id})
    found.optimize.compact(
        partition_filters=chosen,
        target_size=target_bytes,
        commit_properties=CommitProperties(custom_metadata={delta.COMMIT_KEY: note}),
    )


def compact_spark(
    spark: SparkSession, lake: Path, table: Table, partitions: Sequence[str], *, target_bytes: int
) -> None:
    """The same by Spark, the only one that commits rows to the tables it writes.

    Raises: ClickstreamError for a table without partitions: it would be rewritten as a whole.
    """
    if not table.partition_by:
        raise ClickstreamError(f"{table.path} has no partitions; Spark would rewrite all of it.")
    listed = ", ".join(f"'{name}'" for name in partitions)
    for conf in _OPTIMIZE_CONFS:
        spark.conf.set(conf, str(target_bytes))
    try:
        place = f"delta.`{delta.location(lake, table)}`"
        spark.sql(f"OPTIMIZE {place} WHERE {table.partition_by} IN ({listed})").collect()
    finally:
        for conf in _OPTIMIZE_CONFS:
            spark.conf.unset(conf)


def removable(lake: Path, table: Table, *, hours: int) -> dict[str, int]:
    """Files (and their bytes) that no version of the last `hours` needs; nothing is deleted.

    All of the folder is looked through, since checkpoints forget after a week what was removed.
    delta-rs names a removed file until the log forgets it: those that are gone are left out. So are
    the checksums that engines of before left beside files which stay.
    """
    root = Path(delta.location(lake, table))
    found = DeltaTable(str(root)).vacuum(
        hours, dry_run=True, enforce_retention_duration=False, full=True
    )
    sizes = {name: _size(root, name) for name in found}
    goes = {unquote(name) for name in found}
    return {
        name: size
        for name, size in sizes.items()
        if size is not None and not _guards_a_file(root, unquote(name), goes)
    }


def vacuum(lake: Path, table: Table, *, hours: int) -> dict[str, int]:
    """Deletes what `removable` tells, and returns it; commits nothing.

    delta-rs chooses the files but does not delete them: it would take the checksums of files in
    force along, and put its notes into the log of a table that Spark writes.
    """
    root = Path(delta.location(lake, table))
    freed = removable(lake, table, hours=hours)
    for name in freed:
        for path in _paths(root, name):
            path.unlink(missing_ok=True)
    return freed


def checkpoint(lake: Path, table: Table) -> None:
    """The newest version as a checkpoint; log files that no version within the log's retention
    (`delta.logRetentionDuration`, 30 days unless set) needs are removed, and so are the checksums
    that engines of before wrote into the log: each commit would list them."""
    found = DeltaTable(delta.location(lake, table))
    found.create_checkpoint()
    found.cleanup_metadata()
    for checksum in _log(lake, table).glob("*.crc"):
        checksum.unlink(missing_ok=True)


def _log(lake: Path, table: Table) -> Path:
    return Path(delta.location(lake, table)) / "_delta_log"


def _guards_a_file(root: Path, name: str, goes: set[str]) -> bool:
    """True for the checksum `.part-….parquet.crc` of a file that is there and stays."""
    path = Path(name)
    if not (path.name.startswith(".") and path.suffix == ".crc"):
        return False
    guarded = path.with_name(path.name[1 : -len(".crc")])
    return (root / guarded).is_file() and str(guarded) not in goes


def _size(root: Path, name: str) -> int | None:
    """Bytes of a file by its path in the log; null if it is gone."""
    return next((path.stat().st_size for path in _paths(root, name)), None)


def _paths(root: Path, name: str) -> list[Path]:
    """The file of a path in the log, which may be encoded; none if it is gone."""
    return [path for path in {root / name, root / unquote(name)} if path.is_file()]

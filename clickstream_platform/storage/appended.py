"""What was appended to a table between two of its versions, by the Delta log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.storage import delta
from clickstream_platform.tables.contract import Table

MAX_VERSIONS = 1000  # reading more of the log would cost more than it spares


@dataclass(frozen=True)
class AppendedFile:
    """A data file, the version that brought it, and its partition; null without partitions."""

    version: int
    path: str
    partition: str | None = None


def appended_files(
    lake: Path, table: Table, *, since: int, until: int
) -> list[AppendedFile] | None:
    """The files that the versions after `since` up to `until` brought.

    Null if these versions did anything but append, or if the log or a file is gone.
    """
    if until - since > MAX_VERSIONS:
        return None
    folder = Path(delta.location(lake, table))
    found: list[AppendedFile] = []
    for version in range(since + 1, until + 1):
        log = folder / "_delta_log" / f"{version:020d}.json"
        if not log.is_file():
            return None
        changes = list(_changes(log))
        if any(kind == "remove" for kind, _ in changes):
            return None
        for _, file in changes:
            [partition] = [*file["partitionValues"].values()] or [None]  # one column, if any
            found.append(AppendedFile(version, str(folder / unquote(file["path"])), partition))
    return found if all(Path(file.path).is_file() for file in found) else None


def _changes(log: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """Files that came and went with their rows; a compaction only moves rows."""
    for action in map(json.loads, log.read_text().splitlines()):
        for kind in ("add", "remove"):
            if kind in action and action[kind]["dataChange"]:
                yield kind, action[kind]


def rows_of(
    spark: SparkSession, lake: Path, table: Table, files: Iterable[AppendedFile]
) -> DataFrame:
    """The rows of these files; our tables have neither deletion vectors nor renamed columns."""
    reader = spark.read.schema(table.struct_type).option("basePath", delta.location(lake, table))
    return reader.parquet(*[file.path for file in files])

"""Landing files as rows of Spark: the reader runs in the engine's tasks, split by split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.storage.landing import SPLIT_BYTES, Split, read_split

_LINE_SCHEMA = "file_no int, source_offset bigint, raw binary, damage string"
_FILE_SCHEMA = (
    "file_no int, source string, source_file string, header string, ingest_hour string, "
    "enqueued_at timestamp"
)


@dataclass(frozen=True)
class ReceivedFile:
    """A claimed file, inspected: what its lines are told about it."""

    path: str
    source: str
    source_file: str
    header: str | None
    ingest_hour: str
    enqueued_at: datetime
    splits: tuple[Split, ...]

    @property
    def byte_count(self) -> int:
        return sum(max(split.end - split.start, 1) for split in self.splits)


def received_lines(spark: SparkSession, files: Sequence[ReceivedFile], *, cores: int) -> DataFrame:
    """One row per line of `files`: the file's columns, `source_offset`, `raw` and `damage`."""
    tasks = _grouped(files, cores=cores)

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for task in batch.column(0).to_pylist():
                for file_no, split in tasks[task]:
                    for lines in read_split(split):
                        numbers = pa.array([file_no] * len(lines), pa.int32())
                        yield from lines.add_column(0, "file_no", numbers).to_batches()

    lines = spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(read, _LINE_SCHEMA)
    described = spark.createDataFrame(
        [
            (no, f.source, f.source_file, f.header, f.ingest_hour, f.enqueued_at)
            for no, f in enumerate(files)
        ],
        _FILE_SCHEMA,
    )
    return lines.join(F.broadcast(described), on="file_no", how="inner").drop("file_no")


def _grouped(files: Sequence[ReceivedFile], *, cores: int) -> list[list[tuple[int, Split]]]:
    """Neighbouring splits in as many groups as keep every core busy, of about a split's size."""
    splits = [(no, split) for no, file in enumerate(files) for split in file.splits]
    total = sum(file.byte_count for file in files)
    wanted = max(min(cores, len(splits)), -(-total // SPLIT_BYTES), 1)
    target = total / wanted
    groups: list[list[tuple[int, Split]]] = [[]]
    filled = 0.0
    for no, split in splits:
        if groups[-1] and filled >= target * len(groups):
            groups.append([])
        groups[-1].append((no, split))
        filled += max(split.end - split.start, 1)
    return groups

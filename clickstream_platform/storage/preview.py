"""A few rows of one partition, from the first rows of one of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from clickstream_platform.storage import delta
from clickstream_platform.tables.contract import Table


def some_rows(lake: Path, table: Table, key: str, *, limit: int) -> list[dict[str, Any]]:
    """At most `limit` rows of the hour or day `key`, or of a table without partitions."""
    files = pa.table(DeltaTable(delta.location(lake, table)).get_add_actions(flatten=True))
    if table.partition_by is not None and files.num_rows:
        files = files.filter(pc.equal(files[f"partition.{table.partition_by}"], key))
    if not files.num_rows:
        return []
    place = Path(delta.location(lake, table)) / unquote(min(files["path"].to_pylist()))
    with pq.ParquetFile(place) as file:
        batch = next(file.iter_batches(batch_size=limit), None)
    return [] if batch is None else batch.to_pylist()[:limit]

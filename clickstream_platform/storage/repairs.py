"""`ops/repairs`: what people decided about single lines; bronze itself never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from clickstream_platform.storage import delta
from clickstream_platform.tables.ops import REPAIRS

Address = tuple[str, int]
REPLACEMENTS = pa.schema(
    [
        ("source_file", pa.string()),
        ("source_offset", pa.int64()),
        ("replacement", pa.binary()),
    ]
)


def decisions(lake: Path) -> dict[Address, dict[str, Any]]:
    """The newest decision on each line."""
    if delta.version(lake, REPAIRS) <= 0:  # version 0 is the empty table
        return {}
    rows = delta.read_arrow(lake, REPAIRS).sort_by("decided_at").to_pylist()
    return {(row["source_file"], row["source_offset"]): row for row in rows}


def replacements(lake: Path) -> pa.Table:
    """The lines that are read differently, and the bytes that are read instead."""
    return replacement_table(
        {
            address: row["replacement"]
            for address, row in decisions(lake).items()
            if row["action"] == "repair"
        }
    )


def replacement_table(replaced: Mapping[Address, bytes]) -> pa.Table:
    """One row per line with its replacement."""
    rows = [
        {"source_file": file, "source_offset": offset, "replacement": replacement}
        for (file, offset), replacement in sorted(replaced.items())
    ]
    return pa.Table.from_pylist(rows, schema=REPLACEMENTS)


def record(lake: Path, rows: Sequence[dict[str, Any]], *, run_id: str) -> None:
    """Appends decisions in one commit; `rows` lack only the time."""
    now = datetime.now(UTC)
    stamped = [{**row, "decided_at": now} for row in rows]
    table = pa.Table.from_pylist(stamped, schema=REPAIRS.arrow_schema)
    delta.append_arrow(table, lake, REPAIRS, run_id=run_id)

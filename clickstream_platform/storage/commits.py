"""What a run's commit added to a table, by partition, read from the Delta log."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from clickstream_platform.storage import delta
from clickstream_platform.tables.contract import SNAPSHOT_KEY, Table

MOST_VERSIONS_BACK = 50  # others commit meanwhile: streams to bronze, runs of other hours


@dataclass(frozen=True)
class Added:
    """Data files of one partition."""

    files: int = 0
    size_bytes: int = 0


def added_by(lake: Path, table: Table, run_id: str, *, version: int) -> dict[str, Added]:
    """What the run's newest commit at `version` or before added; `all` if without partitions.

    Empty if the run did not commit to the table, or so long ago that its log file is gone.
    """
    log = Path(delta.location(lake, table)) / "_delta_log"
    for number in range(version, max(version - MOST_VERSIONS_BACK, -1), -1):
        path = log / f"{number:020d}.json"
        if not path.is_file():
            return {}
        text = path.read_text()
        if run_id in text:
            return _added(text, table)
    return {}


def _added(text: str, table: Table) -> dict[str, Added]:
    found: dict[str, Added] = defaultdict(Added)
    for action in map(json.loads, text.splitlines()):
        if "add" in action:
            add = action["add"]
            key = SNAPSHOT_KEY
            if table.partition_by is not None:
                key = add["partitionValues"][table.partition_by]
            known = found[key]
            found[key] = Added(known.files + 1, known.size_bytes + add["size"])
    return dict(found)

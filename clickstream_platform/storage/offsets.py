"""How far bronze has got in each Kafka partition, and what its newest versions added.

Read from the Delta log and its statistics; a data file is opened only where they do not tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from clickstream_platform.storage import delta
from clickstream_platform.tables.bronze import BRONZE_EVENTS

_CUT_AT = 32  # Delta cuts longer texts in its statistics


@dataclass(frozen=True)
class Added:
    """The Kafka lines of one partition and home hour that one bronze version added."""

    version: int
    committed_at: datetime
    address: str
    last: int  # largest offset
    lines: int
    home_hour: str
    ingest_hour: str


def committed_offsets(
    lake: Path, topics: Sequence[str], generation: str
) -> dict[str, dict[str, int]]:
    """Source -> address of a partition (`topic/partition@generation`) -> its largest offset."""
    if not delta.exists(lake, BRONZE_EVENTS):
        return {}
    folder = Path(delta.location(lake, BRONZE_EVENTS))
    actions = pa.table(DeltaTable(str(folder)).get_add_actions(flatten=True))
    found: dict[str, dict[str, int]] = {}
    for file in actions.to_pylist():
        low, high = file.get("min.source_file"), file.get("max.source_file")
        if low is not None and not _may_hold(low, high, topics):
            continue
        for source, address, last in _lasts(folder, file):
            if _is_ours(address, topics, generation):
                of_source = found.setdefault(source, {})
                of_source[address] = max(last, of_source.get(address, -1))
    return found


def _lasts(folder: Path, file: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Source, address and largest offset of what a data file holds; read if it is not all one."""
    address, source = file.get("min.source_file"), file.get("min.source")
    told = [(address, file.get("max.source_file")), (source, file.get("max.source"))]
    if all(low is not None and low == high and len(low) < _CUT_AT for low, high in told):
        yield str(source), str(address), file["max.source_offset"]
        return
    lines = _read(folder / unquote(file["path"]), ["source", "source_file", "source_offset"])
    grouped = lines.group_by(["source", "source_file"]).aggregate([("source_offset", "max")])
    for row in grouped.to_pylist():
        yield row["source"], row["source_file"], row["source_offset_max"]


def added_between(
    lake: Path, since: int, until: int, topics: Sequence[str], generation: str
) -> Iterator[Added]:
    """What each version of bronze after `since` up to `until` added of these topics, in order."""
    folder = Path(delta.location(lake, BRONZE_EVENTS))
    for number in range(since + 1, until + 1):
        text = (folder / "_delta_log" / f"{number:020d}.json").read_text()
        actions = [json.loads(line) for line in text.splitlines()]
        moment = next(a["commitInfo"]["timestamp"] for a in actions if "commitInfo" in a)
        at = datetime.fromtimestamp(moment / 1000, UTC)
        for added in (action["add"] for action in actions if "add" in action):
            if not added["dataChange"]:
                continue  # a compaction: the same lines in other files
            low = json.loads(added.get("stats") or "{}").get("minValues", {}).get("source_file")
            if low is not None and not any(low.startswith(f"{t}/"[:32]) for t in topics):
                continue
            columns = ["source_file", "source_offset", "home_hour"]
            lines = _read(folder / unquote(added["path"]), columns)
            grouped = lines.group_by(["source_file", "home_hour"]).aggregate(
                [("source_offset", "max"), ("source_offset", "count")]
            )
            hour = added["partitionValues"]["ingest_hour"]
            for row in grouped.to_pylist():
                address, home = row["source_file"], row["home_hour"]
                last, count = row["source_offset_max"], row["source_offset_count"]
                if _is_ours(address, topics, generation):
                    yield Added(number, at, address, last, count, home, hour)


def has_new_lines(lake: Path, version: int) -> bool:
    """True unless all of bronze's versions after `version` are upkeep, which changes no row."""
    log = Path(delta.location(lake, BRONZE_EVENTS)) / "_delta_log"
    for number in range(version + 1, delta.version(lake, BRONZE_EVENTS) + 1):
        try:
            lines = (log / f"{number:020d}.json").read_text().splitlines()
        except FileNotFoundError:
            return True  # so old that it is only in a checkpoint
        if any(
            change["dataChange"]
            for action in map(json.loads, lines)
            for change in (action.get("add"), action.get("remove"))
            if change
        ):
            return True
    return False


def rows_by_ingest_hour(lake: Path) -> dict[str, int]:
    """Lines of bronze by its partition."""
    files = pa.table(DeltaTable(delta.location(lake, BRONZE_EVENTS)).get_add_actions(flatten=True))
    if not files.num_rows:
        return {}
    hour = "partition.ingest_hour"
    counted = files.group_by([hour]).aggregate([("num_records", "sum")]).to_pylist()
    return {row[hour]: row["num_records_sum"] for row in counted}


def _read(path: Path, columns: list[str]) -> pa.Table:
    return pq.ParquetFile(path).read(columns=columns)


def _may_hold(low: str, high: str, topics: Sequence[str]) -> bool:
    return any(low <= f"{topic}0" and high >= f"{topic}/"[:32] for topic in topics)


def _is_ours(address: str, topics: Sequence[str], generation: str) -> bool:
    topic, _, rest = address.partition("/")
    number, _, of = rest.partition("@")
    return topic in topics and of == generation and number.isdigit()

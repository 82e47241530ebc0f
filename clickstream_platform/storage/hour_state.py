"""`ops/hour_state`: which version of which table holds an hour, and what it was built from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from clickstream_platform.hours import hours_between
from clickstream_platform.storage import delta
from clickstream_platform.storage.appended import AppendedFile, appended_files
from clickstream_platform.tables.ops import HOUR_STATE


@dataclass(frozen=True)
class HourStateRow:
    """The state of one hour of one table; fields as in the contract."""

    table: str
    hour: str
    version: int
    input_version: int
    row_count: int
    code_version: str
    run_id: str
    reach_from: str
    reach_to: str
    linked_hours: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    content_hash: str | None = None
    max_event_at: datetime | None = None
    blocked_by: str | None = None
    is_stale: bool = False
    input_digest: str | None = None
    recorded_at: datetime | None = None


States = Mapping[tuple[str, str], HourStateRow]


def record(lake: Path, rows: Sequence[HourStateRow], *, run_id: str) -> None:
    """Appends `rows` in one commit: the commit point of their hours."""
    if not rows:
        return
    now = datetime.now(UTC)
    stamped = [asdict(replace(row, recorded_at=now)) for row in rows]
    delta.append_arrow(
        pa.Table.from_pylist(stamped, schema=HOUR_STATE.arrow_schema),
        lake,
        HOUR_STATE,
        run_id=run_id,
    )


@dataclass(frozen=True)
class _Seen:
    """What this process has read of a home's log: up to which version of which table."""

    table_id: str
    version: int
    newest: Mapping[tuple[str, str], HourStateRow]


_seen: dict[Path, _Seen] = {}
_lock = Lock()


def current(lake: Path) -> dict[tuple[str, str], HourStateRow]:
    """The newest row of every table and hour.

    A process reads what it has read before only once: a stream appends to the log, and asks,
    every few seconds.
    """
    if not delta.exists(lake, HOUR_STATE):
        return {}
    table = DeltaTable(delta.location(lake, HOUR_STATE))
    table_id, version = str(table.metadata().id), table.version()
    with _lock:
        before = _seen.get(lake)
        if before is None or before.table_id != table_id or before.version > version:
            before = _Seen(table_id, -1, {})
        files = None
        if before.version >= 0:
            files = appended_files(lake, HOUR_STATE, since=before.version, until=version)
        if files is None:
            log, newest = delta.read_arrow(lake, HOUR_STATE, version=version), {}
        else:
            log, newest = _read(files), {**before.newest}
        newest |= _newest(log)
        _seen[lake] = _Seen(table_id, version, newest)
    return {**newest}


def _read(files: Iterable[AppendedFile]) -> pa.Table:
    tables = [pq.ParquetFile(file.path).read() for file in files]
    empty = HOUR_STATE.arrow_schema.empty_table()
    return pa.concat_tables([empty, *tables], promote_options="permissive")


def _newest(log: pa.Table) -> dict[tuple[str, str], HourStateRow]:
    """The newest row of every table and hour of `log`; only these become Python objects."""
    numbered = log.append_column("row_no", pa.array(range(len(log)), pa.int64()))
    order = numbered.select(["table", "hour", "recorded_at", "row_no"]).sort_by("recorded_at")
    last = order.group_by(["table", "hour"], use_threads=False).aggregate([("row_no", "last")])
    newest: dict[tuple[str, str], HourStateRow] = {}
    for row in log.take(last["row_no_last"]).to_pylist():
        row["linked_hours"] = tuple(row["linked_hours"])
        row["sources"] = tuple(row["sources"])
        newest[(row["table"], row["hour"])] = HourStateRow(**row)
    return newest


def of_table(states: States, path: str) -> dict[str, HourStateRow]:
    """The states of one table by hour."""
    return {hour: row for (table, hour), row in states.items() if table == path}


def is_stale(
    row: HourStateRow | None, inputs: Mapping[str, HourStateRow], *, code_version: str
) -> bool:
    """True if the hour was never built, by other code, from older inputs, or is marked.

    `inputs` are the states of the input table by hour.
    """
    if row is None or row.is_stale or row.code_version != code_version:
        return True
    return any(state.version > row.input_version for state in reaching(row, inputs))


def digest_of(inputs: Iterable[HourStateRow]) -> str:
    """Which version of which input holds each of these hours, as one short text.

    Differs as soon as an input hour was committed anew, appeared or vanished.
    """
    held = sorted(f"{row.table} {row.hour} {row.version}" for row in inputs)
    return hashlib.sha256("\n".join(held).encode()).hexdigest()[:24]


def is_behind(row: HourStateRow | None, *, input_digest: str, code_version: str) -> bool:
    """True if a table of several inputs was never built there, by other code, or from others."""
    if row is None or row.is_stale or row.code_version != code_version:
        return True
    return row.input_digest != input_digest


def reaching(row: HourStateRow, inputs: Mapping[str, HourStateRow]) -> Iterable[HourStateRow]:
    """The input hours that can change this hour."""
    for hour in {*hours_between(row.reach_from, row.reach_to), *row.linked_hours}:
        if hour in inputs:
            yield inputs[hour]

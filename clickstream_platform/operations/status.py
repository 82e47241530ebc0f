"""How the home is: tables, checks, landing, engine and Dagster, read without Spark or Dagster."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from deltalake import DeltaTable

from clickstream_platform.engine.command import as_object
from clickstream_platform.engine.server import Engine
from clickstream_platform.hours import parse_hour
from clickstream_platform.operations.build_costs import TableCost, table_costs
from clickstream_platform.operations.dagster_state import DagsterState, dagster_state
from clickstream_platform.operations.stream_status import StreamStatus, stream_statuses
from clickstream_platform.operations.warning_counts import WarningCount, warning_counts
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.render import plain
from clickstream_platform.settings import Settings
from clickstream_platform.storage import ticks
from clickstream_platform.storage.manifest import Manifest
from clickstream_platform.storage.ticks import Tick

LAYERS = ("bronze", "silver", "gold", "ops")
CheckState = Literal["passed", "warned", "failed", "unchecked"]
MOST_FAILURES = 20

_CHECKS = """
select
    "table",
    count(distinct hour) as hours,
    count(distinct hour) filter (where action = 'block' and not passed) as red_hours,
    count(distinct hour) filter (where action = 'warn' and not passed) as warned_hours
from ops.v_dq_results
group by "table"
"""
_BLOCKED = """
select "table", count(*) as hours
from ops.v_hour_state
where blocked_by is not null
group by "table"
"""
_COMPLETE = "select * from ops.v_complete_through"


@dataclass(frozen=True)
class TableStatus:
    """One Delta table. Hours are null where it has none; sizes count the files in force.

    `red_hours` have a blocking rule whose newest result failed, `blocked_hours` rows that a check
    keeps out of the table, `stale_hours` are behind their input; the table has all that arrived
    for the time before `complete_through`.
    """

    table: str
    rows: int
    hours: int | None
    newest_hour: str | None
    version: int
    size_bytes: int
    files: int
    last_commit_at: datetime | None
    check_state: CheckState
    red_hours: int
    warned_hours: int
    blocked_hours: int
    stale_hours: int | None
    complete_through: datetime | None


@dataclass(frozen=True)
class LandingStatus:
    """Landing files by what the manifest knows; of `unseen_files` it knows nothing yet."""

    unseen_files: int
    waiting_files: int
    claimed_files: int
    committed_files: int
    unchanged_files: int
    failed_files: int
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class HomeStatus:
    """Everything `clickstream status` shows."""

    home: Path
    newest_event_at: datetime | None
    tables: tuple[TableStatus, ...]
    landing: LandingStatus
    ticks: tuple[Tick, ...]
    engine: Mapping[str, object]
    dagster: DagsterState | None
    streams: tuple[StreamStatus, ...] = ()
    warnings: tuple[WarningCount, ...] = ()
    costs: tuple[TableCost, ...] = ()

    def as_object(self) -> object:
        """As JSON knows it: times in ISO 8601, paths as text."""
        return plain(asdict(self))


def home_status(settings: Settings) -> HomeStatus:
    """The home as it is now; opens Delta logs, two small tables and the manifest."""
    with Lake(settings) as lake:
        checks = _by_table(lake, _CHECKS, needs="ops.dq_results")
        blocked = _by_table(lake, _BLOCKED, needs="ops.hour_state")
        complete = _by_table(lake, _COMPLETE, needs="ops.hour_state")
        warnings = warning_counts(lake)
        costs = table_costs(lake)
        newest = None
        if "ops.hour_state" in lake.tables:
            found = lake.rows("select newest_event_at from ops.progress")[0]["newest_event_at"]
            newest = found if isinstance(found, datetime) else None
        paths = sorted(
            (name.replace(".", "/") for name in lake.tables),
            key=lambda path: (LAYERS.index(path.split("/")[0]), path),
        )
    unseen = first_waiting(settings)
    tables = tuple(
        _table_status(
            settings.lake / path,
            path,
            checks.get(path, {}),
            blocked_hours=int(blocked.get(path, {}).get("hours", 0)),
            complete=complete.get(path, {}),
            unseen_from=unseen,
        )
        for path in paths
    )
    return HomeStatus(
        home=settings.home,
        newest_event_at=newest,
        tables=tables,
        landing=landing_status(settings),
        ticks=tuple(ticks.read(settings.state)),
        engine=as_object(Engine(settings).status()),
        dagster=dagster_state(settings.dagster_home),
        streams=stream_statuses(settings),
        warnings=warnings,
        costs=costs,
    )


def landing_status(settings: Settings) -> LandingStatus:
    """What waits, what failed, and what the manifest has not seen."""
    path = settings.state / "manifest.sqlite"
    counts: Mapping[str, int] = {}
    failures: list[tuple[str, str]] = []
    known: set[tuple[str, int, int]] = set()
    if path.is_file():
        manifest = Manifest(settings.state)
        counts, failures = manifest.counts(), manifest.failures()
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            known = set(connection.execute("SELECT path, size, mtime_ns FROM files"))
    return LandingStatus(
        unseen_files=sum(1 for found in _landed(settings.landing) if found not in known),
        waiting_files=counts.get("seen", 0),
        claimed_files=counts.get("claimed", 0),
        committed_files=counts.get("committed", 0),
        unchanged_files=counts.get("unchanged", 0),
        failed_files=counts.get("failed", 0),
        failures=tuple(failures[:MOST_FAILURES]),
    )


def _landed(landing: Path) -> list[tuple[str, int, int]]:
    """Finished files of any source, as the manifest's key."""
    found = []
    for folder, _, names in os.walk(landing):
        for name in names:
            path = Path(folder) / name
            unfinished = name.startswith((".", "_")) or name.endswith(".tmp")
            if unfinished or path.parent == landing or path.is_symlink():
                continue
            with suppress(FileNotFoundError):  # renamed or removed while we look
                info = path.stat()
                key = (path.relative_to(landing).as_posix(), info.st_size, info.st_mtime_ns)
                found.append(key)
    return found


def first_waiting(settings: Settings) -> datetime | None:
    """The start of the first ingest hour with a file that is not in bronze; null if all are."""
    path = settings.state / "manifest.sqlite"
    if not path.is_file():
        return None
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        [[hour]] = connection.execute(
            "SELECT MIN(ingest_hour) FROM files WHERE status IN ('seen', 'claimed', 'failed')"
        )
    return None if hour is None else parse_hour(hour)


def _earliest(through: datetime | None, unseen_from: datetime | None) -> datetime | None:
    """`through`, or the time from which files wait; null for a table without hours."""
    if through is None or unseen_from is None:
        return through
    return min(through, unseen_from)


def _by_table(lake: Lake, sql: str, *, needs: str) -> dict[str, dict[str, Any]]:
    if needs not in lake.tables:
        return {}
    return {str(row["table"]): row for row in lake.rows(sql)}


def _table_status(
    location: Path,
    path: str,
    checks: Mapping[str, Any],
    *,
    blocked_hours: int,
    complete: Mapping[str, Any],
    unseen_from: datetime | None,
) -> TableStatus:
    delta = DeltaTable(str(location))
    files = pa.table(delta.get_add_actions(flatten=True))
    partition = next(iter(delta.metadata().partition_columns), None)
    hours: set[str] = set()
    if partition is not None and files.num_rows:
        hours = set(files[f"partition.{partition}"].to_pylist())
    red, warned = int(checks.get("red_hours", 0)), int(checks.get("warned_hours", 0))
    if red or blocked_hours:
        state: CheckState = "failed"
    elif warned:
        state = "warned"
    else:
        state = "passed" if checks else "unchecked"
    return TableStatus(
        table=path,
        rows=_row_count(delta, files),
        hours=None if partition is None else len(hours),
        newest_hour=max(hours, default=None),
        version=delta.version(),
        size_bytes=sum(files["size_bytes"].to_pylist()) if files.num_rows else 0,
        files=files.num_rows,
        last_commit_at=_last_commit_at(delta),
        check_state=state,
        red_hours=red,
        warned_hours=warned,
        blocked_hours=blocked_hours,
        stale_hours=complete.get("stale_hours"),
        complete_through=_earliest(complete.get("complete_through"), unseen_from),
    )


def _row_count(delta: DeltaTable, files: pa.Table) -> int:
    """From the log; a file without statistics makes Arrow count, which opens every footer."""
    if not files.num_rows:
        return 0
    counts = files["num_records"].to_pylist() if "num_records" in files.column_names else [None]
    if None in counts:
        return int(delta.to_pyarrow_dataset().count_rows())
    return sum(counts)


def _last_commit_at(delta: DeltaTable) -> datetime | None:
    newest = next(iter(delta.history(1)), None)
    if newest is None or "timestamp" not in newest:
        return None
    return datetime.fromtimestamp(newest["timestamp"] / 1000, tz=UTC)

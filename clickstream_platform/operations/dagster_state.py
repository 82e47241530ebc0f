"""What Dagster knows of its daemon, sensors and runs.

Data: `<home>/dagster[/storage]/{history/runs.db,schedules/schedules.db}`, read without importing
Dagster, which takes seconds; where `dagster.yaml` puts storage elsewhere, the instance is asked.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from clickstream_platform.operations.dagster_instance import InstanceReader

DAEMON_SILENT_AFTER_S = 120  # Dagster's daemons beat every 30 s
# The newest finished run of each job, where it failed.
_FAILED = """
SELECT pipeline_name, run_id FROM runs AS run
WHERE status = 'FAILURE' AND id = (
    SELECT max(id) FROM runs
    WHERE pipeline_name = run.pipeline_name AND status IN ('SUCCESS', 'FAILURE')
) ORDER BY pipeline_name
"""
UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")


@dataclass(frozen=True)
class DagsterState:
    """The local instance; sensors and schedules are those the daemon or a person switched."""

    daemon_is_alive: bool
    last_heartbeat_at: datetime | None
    sensors: Mapping[str, str]
    schedules: Mapping[str, str]
    unfinished_runs: int


def dagster_state(dagster_home: Path, *, now: datetime | None = None) -> DagsterState | None:
    """Null if there is no instance, or if its files are of another kind."""
    if (elsewhere := _elsewhere(dagster_home)) is not None:
        found = elsewhere.facts()
        return DagsterState(
            daemon_is_alive=_is_alive(found.last_heartbeat_at, now),
            last_heartbeat_at=found.last_heartbeat_at,
            sensors=found.sensors,
            schedules=found.schedules,
            unfinished_runs=found.unfinished_runs,
        )
    base = _storage(dagster_home)
    if base is None:
        return None
    try:
        beat = _rows(
            base / "history" / "runs.db", "SELECT max(timestamp) AS newest FROM daemon_heartbeats"
        )[0]["newest"]
        marks = ",".join("?" * len(UNFINISHED))
        unfinished = _rows(
            base / "history" / "runs.db",
            f"SELECT count(*) AS n FROM runs WHERE status IN ({marks})",  # noqa: S608 (only marks)
            UNFINISHED,
        )[0]["n"]
        switched = _rows(
            base / "schedules" / "schedules.db",
            "SELECT instigator_type AS type, instigator_body AS body, status FROM instigators",
        )
    except sqlite3.Error:
        return None
    newest = None if beat is None else datetime.fromisoformat(beat).replace(tzinfo=UTC)
    return DagsterState(
        daemon_is_alive=_is_alive(newest, now),
        last_heartbeat_at=newest,
        sensors=_states(switched, "SENSOR"),
        schedules=_states(switched, "SCHEDULE"),
        unfinished_runs=unfinished,
    )


def has_instance(dagster_home: Path) -> bool:
    """Whether Dagster ever stored a run or a setting there, or stores them in a server."""
    return _storage(dagster_home) is not None or _is_served(dagster_home)


def failed_jobs(dagster_home: Path) -> list[tuple[str, str]]:
    """(job, run id) of each job whose newest finished run failed, in order of the jobs."""
    if (elsewhere := _elsewhere(dagster_home)) is not None:
        return elsewhere.failed_jobs()
    base = _storage(dagster_home)
    if base is None:
        return []
    rows = _rows(base / "history" / "runs.db", _FAILED)
    return [(row["pipeline_name"], row["run_id"]) for row in rows]


def runs_begun_before(dagster_home: Path, moment: datetime) -> list[tuple[str, str, datetime]]:
    """(run id, job, start) of the runs in progress that began earlier."""
    if (elsewhere := _elsewhere(dagster_home)) is not None:
        return elsewhere.runs_begun_before(moment)
    base = _storage(dagster_home)
    if base is None:
        return []
    rows = _rows(
        base / "history" / "runs.db",
        "SELECT run_id, pipeline_name AS job, start_time FROM runs "
        "WHERE status IN ('STARTED', 'CANCELING') AND start_time < ? ORDER BY start_time",
        (moment.timestamp(),),
    )
    return [
        (row["run_id"], row["job"], datetime.fromtimestamp(row["start_time"], UTC)) for row in rows
    ]


def _is_alive(newest: datetime | None, now: datetime | None) -> bool:
    moment = now or datetime.now(UTC)
    return newest is not None and (moment - newest).total_seconds() < DAEMON_SILENT_AFTER_S


def _is_served(dagster_home: Path) -> bool:
    """Whether runs are stored elsewhere than in SQLite files here, as ours are."""
    config = dagster_home / "dagster.yaml"
    written = (yaml.safe_load(config.read_text()) or {}) if config.is_file() else {}
    storage = written.get("storage") or {}
    return bool(storage) and storage.get("custom", {}).get("class") != "QuickStorage"


def _elsewhere(dagster_home: Path) -> InstanceReader | None:
    """What asks an instance that keeps its runs in a database server; null if there is none.

    It comes first: files of SQLite stay behind when a home moves to a server.
    """
    if not _is_served(dagster_home):
        return None
    from clickstream_platform.operations.dagster_instance import (  # noqa: PLC0415 (imports Dagster)
        InstanceReader,
    )

    return InstanceReader(dagster_home)


def _storage(dagster_home: Path) -> Path | None:
    for base in (dagster_home, dagster_home / "storage"):
        if (base / "history" / "runs.db").is_file():
            return base
    return None


def _rows(path: Path, sql: str, values: tuple[str | float, ...] = ()) -> list[sqlite3.Row]:
    if not path.is_file():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(sql, values).fetchall()


def _states(switched: list[sqlite3.Row], kind: str) -> dict[str, str]:
    return {
        _name(json.loads(row["body"])): row["status"].lower().replace("_", " ")
        for row in switched
        if row["type"] == kind
    }


def _name(body: Mapping[str, Any]) -> str:
    """Dagster still stores a sensor's name as `job_name`, inside its origin."""
    origin = body.get("origin", {})
    return str(origin.get("job_name") or origin.get("instigator_name") or "unknown")

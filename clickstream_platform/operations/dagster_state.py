"""What Dagster's own SQLite files tell about daemon, sensors and runs, without importing Dagster.

Data: `<home>/dagster[/storage]/{history/runs.db,schedules/schedules.db}`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DAEMON_SILENT_AFTER_S = 120  # Dagster's daemons beat every 30 s
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
    """Null if there is no local instance, as on Postgres, or if its files are of another kind."""
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
    moment = now or datetime.now(UTC)
    return DagsterState(
        daemon_is_alive=newest is not None
        and (moment - newest).total_seconds() < DAEMON_SILENT_AFTER_S,
        last_heartbeat_at=newest,
        sensors=_states(switched, "SENSOR"),
        schedules=_states(switched, "SCHEDULE"),
        unfinished_runs=unfinished,
    )


def runs_database(dagster_home: Path) -> Path | None:
    """The file with the runs of a local instance; null if there is none."""
    base = _storage(dagster_home)
    return None if base is None else base / "history" / "runs.db"


def runs_begun_before(dagster_home: Path, moment: datetime) -> list[tuple[str, str, datetime]]:
    """(run id, job, start) of the runs in progress of a local instance that began earlier."""
    path = runs_database(dagster_home)
    if path is None:
        return []
    rows = _rows(
        path,
        "SELECT run_id, pipeline_name AS job, start_time FROM runs "
        "WHERE status IN ('STARTED', 'CANCELING') AND start_time < ? ORDER BY start_time",
        (moment.timestamp(),),
    )
    return [
        (row["run_id"], row["job"], datetime.fromtimestamp(row["start_time"], UTC)) for row in rows
    ]


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

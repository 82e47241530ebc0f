"""What `dagster.yaml` names as Dagster's storage: its SQLite files, opened and written quickly.

They lie where Dagster keeps them if nothing is said, so that homes of before go on. Dagster opens
its instance for each tick of a sensor and for each run, and makes SQLAlchemy engines anew for each
question: here the schema is checked once per process (`schemas.py`), an engine keeps its compiled
statements, though no connection, and events are stored in batches (`event_log.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TypeVar

from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes.config_class import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from clickstream_platform.automation import schemas
from clickstream_platform.automation.event_log import QuickEventLog


class _Compiled:
    """Questions are compiled once per process, whoever opens the storage."""

    _conn_string: str

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _engine(self._conn_string).connect() as connection, connection.begin():
            yield connection


@lru_cache(maxsize=8)
def _engine(conn_string: str) -> Engine:
    patience = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
    return create_engine(conn_string, poolclass=NullPool, connect_args=patience)


class QuickRuns(_Compiled, SqliteRunStorage):
    """Dagster's runs and daemons."""


class QuickSchedules(_Compiled, SqliteScheduleStorage):
    """Dagster's sensors, schedules and their ticks."""


Kind = TypeVar("Kind", QuickRuns, QuickSchedules)


class QuickStorage(DagsterSqliteStorage):
    """Runs, events and ticks under `base_dir`, which `dagster.yaml` gives as DAGSTER_HOME."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Not the parent's: it opens all three in its own way.
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]
        home = Path(base_dir)
        self.base_dir = base_dir
        self._inst_data = inst_data
        self._run_storage = _opened(QuickRuns, home / "history", "runs")
        self._event_log_storage = QuickEventLog(str(home / "history" / "runs"))
        self._schedule_storage = _opened(QuickSchedules, home / "schedules", "schedules")

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        return cls.from_local(inst_data=inst_data, **config_value)


def _opened(kind: type[Kind], folder: Path, name: str) -> Kind:
    """The storage, brought up to the newest schema unless this process has seen that it is."""
    file = folder / f"{name}.db"
    if schemas.is_newest(file):
        return kind(create_db_conn_string(str(folder), name))
    found: Kind = kind.from_local(str(folder))  # type: ignore[assignment]
    schemas.note_newest(file)
    return found

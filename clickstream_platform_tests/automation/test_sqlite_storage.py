"""Dagster's storage as `dagster.yaml` names it: opened often, and where an older one was."""

import shutil
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster._daemon.types import DaemonHeartbeat

from clickstream_platform.operations import dagster_instance
from clickstream_platform.operations.dagster_state import dagster_state
from clickstream_platform_tests.automation.instances import home_of, quick

ASKING = (sqlite_run_storage, sqlite_event_log, sqlite_schedule_storage)


@dg.asset
def thing() -> None:
    """Told by each use."""


def use(folder: Path) -> None:
    """Reads and writes all three: runs, events, ticks."""
    folder.mkdir(exist_ok=True)
    with quick(folder) as instance:
        known = len(instance.get_run_ids())
        done = dg.materialize([thing], instance=instance)
        assert len(instance.get_run_ids()) == known + 1
        assert instance.all_logs(done.run_id)
        instance.add_daemon_heartbeat(DaemonHeartbeat(1.0, "SENSOR", "id", []))
        assert instance.all_instigator_state() == []


def test_the_newest_schema_is_asked_for_once_for_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()
    for module in ASKING:
        original = module.check_alembic_revision

        def counted(*args: object, of: str = module.__name__, ask: object = original) -> object:
            asked[of] += 1
            assert callable(ask)
            return ask(*args)

        monkeypatch.setattr(module, "check_alembic_revision", counted)
    use(tmp_path / "home")
    first = Counter(asked)
    assert set(first) == {module.__name__ for module in ASKING}
    use(tmp_path / "home")
    assert asked - first == {sqlite_event_log.__name__: 1}  # of the new run's own file


def test_a_home_that_was_deleted_begins_anew(tmp_path: Path) -> None:
    for _ in range(2):
        use(tmp_path / "home")
        shutil.rmtree(tmp_path / "home")


def test_status_reads_its_files_without_opening_the_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home_of(tmp_path, monkeypatch)
    with dg.DagsterInstance.get() as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(1.0, "SENSOR", "id", []))
    monkeypatch.delattr(dagster_instance, "InstanceReader")
    state = dagster_state(folder)
    assert state is not None and state.last_heartbeat_at is not None
    assert state.last_heartbeat_at.timestamp() == 1.0

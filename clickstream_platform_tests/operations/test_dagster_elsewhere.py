"""An instance that keeps its runs in a real PostgreSQL is looked after like a local one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from psycopg.conninfo import conninfo_to_dict

from clickstream_platform.monitoring.rules import standing
from clickstream_platform.operations.dagster_state import (
    dagster_state,
    failed_jobs,
    has_instance,
    runs_begun_before,
)
from clickstream_platform.settings import PROJECT_ROOT, read_settings
from clickstream_platform_tests.services import postgres_server

pytestmark = [pytest.mark.service, pytest.mark.slow]


@dg.job
def shop() -> None:
    """A job without ops."""


@pytest.fixture
def dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """`<home>/dagster` with the project's dagster.yaml, whose marked `storage` is put in place."""
    programs = postgres_server.programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL: Dagster's storage there was NOT tested")
    with postgres_server.server(programs) as url:
        folder = tmp_path / "dagster"
        folder.mkdir()
        written = (PROJECT_ROOT / "dagster.yaml").read_text()
        marked = re.search(r"^# storage:\n(#  .*\n)+", written, re.MULTILINE)
        ours = re.search(r"^storage:\n(  .*\n)+", written, re.MULTILINE)
        assert marked is not None and ours is not None
        opened = re.sub("^# ", "", marked.group(), flags=re.MULTILINE)
        (folder / "dagster.yaml").write_text(written.replace(ours.group(), opened))
        address = conninfo_to_dict(url)
        for name, part in (("HOST", "host"), ("PORT", "port"), ("USER", "user"),
                           ("PASSWORD", "password"), ("DB", "dbname")):  # fmt: skip
            monkeypatch.setenv(f"CLICKSTREAM_PG_{name}", str(address[part]))
        yield folder


def test_daemon_switches_and_runs_are_read_from_the_server(dagster_home: Path) -> None:
    now = datetime.now(UTC)
    assert has_instance(dagster_home)
    (dagster_home / "history").mkdir()
    # A file of SQLite stays behind when a home moves to a server.
    (dagster_home / "history" / "runs.db").touch()
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(now.timestamp(), "SENSOR", "id", []))
        location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="m"))
        origin = RemoteInstigatorOrigin(
            RemoteRepositoryOrigin(location, "__repository__"), "landing_sensor"
        )
        instance.add_instigator_state(
            InstigatorState(
                origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData()
            )
        )
        running = instance.create_run_for_job(shop, status=dg.DagsterRunStatus.STARTING)
        instance.report_run_failed(instance.create_run_for_job(shop))
        failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))[0]
    found = dagster_state(dagster_home, now=now + timedelta(seconds=60))
    assert found is not None and found.daemon_is_alive
    assert dict(found.sensors) == {"landing_sensor": "running"}
    assert found.unfinished_runs == 1
    assert failed_jobs(dagster_home) == [("shop", failed.run_id)]
    settings = read_settings(home=dagster_home.parent)
    later = now + timedelta(seconds=settings.alerts.daemon_silent_after_s + 1)
    keys = [alert.key for alert in standing(settings, now=later)]
    assert keys == ["dead_daemon", "failed_run:shop"]

    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        _started(instance, running)
        instance.run_storage.handle_run_event(
            instance.create_run_for_job(shop).run_id, _event(dg.DagsterEventType.RUN_SUCCESS)
        )
    assert failed_jobs(dagster_home) == []
    [begun] = runs_begun_before(dagster_home, datetime.now(UTC) + timedelta(seconds=1))
    assert begun[:2] == (running.run_id, "shop")
    assert runs_begun_before(dagster_home, now - timedelta(seconds=1)) == []


def _started(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    instance.report_dagster_event(_event(dg.DagsterEventType.RUN_START), run.run_id)


def _event(kind: dg.DagsterEventType) -> dg.DagsterEvent:
    return dg.DagsterEvent(event_type_value=kind.value, job_name="shop")

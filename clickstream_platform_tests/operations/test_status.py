"""The home at a glance, on the tiny lake, and what it must not import."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from clickstream_platform.cli import main
from clickstream_platform.operations.dagster_state import dagster_state
from clickstream_platform.operations.status import home_status, landing_status
from clickstream_platform.operations.status_command import human_bytes
from clickstream_platform.settings import Settings, read_settings, settings
from clickstream_platform.storage.landing import LandingFile
from clickstream_platform.storage.manifest import Manifest
from clickstream_platform_tests.queries import lake_rows
from clickstream_platform_tests.queries.lake_rows import ELEVEN, at


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return lake_rows.build(tmp_path_factory.mktemp("status"))


def test_tables_tell_rows_hours_files_and_bytes(tiny: Settings) -> None:
    found = home_status(tiny)
    assert found.newest_event_at == at("11:07:00")
    assert [row.table for row in found.tables][:2] == ["silver/duplicates", "silver/events"]
    rows = {row.table: row for row in found.tables}
    events = rows["gold/fact_events"]
    parquet = list((tiny.lake / "gold" / "fact_events").rglob("*.parquet"))
    assert (events.rows, events.hours, events.newest_hour) == (4, 2, ELEVEN)
    assert (events.version, events.files) == (0, 2)
    assert events.size_bytes == sum(path.stat().st_size for path in parquet)
    assert abs(datetime.now(UTC) - events.last_commit_at) < timedelta(minutes=10)
    state = rows["ops/hour_state"]
    assert (state.rows, state.hours, state.newest_hour) == (5, None, None)


def test_checks_are_judged_by_the_newest_result(tiny: Settings) -> None:
    rows = {row.table: row for row in home_status(tiny).tables}
    events = rows["silver/events"]
    assert (events.check_state, events.red_hours, events.warned_hours) == ("failed", 1, 1)
    assert events.blocked_hours == 1
    assert rows["silver/quarantine"].check_state == "passed"  # rejected rows are its purpose
    assert rows["gold/fact_sessions"].check_state == "passed"
    assert rows["gold/fact_events"].check_state == "unchecked"


def test_replaced_files_count_no_more(tmp_path: Path) -> None:
    row = {"event_hour": ELEVEN, "events": 1}
    lake_rows.write(tmp_path, "gold/hourly_metrics", [row, row])
    lake_rows.write(tmp_path, "gold/hourly_metrics", [row], mode="overwrite")
    [table] = home_status(read_settings(home=tmp_path)).tables
    assert (table.rows, table.files, table.version) == (1, 1, 1)


def test_landing_tells_waiting_unseen_and_failed(tmp_path: Path) -> None:
    home = read_settings(home=tmp_path)
    folder = home.landing / "shop" / ELEVEN
    folder.mkdir(parents=True)
    for name in ("a.json", "b.json", "new.json", "busy.json.tmp", "_hidden"):
        (folder / name).write_text("{}")
    manifest = Manifest(home.state)
    known = []
    for name in ("a.json", "b.json"):
        info = (folder / name).stat()
        path = f"shop/{ELEVEN}/{name}"
        known.append(LandingFile(path, "shop", ELEVEN, info.st_size, info.st_mtime_ns))
    manifest.register(known[:1], running_hour=ELEVEN)
    [claim] = manifest.claim([ELEVEN], owner="nobody")
    manifest.fail(claim, "no header")
    manifest.register(known, running_hour=ELEVEN)
    found = landing_status(home)
    assert (found.unseen_files, found.waiting_files, found.failed_files) == (1, 1, 1)
    assert found.failures == ((f"shop/{ELEVEN}/a.json", "no header"),)


def test_looking_at_an_empty_home_leaves_it_empty(tmp_path: Path) -> None:
    found = home_status(read_settings(home=tmp_path))
    assert (found.tables, found.dagster, found.engine["state"]) == ((), None, "stopped")
    assert list(tmp_path.iterdir()) == []


def test_dagster_is_read_from_a_real_instance(tmp_path: Path) -> None:
    import dagster as dg  # noqa: PLC0415 (slow)
    from dagster._core.instance.ref import InstanceRef  # noqa: PLC0415
    from dagster._core.remote_origin import (  # noqa: PLC0415
        ManagedGrpcPythonEnvCodeLocationOrigin,
        RemoteInstigatorOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.scheduler.instigation import (  # noqa: PLC0415
        InstigatorState,
        InstigatorStatus,
        InstigatorType,
        SensorInstigatorData,
    )
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin  # noqa: PLC0415
    from dagster._daemon.types import DaemonHeartbeat  # noqa: PLC0415

    now = datetime.now(UTC)
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path))) as instance:
        assert dagster_state(tmp_path).daemon_is_alive is False
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
        instance.create_run_for_job(_job(dg))
    found = dagster_state(tmp_path, now=now + timedelta(seconds=60))
    assert found.daemon_is_alive
    assert abs(found.last_heartbeat_at - now) < timedelta(seconds=1)
    assert dict(found.sensors) == {"landing_sensor": "running"}
    assert found.unfinished_runs == 1
    assert not dagster_state(tmp_path, now=now + timedelta(seconds=121)).daemon_is_alive


def _job(dg) -> object:  # noqa: ANN001
    @dg.job
    def nothing() -> None: ...

    return nothing


def test_no_spark_and_no_dagster_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys; from click.testing import CliRunner;"
        "from clickstream_platform.cli import main;"
        f"done = CliRunner().invoke(main, ['--home', {str(tmp_path)!r}, 'status', '--json']);"
        "print(done.exit_code, {'pyspark', 'dagster', 'pandera'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0 set()"


def test_the_command_speaks_json_and_words(tiny: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tiny.home))
    arguments = ["--home", str(tiny.home), "status"]
    found = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    shown = CliRunner().invoke(main, arguments).stdout
    settings.cache_clear()
    assert found["newest_event_at"] == "2026-11-20T11:07:00Z"
    assert {row["table"]: row["rows"] for row in found["tables"]}["gold/fact_sessions"] == 4
    assert "failed (1 red, 1 warned, 1 blocked hours)" in shown
    assert found["warnings"][0] == {"severity": "error", "type": "negative_price", "lines": 2}
    warned = "error: negative_price 2; warn: unparsable_price 3, no_visitor 1; info: duplicate 2"
    assert f"warnings: {warned}\n" in shown
    costs = [(row["table"], row["cpu_s"], row["written_bytes"]) for row in found["costs"]]
    assert costs == [("silver/events", 9.0, 5000), ("gold/rfm_scores", 3.0, 500)]
    # Two events were accepted in the lake's two hours.
    assert [row["cpu_s_per_million_events"] for row in found["costs"]] == [4_500_000, 1_500_000]
    assert (
        "cost: 12 CPU s (6,000,000 per million events), 3 files and 0.0 MiB written; "
        "most by silver/events 75%, gold/rfm_scores 25%;"
    ) in shown


def test_sizes_have_binary_units() -> None:
    assert [human_bytes(n) for n in (0, 1023, 1536, 2**30)] == [
        "0 B",
        "1,023 B",
        "1.5 KiB",
        "1.0 GiB",
    ]

"""What is removed of logs, unfinished files, checkpoints and runs, and what never is."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from clickstream_platform.maintenance import purge, runs
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.storage.owners import this_process
from clickstream_platform.streaming.state import Heartbeat, StreamFolder

NOW = datetime.now(UTC)
OLD, YOUNG = NOW - timedelta(days=31), NOW - timedelta(days=29)
DEAD = "run|999999|1.000"


def put(path: Path, moment: datetime = OLD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x" * 10)
    os.utime(path, (moment.timestamp(),) * 2)
    return path


def purged(settings: Settings) -> dict[str, str]:
    """Removes the leftovers; name of each -> its kind."""
    found = purge.leftovers(settings, now=NOW)
    for leftover in found:
        purge.remove(leftover)
        assert not leftover.path.exists()
        purge.remove(leftover)  # twice is once
    return {leftover.path.name: leftover.kind for leftover in found}


def test_old_rotated_logs_go_and_the_current_ones_stay(tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path)
    for name in ("runs.jsonl.2", "engine.log.3"):
        put(settings.logs / name)
    kept = [put(settings.logs / name) for name in ("runs.jsonl", "engine.log", "mine.txt.1")]
    kept.append(put(settings.logs / "runs.jsonl.1", YOUNG))
    kept.append(put(tmp_path / "elsewhere" / "engine.log.1"))
    (settings.logs / "engine.log.2").symlink_to(kept[-1])
    assert purged(settings) == {"runs.jsonl.2": "rotated log", "engine.log.3": "rotated log"}
    assert all(path.exists() for path in kept)
    assert (settings.logs / "engine.log.2").is_symlink()


def test_only_unfinished_files_of_dead_writers_go_and_only_our_own(tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path)
    put(settings.state / "maintenance.json.7.tmp")
    put(settings.reports / "2024-11-29.tmp")
    put(settings.state / "stream" / "clicks" / "heartbeat.json.9.tmp")
    kept = [
        put(settings.reports / "2024-11-30.tmp", NOW - timedelta(hours=23)),
        put(settings.state / "manifest.sqlite"),
        put(settings.landing / "shop" / "upload.tmp"),  # somebody's, and they may go on
    ]
    assert set(purged(settings)) == {
        "maintenance.json.7.tmp",
        "2024-11-29.tmp",
        "heartbeat.json.9.tmp",
    }
    assert all(path.exists() for path in kept)


def test_checkpoints_go_with_streams_that_are_long_dead(tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path)
    folders = {}
    for name, owner, moment in (
        ("gone", DEAD, OLD),
        ("lately", DEAD, YOUNG),
        ("alive", this_process("r"), OLD),
    ):
        folder = StreamFolder(settings, name)
        heartbeat = folder.beat(Heartbeat(name, "stopped", "r", owner, OLD.isoformat(), ""))
        text = (folder.path / "heartbeat.json").read_text()
        stamped = text.replace(heartbeat.beat_at, moment.isoformat())
        (folder.path / "heartbeat.json").write_text(stamped)
        folders[name] = put(folder.checkpoint / "offsets" / "0")
    assert purged(settings) == {"checkpoint": "stream checkpoint"}
    assert {name for name, path in folders.items() if path.exists()} == {"lately", "alive"}


def add_run(
    instance: dg.DagsterInstance,
    job: str,
    *,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
    moment: datetime = OLD,
    event: dg.AssetMaterialization | None = None,
) -> str:
    """A run as it would be in the instance if it had been made at `moment`."""
    run = dg.DagsterRun(job_name=job, run_id=str(uuid.uuid4()), status=status)
    instance.run_storage.add_historical_run(run, run_creation_time=moment)
    if event is not None:
        instance.report_dagster_event(
            dg.DagsterEvent(
                dg.DagsterEventType.ASSET_MATERIALIZATION.value,
                job,
                event_specific_data=_materialization(event),
            ),
            run_id=run.run_id,
        )
    return run.run_id


def _materialization(event: dg.AssetMaterialization) -> object:
    from dagster._core.events import StepMaterializationData  # noqa: PLC0415 (nowhere public)

    return StepMaterializationData(event)


def test_old_runs_go_unless_something_is_told_from_them(tmp_path: Path) -> None:
    failed, canceled = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED
    built = dg.AssetMaterialization(["silver", "events"], partition="2024-11-29T10")
    settings = read_settings(home=tmp_path)
    settings.dagster_home.mkdir()
    with dg.DagsterInstance.local_temp(str(settings.dagster_home)) as instance:
        goes = {
            add_run(instance, "maintain"),
            add_run(instance, "stream", status=canceled),
            add_run(instance, "maintain", status=failed),
            add_run(instance, "ingest"),
        }
        stays = {
            add_run(instance, "repair", event=built),
            add_run(instance, "ingest", status=failed),  # the sensor counts it
            add_run(instance, "stream", status=dg.DagsterRunStatus.STARTED),
            add_run(instance, "maintain", moment=YOUNG),
        }
        until = NOW - timedelta(days=settings.maintenance.keep_runs_days)
        found = runs.old_runs(instance, until=until)
        assert {run.run_id for run in found} == goes
        for run in found:
            runs.delete(instance, run)
        assert {run.run_id for run in instance.get_runs()} == stays
        asset = dg.AssetKey(["silver", "events"])
        assert instance.get_materialized_partitions(asset) == {"2024-11-29T10"}


def test_what_old_runs_printed_goes(tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path)
    storage = settings.dagster_home / "storage"
    old, young, mixed = (str(uuid.uuid4()) for _ in range(3))
    gone = put(storage / old / "compute_logs" / "step.out")
    kept = [
        put(storage / young / "compute_logs" / "step.out", YOUNG),
        put(storage / mixed / "result"),
        put(storage / "not-a-run" / "compute_logs" / "step.out"),
        put(settings.dagster_home / "history" / "runs.db"),
    ]
    os.utime(gone.parent, (OLD.timestamp(),) * 2)
    assert purged(settings) == {"compute_logs": "output of a run"}
    assert not (storage / old).exists()
    assert all(path.exists() for path in kept)

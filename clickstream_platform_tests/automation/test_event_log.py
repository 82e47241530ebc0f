"""Dagster's event log with kept connections tells what it tells as it comes."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import DagsterEventType
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from clickstream_platform.assets.results import log_as_one_batch
from clickstream_platform.automation.event_log import BATCH, KEPT, QuickEventLog
from clickstream_platform.partitions import HOURLY
from clickstream_platform_tests.automation.instances import home_of, quick

HOURS = ["2024-11-29T09", "2024-11-29T10", "2024-11-29T11"]
RANGE = {
    "dagster/asset_partition_range_start": HOURS[0],
    "dagster/asset_partition_range_end": HOURS[-1],
}
SIZE = "DAGSTER_EVENT_BATCH_SIZE"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dg.asset(partitions_def=HOURLY, backfill_policy=dg.BackfillPolicy.single_run())
def told(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    for hour in context.partition_keys:
        context.add_asset_metadata({"rows": int(hour[-2:])}, partition_key=hour)
    return dg.MaterializeResult()


@pytest.fixture(autouse=True)
def size_of_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our log sets it for its process; afterwards it is as before."""
    monkeypatch.setenv(SIZE, "0")


def as_it_comes(folder: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.local_temp(str(folder))


Opens = Callable[[Path], dg.DagsterInstance]


def events(folder: Path, opens: Opens) -> tuple[list[tuple], list[tuple]]:
    """What a run of three hours leaves: its own log, and what the asset's history says."""
    folder.mkdir()
    with opens(folder) as instance:
        done = dg.materialize([told], instance=instance, tags=RANGE, run_config=QUIET)
        log = [
            (entry.dagster_event_type, entry.dagster_event.partition)
            for entry in instance.all_logs(done.run_id)
            if entry.is_dagster_event and entry.dagster_event
        ]
        history = instance.fetch_materializations(dg.AssetKey("told"), limit=10).records
        rows = [(r.partition_key, r.asset_materialization.metadata["rows"].value) for r in history]
    return log, rows


def test_kept_connections_change_no_event(tmp_path: Path) -> None:
    original = events(tmp_path / "original", as_it_comes)
    kept = events(tmp_path / "kept", quick)
    assert original == kept
    assert sorted(kept[1]) == [(hour, int(hour[-2:])) for hour in HOURS]


def shown(entry: dg.EventLogEntry) -> tuple[object, ...]:
    told = entry.dagster_event
    assert told
    if told.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
        check = told.asset_check_evaluation_data
        return told.event_type, check.partition, check.passed, check.check_name
    return told.event_type, told.partition


def everything(instance: dg.DagsterInstance, run_id: str) -> tuple[object, ...]:
    """What the storage tells of a run's events, of the asset and of its check."""
    storage, key = instance.event_log_storage, dg.AssetKey("told")
    [asset] = instance.get_asset_records([key])
    newest = asset.asset_entry.last_materialization
    [check] = storage.get_asset_check_execution_history(dg.AssetCheckKey(key, "fine"), limit=1)
    summary = storage.get_asset_check_summary_records([dg.AssetCheckKey(key, "fine")])
    return (
        [shown(entry) for entry in instance.all_logs(run_id) if entry.is_dagster_event],
        [record.partition_key for record in instance.fetch_materializations(key, 10).records],
        newest and newest.dagster_event and newest.dagster_event.partition,
        asset.asset_entry.last_run_id == run_id,
        asset.asset_entry.last_planned_materialization_run_id == run_id,
        (check.partition, check.status),
        len(summary),
        storage.get_latest_storage_id_by_partition(
            key, DagsterEventType.ASSET_MATERIALIZATION, {*HOURS}
        ).keys(),
    )


def log_checks(context: dg.AssetExecutionContext) -> None:
    checks = [
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("told"), check_name="fine", passed=hour != HOURS[1],
            metadata={}, partition=hour,
        )
        for hour in context.partition_keys
    ]  # fmt: skip
    log_as_one_batch(context, checks)


@dg.asset(
    name="told",
    partitions_def=HOURLY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("fine", asset="told")],
)
def told_with_checks(context: dg.AssetExecutionContext) -> Iterator[Any]:
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="fine")])
    log_checks(context)


def test_events_stored_together_are_the_events_stored_one_by_one(tmp_path: Path) -> None:
    def told_in(folder: Path, opens: Opens) -> tuple[object, ...]:
        folder.mkdir()
        with opens(folder) as instance:
            done = dg.materialize(
                [told_with_checks], instance=instance, tags=RANGE, run_config=QUIET
            )
            return everything(instance, done.run_id)

    one_by_one = told_in(tmp_path / "one-by-one", as_it_comes)
    together = told_in(tmp_path / "together", quick)
    assert one_by_one == together
    checks = (DagsterEventType.ASSET_CHECK_EVALUATION, HOURS[1], False, "fine")
    assert isinstance(together[0], list) and checks in together[0]


def test_a_batch_is_stored_whole_or_not_at_all_while_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quick(tmp_path) as instance:
        done = dg.materialize([told], instance=instance, tags=RANGE, run_config=QUIET)
        storage = instance.event_log_storage
        events = instance.all_logs(done.run_id, DagsterEventType.ASSET_MATERIALIZATION)
        before, looked = len(instance.all_logs(done.run_id)), threading.Event()
        store, seen = type(storage).store_event, []

        def look() -> None:
            seen.append(len(instance.all_logs(done.run_id)))
            looked.set()

        def fails_at_last(self: Any, event: dg.EventLogEntry) -> None:
            if event is events[-1]:
                threading.Thread(target=look, daemon=True).start()
                assert not looked.wait(0.5)
                raise OSError("disk full")
            store(self, event)

        monkeypatch.setattr(SqliteEventLogStorage, "store_event", fails_at_last)
        with pytest.raises(OSError, match="disk full"):
            storage.store_event_batch(events)
        assert looked.wait(60)
        monkeypatch.undo()
        assert seen == [before]
        assert len(instance.all_logs(done.run_id)) == before
        storage.store_event_batch(events)
        assert len(instance.all_logs(done.run_id)) == before + len(HOURS)


def test_more_runs_than_connections_and_threads_share_one_storage(tmp_path: Path) -> None:
    with quick(tmp_path) as instance:
        runs = [
            dg.materialize(
                [told], instance=instance, partition_key=HOURS[number % 3], run_config=QUIET
            ).run_id
            for number in range(KEPT + 2)
        ]
        seen: dict[str, int] = {}

        def look(run_id: str) -> None:
            seen[run_id] = len(instance.all_logs(run_id))

        threads = [threading.Thread(target=look, args=(run_id,)) for run_id in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(seen) == set(runs)
        assert min(seen.values()) == max(seen.values()) > 0
        storage = instance.event_log_storage
        assert isinstance(storage, QuickEventLog)
        assert len(storage.kept) <= KEPT


def test_a_home_s_instance_has_it_with_the_history_from_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home_of(tmp_path, monkeypatch)
    with as_it_comes(folder) as before:
        run_id = dg.materialize(
            [told], instance=before, partition_key=HOURS[0], run_config=QUIET
        ).run_id
        logged = len(before.all_logs(run_id))
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, QuickEventLog)
        assert os.environ[SIZE] == str(BATCH)
        assert len(instance.all_logs(run_id)) == logged > 0

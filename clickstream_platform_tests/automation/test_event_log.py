"""Dagster's event log with kept connections tells what it tells as it comes."""

import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from clickstream_platform.automation import event_log
from clickstream_platform.partitions import HOURLY

HOURS = ["2024-11-29T09", "2024-11-29T10", "2024-11-29T11"]
RANGE = {
    "dagster/asset_partition_range_start": HOURS[0],
    "dagster/asset_partition_range_end": HOURS[-1],
}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dg.asset(partitions_def=HOURLY, backfill_policy=dg.BackfillPolicy.single_run())
def told(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    for hour in context.partition_keys:
        context.add_asset_metadata({"rows": int(hour[-2:])}, partition_key=hour)
    return dg.MaterializeResult()


@pytest.fixture
def as_it_comes() -> Iterator[None]:
    """Whatever the test does, the process's way is put back."""
    found = SqliteEventLogStorage._connect
    yield
    SqliteEventLogStorage._connect = found


def events(folder: Path) -> tuple[list[tuple], list[tuple]]:
    """What a run of three hours leaves: its own log, and what the asset's history says."""
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        done = dg.materialize([told], instance=instance, tags=RANGE, run_config=QUIET)
        log = [
            (entry.dagster_event_type, entry.dagster_event.partition)
            for entry in instance.all_logs(done.run_id)
            if entry.is_dagster_event and entry.dagster_event
        ]
        history = instance.fetch_materializations(dg.AssetKey("told"), limit=10).records
        rows = [(r.partition_key, r.asset_materialization.metadata["rows"].value) for r in history]
    return log, rows


def test_kept_connections_change_no_event(tmp_path: Path, as_it_comes: None) -> None:
    event_log.keep_connections()
    kept = events(tmp_path / "kept")
    SqliteEventLogStorage._connect = event_log.ORIGINAL
    assert events(tmp_path / "original") == kept
    assert sorted(kept[1]) == [(hour, int(hour[-2:])) for hour in HOURS]


def test_more_runs_than_connections_and_threads_share_one_storage(
    tmp_path: Path, as_it_comes: None
) -> None:
    event_log.keep_connections()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        runs = [
            dg.materialize(
                [told], instance=instance, partition_key=HOURS[number % 3], run_config=QUIET
            ).run_id
            for number in range(event_log.KEPT + 2)
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
        kept = instance.event_log_storage.__dict__["_kept_engines"]
        assert len(kept) <= event_log.KEPT

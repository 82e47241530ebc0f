"""Tells Dagster of commits whose run died before it could: events follow commits, always."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from clickstream_platform.hours import chunked
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.storage.manifest import Ingested
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import table as contract

_OVERLAP = timedelta(minutes=10)  # a row may become visible after one that was recorded later
_BUDGET_S = 20.0
_HOURS_AT_ONCE = 500
_EVENTS_PER_HOUR = 20


@dataclass(frozen=True)
class Progress:
    """Up to where the commits are known to Dagster: hour states by time, bronze by version."""

    recorded: str = datetime(1970, 1, 1, tzinfo=UTC).isoformat()
    bronze_version: int = -1


@dataclass(frozen=True)
class Told:
    """What a tick reported, how far everything is known now, and whether time was enough."""

    reported: tuple[str, ...]
    progress: Progress
    is_complete: bool


@dataclass(frozen=True)
class _Commit:
    """An hour of a table as it is committed."""

    table: str
    hour: str
    version: int
    row_count: int
    run_id: str | None


def report_missing(
    instance: dg.DagsterInstance,
    states: States,
    ingested: Mapping[str, Ingested],
    progress: Progress,
    *,
    is_ingesting: bool,
) -> Told:
    """Reports, runless, each committed hour without a materialisation of its version.

    `ingested` are the hours of bronze since `progress`. What an unfinished run may still report
    itself is looked at again by a later tick.
    """
    since = datetime.fromisoformat(progress.recorded)
    rows = [
        row
        for row in states.values()
        if row.table != BRONZE_EVENTS.path
        and not row.table.startswith("ops/")
        and row.recorded_at is not None
        and row.recorded_at >= since - _OVERLAP
    ]
    busy, dead = _by_run(instance, {row.run_id for row in rows})
    commits = [_commit(row) for row in rows if row.run_id in dead]
    if not is_ingesting:
        commits += [
            _Commit(BRONZE_EVENTS.path, hour, found.bronze_version, found.lines, None)
            for hour, found in ingested.items()
        ]
    reported, is_complete = _report(instance, commits)
    if not is_complete:
        return Told(tuple(reported), progress, is_complete=False)
    open_rows = [row.recorded_at for row in rows if row.run_id in busy and row.recorded_at]
    newest = max([since, *(row.recorded_at for row in rows if row.recorded_at)])
    recorded = min([newest, *open_rows]).isoformat()
    version = progress.bronze_version
    if not is_ingesting:
        version = max([version, *(found.bronze_version for found in ingested.values())])
    progress = replace(progress, recorded=recorded, bronze_version=version)
    return Told(tuple(reported), progress, is_complete=True)


def _by_run(instance: dg.DagsterInstance, run_ids: Collection[str]) -> tuple[set[str], set[str]]:
    """The runs that still may report, and those that no longer can; a success has reported."""
    busy, dead = set[str](), set(run_ids)
    for some in chunked(sorted(run_ids), _HOURS_AT_ONCE):
        for run in instance.get_runs(dg.RunsFilter(run_ids=some)):
            if run.is_success or not run.is_finished:
                dead.discard(run.run_id)
            if not run.is_finished:
                busy.add(run.run_id)
    return busy, dead


def _commit(row: HourStateRow) -> _Commit:
    return _Commit(row.table, row.hour, row.version, row.row_count, row.run_id)


def _report(instance: dg.DagsterInstance, commits: Sequence[_Commit]) -> tuple[list[str], bool]:
    """What was reported, and whether time was enough for all."""
    deadline = time.monotonic() + _BUDGET_S
    reported: list[str] = []
    by_table: dict[str, list[_Commit]] = {}
    for commit in commits:
        by_table.setdefault(commit.table, []).append(commit)
    for path, mine in sorted(by_table.items()):
        for some in chunked(sorted(commit.hour for commit in mine), _HOURS_AT_ONCE):
            if time.monotonic() > deadline:
                return reported, False
            known = _known_versions(instance, path, some)
            wanted = set(some)
            for commit in mine:
                if commit.hour in wanted and commit.version not in known.get(commit.hour, ()):
                    instance.report_runless_asset_event(_event(commit))
                    reported.append(f"{path} {commit.hour}")
    return reported, True


def _known_versions(
    instance: dg.DagsterInstance, path: str, hours: Sequence[str]
) -> dict[str, set[int]]:
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(contract(path).key), asset_partitions=list(hours)),
        limit=len(hours) * _EVENTS_PER_HOUR,
    )
    known: dict[str, set[int]] = {}
    for record in found.records:
        event = record.asset_materialization
        if event is not None and event.partition is not None:
            known.setdefault(event.partition, set()).update(_versions(event.metadata))
    return known


def _versions(metadata: Mapping[str, Any]) -> Iterable[int]:
    shown = metadata.get("table_version")
    return [] if shown is None else [int(shown.value)]


def _event(commit: _Commit) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=dg.AssetKey(contract(commit.table).key),
        partition=commit.hour,
        description="The commit of a run that ended before it could report it.",
        metadata={
            "dagster/partition_row_count": commit.row_count,
            "table_version": commit.version,
            **({"committed_by": commit.run_id} if commit.run_id else {}),
        },
    )

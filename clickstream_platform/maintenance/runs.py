"""Old runs of the Dagster instance that nothing is told from any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import dagster as dg

from clickstream_platform.maintenance.readers import UPKEEP

FAILURES_DO_NOT_COUNT = ("stream", UPKEEP)  # of other jobs' runs the sensors count the failed ones
_AT_ONCE = 200
_ASSET_EVENTS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_OBSERVATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}
_FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


def old_runs(instance: dg.DagsterInstance, *, until: datetime) -> list[dg.DagsterRun]:
    """Finished runs created before `until`, oldest first, that may be forgotten.

    A run with asset events stays: with it Dagster would forget which hours were ever built. So
    does a failed run that a sensor still counts.
    """
    return [run for run in _finished(instance, until) if _may_go(instance, run)]


def delete(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Removes the run and its events, and nothing else."""
    instance.delete_run(run.run_id)


def _finished(instance: dg.DagsterInstance, until: datetime) -> Iterator[dg.DagsterRun]:
    wanted = dg.RunsFilter(statuses=_FINISHED, created_before=until)
    cursor: str | None = None
    while records := instance.get_run_records(
        wanted, limit=_AT_ONCE, cursor=cursor, ascending=True
    ):
        yield from (record.dagster_run for record in records)
        cursor = records[-1].dagster_run.run_id


def _may_go(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if not run.is_success and run.job_name not in FAILURES_DO_NOT_COUNT:
        return False
    found = instance.get_records_for_run(run.run_id, of_type=_ASSET_EVENTS, limit=1)
    return not found.records

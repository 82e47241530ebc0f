"""What a Dagster instance that stores its runs in a database server tells, asked by Dagster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorType

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_IN_PROGRESS = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_UNFINISHED = [
    *(dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING),
    *_IN_PROGRESS,
]
_PAGE = 500


@dataclass(frozen=True)
class InstanceFacts:
    """The newest beat of any daemon, what was switched, and how many runs have not ended."""

    last_heartbeat_at: datetime | None
    sensors: Mapping[str, str]
    schedules: Mapping[str, str]
    unfinished_runs: int


class InstanceReader:
    """Asks the instance that `<dagster_home>/dagster.yaml` describes; opened for each question."""

    def __init__(self, dagster_home: Path) -> None:
        self._home = dagster_home

    @contextmanager
    def _instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self._home)) as instance:
            yield instance

    def facts(self) -> InstanceFacts:
        """As of now."""
        with self._instance() as instance:
            beats = [
                status.last_heartbeat.timestamp
                for status in instance.get_daemon_statuses().values()
                if status.last_heartbeat is not None
            ]
            return InstanceFacts(
                last_heartbeat_at=datetime.fromtimestamp(max(beats), UTC) if beats else None,
                sensors=_switched(instance, InstigatorType.SENSOR),
                schedules=_switched(instance, InstigatorType.SCHEDULE),
                unfinished_runs=instance.get_runs_count(dg.RunsFilter(statuses=_UNFINISHED)),
            )

    def failed_jobs(self) -> list[tuple[str, str]]:
        """(job, run id) of each job whose newest finished run failed, in order of the jobs.

        Looks at the jobs of the newest 500 failed runs.
        """
        failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])
        with self._instance() as instance:
            jobs = {run.job_name for run in instance.get_runs(failed, limit=_PAGE)}
            newest = [
                instance.get_runs(dg.RunsFilter(job_name=job, statuses=_FINISHED), limit=1)[0]
                for job in sorted(jobs)
            ]
        return [(run.job_name, run.run_id) for run in newest if not run.is_success]

    def runs_begun_before(self, moment: datetime) -> list[tuple[str, str, datetime]]:
        """(run id, job, start) of the runs in progress that began earlier, the oldest first."""
        with self._instance() as instance:
            records = instance.get_run_records(dg.RunsFilter(statuses=_IN_PROGRESS))
        begun = [
            (record.dagster_run, datetime.fromtimestamp(record.start_time, UTC))
            for record in records
            if record.start_time is not None
        ]
        found = [(run.run_id, run.job_name, since) for run, since in begun if since < moment]
        return sorted(found, key=lambda run: run[2])


def _switched(instance: dg.DagsterInstance, kind: InstigatorType) -> dict[str, str]:
    return {
        state.name: state.status.value.lower().replace("_", " ")
        for state in instance.all_instigator_state(instigator_type=kind)
    }

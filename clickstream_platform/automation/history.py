"""What Dagster knows of jobs' runs: the hours they cover now, and how often they failed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from clickstream_platform import run_tags

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_MOST_RUNS = 200


@dataclass(frozen=True)
class SpanRun:
    """A run over the hours `first` to `last`; times in seconds since 1970."""

    first: str
    last: str
    created_at: float
    ended_at: float

    def covers(self, hour: str) -> bool:
        return self.first <= hour <= self.last


@dataclass(frozen=True)
class History:
    """Runs of some jobs: unfinished ones, and failures with the successes after them."""

    unfinished: tuple[SpanRun, ...]
    failed: tuple[SpanRun, ...]
    succeeded: tuple[SpanRun, ...]

    @classmethod
    def of(
        cls,
        instance: dg.DagsterInstance,
        jobs: Collection[str],
        assets: Collection[dg.AssetKey],
        *,
        code: str,
        beside: Collection[str] = (),
    ) -> History:
        """Unfinished runs of the jobs, of those `beside` them, or of any of the `assets`; failures
        of the jobs with the same `code`: a corrected mapping is a fresh start.
        """
        unfinished = [
            record
            for record in instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
            if record.dagster_run.job_name in {*jobs, *beside}
            or set(assets) & set(record.dagster_run.asset_selection or ())
        ]
        failed = [
            record
            for job in jobs
            for record in instance.get_run_records(
                dg.RunsFilter(job_name=job, statuses=_FAILED, tags={run_tags.CODE: code}),
                limit=_MOST_RUNS,
            )
        ]
        succeeded: list[dg.RunRecord] = []
        if failed:
            first = min(record.create_timestamp for record in failed)
            for job in jobs:
                succeeded += instance.get_run_records(
                    dg.RunsFilter(
                        job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], created_after=first
                    )
                )
        return cls(_spans(unfinished), _spans(failed), _spans(succeeded))

    def is_covered(self, hour: str) -> bool:
        """True while a run over this hour is queued or in progress."""
        return any(run.covers(hour) for run in self.unfinished)

    def failures(self, hour: str) -> list[SpanRun]:
        """The failed runs over this hour since the last one that succeeded, newest first."""
        healed = max((run.ended_at for run in self.succeeded if run.covers(hour)), default=0.0)
        found = [run for run in self.failed if run.covers(hour) and run.ended_at > healed]
        return sorted(found, key=lambda run: run.ended_at, reverse=True)


def _spans(records: Iterable[dg.RunRecord]) -> tuple[SpanRun, ...]:
    """The runs with the keys they cover; one without, such as a stream, covers none."""
    spans = []
    for record in records:
        tags = record.dagster_run.tags
        first = (
            tags.get(run_tags.RANGE_START) or tags.get(run_tags.PARTITION) or tags.get(run_tags.KEY)
        )
        last = tags.get(run_tags.RANGE_END) or first
        if first and last:
            ended = record.end_time or _seconds(record.update_timestamp)
            spans.append(SpanRun(first, last, _seconds(record.create_timestamp), ended))
    return tuple(spans)


def _seconds(moment: datetime) -> float:
    """Dagster's times are UTC, with or without saying so."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.timestamp()

"""Runs in a Dagster instance as the launcher leaves them, without launching any."""

from __future__ import annotations

import uuid

import dagster as dg

from clickstream_platform import run_tags


def put_run(
    instance: dg.DagsterInstance,
    request: dg.RunRequest,
    job: str,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> dg.DagsterRun:
    """The run of a request, in this status."""
    run = dg.DagsterRun(
        job_name=job, run_id=str(uuid.uuid4()), status=status, tags=dict(request.tags)
    )
    return instance.run_storage.add_run(run)


def span_request(first: str, last: str, **tags: str) -> dg.RunRequest:
    return dg.RunRequest(tags={run_tags.RANGE_START: first, run_tags.RANGE_END: last, **tags})


def finish(instance: dg.DagsterInstance, run: dg.DagsterRun, *, success: bool) -> None:
    if success:
        instance.handle_run_event(
            run.run_id,
            dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, run.job_name),
        )
    else:
        instance.report_run_failed(run)

"""Ends in Dagster what has ended on this machine: runs, claims and leases of dead processes."""

from __future__ import annotations

import socket
import time

import dagster as dg
from filelock import FileLock, Timeout

from clickstream_platform import run_tags
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import leases
from clickstream_platform.storage.owners import is_alive, this_process

OUR_JOBS = ("ingest", "repair", "arrivals")
SILENT_S = 600.0  # a started run names its process in its first step, long before that
_LAUNCHED = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def name_process(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> None:
    """Notes on the run which process executes it, so that `reap` can tell when that is gone."""
    if run_tags.process_of(context.run) != this_process(_owner(context.run.run_id)):
        take(context.instance, context.run.run_id)


def take(instance: dg.DagsterInstance, run_id: str) -> None:
    """Notes on the run that this process executes it."""
    instance.add_run_tags(run_id, {run_tags.PROCESS: this_process(_owner(run_id))})


def end(instance: dg.DagsterInstance, run_id: str, why: str) -> None:
    """Reports a run that is not finished as what its end makes it: cancelled if that was asked
    for, else failed."""
    run = instance.get_run_by_id(run_id)  # it may have ended since somebody looked
    if run is None or run.is_finished:
        return
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, why)
    else:
        instance.report_run_failed(run, why)


def _owner(run_id: str) -> str:
    return f"{run_id}|{socket.gethostname()}"


def reap(instance: dg.DagsterInstance, workspace: Workspace) -> list[str]:
    """Reports runs failed whose process is gone, and frees their files and hours.

    Returns what it did, in words. A run of another machine is left alone. Two sensors reap, in
    threads of one daemon: the second leaves it to the first.
    """
    workspace.settings.state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(workspace.settings.state / "reaper.lock", blocking=False)
    try:
        with lock:
            return _reap(instance, workspace)
    except Timeout:
        return []


def _reap(instance: dg.DagsterInstance, workspace: Workspace) -> list[str]:
    done = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_LAUNCHED)):
        run = record.dagster_run
        why = _dead(run, record.start_time)
        if why is not None:
            end(instance, run.run_id, why)
            done.append(f"run {run.run_id}: {why}")
    workspace.manifest.free_dead_claims()
    freed = leases.release_dead(workspace.settings.state)
    return [*done, f"the leases of {freed} dead processes are released"] if freed else done


def _dead(run: dg.DagsterRun, started_at: float | None) -> str | None:
    process = run_tags.process_of(run)
    if process is None:
        silent = started_at is not None and time.time() - started_at > SILENT_S
        if run.job_name in OUR_JOBS and silent:
            return f"No process took up this run within {SILENT_S:.0f} s."
        return None
    _, host, pid, _ = process.split("|")
    if host != socket.gethostname() or is_alive(process):
        return None
    return f"The process of this run (pid {pid}) is gone."

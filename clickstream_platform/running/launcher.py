"""Starts the runs of `dagster dev`: forked from a process that has imported everything.

`dagster.yaml` names it. Dagster's own launcher starts a Python process for each run, which imports
everything anew.
"""

from __future__ import annotations

import logging
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, Self

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.launcher.base import LaunchRunContext, RunLauncher
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, serialize_value
from dagster._serdes.config_class import ConfigurableClassData

from clickstream_platform import on_disk, settings
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.run_tags import process_of
from clickstream_platform.storage import owners

PATIENCE_S = 300.0  # a cold import on a busy machine with two slow cores
# A process that forks must have one thread; the libraries that would start others obey these.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",  # delta-rs
}


class NurseryError(ClickstreamError):
    """The process that forks runs could not be started, or does not answer."""


class WarmRunLauncher(RunLauncher[DagsterInstance], ConfigurableClass):
    """Runs as children of this process's nursery, which is started with the first of them.

    A run uses the code and settings file that are on the disk when it starts, as it would in a
    process of its own: once one of them has changed, a new nursery takes the next run. Terminating
    interrupts the run's process as Ctrl-C would; any process of the instance may ask for it.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._nursery: _Nursery | None = None
        self._lock = threading.Lock()
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        return cls(inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        if run.job_code_origin is None:
            raise NurseryError(f"The run {run.run_id} does not say where its code is.")
        asked = ExecuteRunArgs(run.job_code_origin, run.run_id, self._instance.get_ref())
        with self._lock:
            pid = self._forked(serialize_value(asked))
        try:
            self._instance.report_engine_event(f"Forked process {pid} for this run.", run)
        except Exception:  # the run has begun, whether this can be told or not
            logging.getLogger(__name__).exception("Forked process %s for run %s", pid, run.run_id)

    def _forked(self, asked: str) -> int:
        if self._nursery is not None and self._nursery.is_current():
            try:
                return self._nursery.fork(asked)
            except NurseryError as error:  # another one takes the run
                logging.getLogger(__name__).warning("%s", error)
        self.dispose()
        self._nursery = _Nursery()
        return self._nursery.fork(asked)

    def terminate(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        if run.status is not DagsterRunStatus.CANCELING:
            self._instance.report_run_canceling(run)
        elif _is_alive(run):  # a second interrupt would cut its tidying up short
            return True
        asked = self._instance.get_run_by_id(run_id)  # again: a process looks after it is named
        process = process_of(asked) if asked else None
        if process is None:  # its process sees, before it begins, that it is not to
            return True
        if owners.send(process, signal.SIGINT):
            return True
        self._instance.report_run_canceled(run, "The process of this run is gone.")
        return True

    def dispose(self) -> None:
        """Runs in work go on; their nursery ends with the last of them."""
        if self._nursery is not None:
            self._nursery.close()
            self._nursery = None


def _is_alive(run: DagsterRun) -> bool:
    """Whether its process lives, or has not yet said which it is."""
    process = process_of(run)
    return process is None or owners.is_alive(process)


class _Nursery:
    """The process, and our end of its socket."""

    def __init__(self) -> None:
        self._of = _on_disk()  # before it imports
        self._socket, theirs = socket.socketpair()
        with theirs:
            end = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "clickstream_platform.running.nursery", str(end)],
                env={**settings.user_environment(), **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                pass_fds=[end],
            )

    def is_current(self) -> bool:
        """False once it has ended, or code or settings have changed since it began."""
        return self._process.poll() is None and _on_disk() == self._of

    def fork(self, asked: str) -> int:
        """The id of the new process. Raises: NurseryError."""
        try:
            self._socket.sendall(f"{asked}\n".encode())
            if not select.select([self._socket], [], [], PATIENCE_S)[0]:
                self._process.kill()  # or it forks the run later, beside another nursery
                raise NurseryError(f"No process was forked within {PATIENCE_S:.0f} s.")
            answer = self._socket.recv(64)
        except OSError as error:
            raise NurseryError(f"The process that forks runs is gone: {error}") from error
        if not answer:
            raise NurseryError("The process that forks runs ended; see the log of Dagster.")
        return int(answer)

    def close(self) -> None:
        self._socket.close()


def _on_disk() -> tuple[int, float]:
    """What runs depend on: the package and the settings file."""
    origin = settings.config_file()
    return on_disk.state(*([origin] if origin else []))

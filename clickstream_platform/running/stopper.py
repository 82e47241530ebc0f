"""Ends a server and what it has started, in order; its runs may outlive it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

import psutil

STOP_GRACE_S = 15.0
LEFTOVER_GRACE_S = 5.0
RUNS = "clickstream_platform.running.nursery"  # runs are forks of it, and look like it


class Stopper:
    """Passes a stop on to the child, and presses harder when it takes too long."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._asked_at: float | None = None
        self._family: dict[int, psutil.Process] = {}
        self._sessions: set[int] = set()  # the child's, and those of the lives before with runs

    @property
    def is_asked(self) -> bool:
        """Whether somebody wants an end."""
        return self._asked_at is not None

    def watch(self, child: subprocess.Popen[bytes]) -> None:
        """From now on a stop is for this one; also one that was asked for a moment ago."""
        self._child = child
        self._sessions.add(child.pid)
        if self.is_asked:
            child.send_signal(signal.SIGINT)

    def on_signal(self, *_: object) -> None:
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            if self._child is not None:
                self._child.send_signal(signal.SIGINT)

    def press(self, child: subprocess.Popen[bytes]) -> None:
        """Remembers the child's processes; kills the child if it ignores the stop."""
        self._remember()
        if self._asked_at is not None and time.monotonic() - self._asked_at > STOP_GRACE_S:
            child.kill()

    def finish(self, *, are_runs_spared: bool) -> None:
        """Ends what the child left behind, except its runs if these are spared."""
        self._remember()
        living = {pid: left for pid, left in self._family.items() if left.is_running()}
        spared = {pid for pid, left in living.items() if are_runs_spared and _is_run(left)}
        left = [process for pid, process in living.items() if pid not in spared]
        _, left = psutil.wait_procs(left, timeout=LEFTOVER_GRACE_S)
        for send in (psutil.Process.terminate, psutil.Process.kill):
            left = _end(left, send)
        self._family = {pid: living[pid] for pid in spared}
        self._sessions = {session for pid in spared if (session := _session(pid))}

    def _remember(self) -> None:
        """All processes of the watched sessions; the engine has a session of its own."""
        for pid in psutil.pids():
            if pid not in self._family and _session(pid) in self._sessions:
                with contextlib.suppress(psutil.Error):
                    self._family[pid] = psutil.Process(pid)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:  # it has ended
        return None


def _is_run(process: psutil.Process) -> bool:
    try:
        return RUNS in process.cmdline()
    except psutil.Error:
        return False


def _end(
    processes: Sequence[psutil.Process], send: Callable[[psutil.Process], None]
) -> list[psutil.Process]:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            send(process)
    return psutil.wait_procs(list(processes), timeout=LEFTOVER_GRACE_S)[1]

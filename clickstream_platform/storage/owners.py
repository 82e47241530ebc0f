"""Who holds a claim or a lease: a process of this machine, told apart from a reused pid."""

import contextlib
import os
import signal

import psutil


def this_process(run_id: str) -> str:
    """An owner name that dies with this process: `run|pid|start time`."""
    return f"{run_id}|{os.getpid()}|{psutil.Process().create_time():.3f}"


def pid_of(owner: str) -> int:
    """The id of the owner's process."""
    return int(owner.rsplit("|", 2)[1])


def is_alive(owner: str) -> bool:
    """True while the owner's process runs; one that only waits to be reaped does not."""
    return _process(owner) is not None


def kill(owner: str) -> None:
    """Ends the owner's process without asking it, if it runs on this machine."""
    send(owner, signal.SIGKILL)


def send(owner: str, what: signal.Signals) -> bool:
    """Sends the owner's process a signal; False if it is gone."""
    process = _process(owner)
    if process is None:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(what)
    return True


def _process(owner: str) -> psutil.Process | None:
    _, pid, started = owner.rsplit("|", 2)
    try:
        process = psutil.Process(int(pid))
        is_same = f"{process.create_time():.3f}" == started
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None

"""Who holds a claim or a lease: a process of this machine, told apart from a reused pid."""

import os

import psutil


def this_process(run_id: str) -> str:
    """An owner name that dies with this process: `run|pid|start time`."""
    return f"{run_id}|{os.getpid()}|{psutil.Process().create_time():.3f}"


def is_alive(owner: str) -> bool:
    """True while the owner's process runs; one that only waits to be reaped does not."""
    _, pid, started = owner.rsplit("|", 2)
    try:
        process = psutil.Process(int(pid))
        is_same = f"{process.create_time():.3f}" == started
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

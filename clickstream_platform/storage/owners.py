"""Who holds a claim or a lease: a process of this machine, told apart from a reused pid."""

import os

import psutil


def this_process(run_id: str) -> str:
    """An owner name that dies with this process: `run|pid|start time`."""
    return f"{run_id}|{os.getpid()}|{psutil.Process().create_time():.3f}"


def is_alive(owner: str) -> bool:
    """True while the owner's process runs."""
    _, pid, started = owner.rsplit("|", 2)
    try:
        return f"{psutil.Process(int(pid)).create_time():.3f}" == started
    except psutil.NoSuchProcess:
        return False

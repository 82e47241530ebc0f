"""A process with everything imported, which forks a child for each run.

To import Dagster, the contracts and the Spark client takes 4 s on two quiet slow cores and over 20
on crowded ones, more than the work of a small batch; here all runs pay it once. The launcher
starts this process and asks it for runs:

    python -m clickstream_platform.running.nursery DESCRIPTOR

DESCRIPTOR is one end of a socket. Each line that comes is an `ExecuteRunArgs` of Dagster, each
answer the id of the process that executes it. Once the socket has ended no run is taken any more,
and this process ends with its last child.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import dagster as dg
from dagster._cli.api import api_cli
from dagster._cli.utils import get_instance_for_cli
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import deserialize_value

from clickstream_platform.automation.reaper import end, reap, take
from clickstream_platform.resources.home import Home
from clickstream_platform.run_tags import process_of
from clickstream_platform.storage import owners

LOOK_S = 0.25  # how soon the end of a child is seen
DEFINITIONS = "clickstream_platform.definitions"
_TO_BEGIN = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING)
PRELOADED = ("pandas", "pyspark.sql.connect.session")  # which runs import only on the way


def preload() -> None:
    """Imports what runs need, and builds the asset graph."""
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module(DEFINITIONS).defs.get_repository_def()
    gc.collect()
    gc.freeze()  # or the first collection in a child copies every page


def serve(asking: socket.socket) -> None:
    """Forks a child for each line; returns when the socket and all children have ended."""
    lines = asking.makefile("r", encoding="utf-8", newline="\n")
    children: dict[int, str] = {}

    def fork(work: Callable[[], None]) -> int:
        pid = os.fork()
        if pid == 0:
            lines.close()  # who asks is to see this process's end even if children live on
            asking.close()
            _work_and_exit(work)
        return pid

    is_open = True
    while is_open or children:
        if not is_open:
            time.sleep(LOOK_S)
        elif select.select([asking], [], [], LOOK_S)[0]:
            asked = lines.readline()
            is_open = bool(asked)
            if asked:
                pid = fork(partial(execute, asked))
                children[pid] = asked
                asking.sendall(f"{pid}\n".encode())
        for ended in _ended(children):
            fork(partial(tell, *ended))


def execute(asked: str) -> None:
    """Executes the run in this process, as `dagster api execute_run` does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    args = deserialize_value(asked, ExecuteRunArgs)
    with get_instance_for_cli(instance_ref=args.instance_ref) as instance:
        run = instance.get_run_by_id(args.run_id)
        if run is None or run.status not in _TO_BEGIN:
            return  # it is another process's, or is over
        take(instance, args.run_id)
        run = instance.get_run_by_id(args.run_id)  # again: who ends it looks for its process after
        if run is None or run.status is dg.DagsterRunStatus.CANCELING:
            end(instance, args.run_id, "It was to end before it began.")
            return
    api_cli.main(["execute_run", asked], standalone_mode=False)


def tell(asked: str, pid: int, how: str) -> None:
    """Tells Dagster of a process that ended before its run did, and frees what it held."""
    args = deserialize_value(asked, ExecuteRunArgs)
    with get_instance_for_cli(instance_ref=args.instance_ref) as instance:
        run = instance.get_run_by_id(args.run_id)
        if run is None or run.is_finished:
            return
        owner = process_of(run)
        if owner is None or owners.pid_of(owner) == pid:
            end(instance, args.run_id, f"The process of this run (pid {pid}) ended with {how}.")
            reap(instance, Home().workspace)


def _work_and_exit(work: Callable[[], None]) -> NoReturn:
    """With the exit handlers, but without taking apart an interpreter that is mostly shared."""
    code: int | str | None = 1
    try:
        work()
        code = 0
    except SystemExit as asked:
        code = asked.code
    except BaseException:  # there is nobody above to see it
        traceback.print_exc()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _ended(children: dict[int, str]) -> list[tuple[str, int, str]]:
    """What was asked of the children that ended since the last look, and how they ended."""
    ended: list[tuple[str, int, str]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        asked, code = children.pop(pid, None), os.waitstatus_to_exitcode(status)
        if asked is not None:
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            ended.append((asked, pid, how))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the runs, who know what to do
    given = socket.socket(fileno=int(sys.argv[1]))
    given.set_inheritable(False)
    preload()
    serve(given)

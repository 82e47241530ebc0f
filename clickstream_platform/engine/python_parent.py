"""A process that has imported what Python workers need, from which Spark's daemons are forked.

It lives beside the engine, whose supervisor starts it with a pipe for standard input and ends it;
it also ends when that pipe does. `engine/python_daemon.py` asks it for daemons:

    CLICKSTREAM_PYTHON_PARENT=SOCKET python -m clickstream_platform.engine.python_parent

Spark would never end a daemon: sessions come with every run, and their daemons would fill a
machine's memory within days. So a daemon without workers ends by itself. Spark starts another one
should the session call Python again.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import psutil
from pyspark.daemon import manager

from clickstream_platform import on_disk
from clickstream_platform.engine.python_daemon import PARENT, STANDARD

# Without workers for so many looks. Spark ends those that have had nothing to do for a minute, and
# forgets them: it must know none when their daemon is gone.
LOOK_S, IDLE_LOOKS = 30, 3
# Spark's own, and those whose functions run in workers: these import neither Spark's columns nor
# the contracts.
PRELOADED = (
    "pyspark.worker",
    "pandas",
    "clickstream_platform.storage.landing",
    "clickstream_platform.transforms.enricher",
)
# A process that forks must have one thread: OpenBLAS and Arrow's jemalloc would start others.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
REAP_S = 1.0


class Idleness:
    """Ends this process once it has had no child for `looks` looks in a row."""

    def __init__(self, *, look_s: int = LOOK_S, looks: int = IDLE_LOOKS) -> None:
        self._look_s, self._looks = look_s, looks
        self._idle = 0

    def watch(self) -> None:
        """By the alarm clock, which forked workers do not inherit, rather than by a thread."""
        signal.signal(signal.SIGALRM, self._look)
        signal.alarm(self._look_s)

    def _look(self, _signal: int, _frame: FrameType | None) -> None:
        self._idle = 0 if psutil.Process().children() else self._idle + 1
        if self._idle >= self._looks:
            os.kill(os.getpid(), signal.SIGTERM)  # Spark's daemon tidies up and exits
        else:
            signal.alarm(self._look_s)


def preload() -> None:
    """Imports the modules and compiles the patterns that tell user agents."""
    for variable, value in ONE_THREAD.items():
        os.environ[variable] = value
    for name in PRELOADED:
        importlib.import_module(name)
    agents = importlib.import_module("clickstream_platform.transforms.agents")
    agents.agent("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0")
    gc.freeze()  # workers collect garbage after every task, but not what all of them share


def be_daemon() -> None:
    """Spark's daemon, until Spark closes its standard input or it is idle for long."""
    Idleness().watch()
    manager()


def serve(listener: socket.socket, imported: tuple[int, float]) -> None:
    """Forks a daemon for everyone who connects, until standard input ends.

    `imported` is what was on the disk when this process imported it.
    """
    while True:
        ready = select.select([listener, sys.stdin], [], [], REAP_S)[0]
        _reap()
        if sys.stdin in ready:
            return
        if listener in ready:
            with listener.accept()[0] as asked:
                pipes, environment = _received(asked)
                # Who asks in vain imports anew: workers run the code that is on the disk.
                if len(pipes) == len(STANDARD) and on_disk.state() == imported and os.fork() == 0:
                    listener.close()
                    _become_daemon(asked, pipes, environment)
            for pipe in pipes:
                os.close(pipe)


def _received(asked: socket.socket) -> tuple[list[int], dict[str, str]]:
    """The pipes and the environment of who asks; no pipes if it went away meanwhile."""
    asked.settimeout(5)
    try:
        _, pipes, _, _ = socket.recv_fds(asked, 1, len(STANDARD))
        with asked.makefile("rb") as told:
            return pipes, json.loads(told.read() or b"{}")
    except (OSError, ValueError):
        return [], {}


def _become_daemon(asked: socket.socket, pipes: list[int], environment: dict[str, str]) -> None:
    """Never returns; `asked` ends with this process, and so tells its end."""
    code = 1
    try:
        for pipe, standard in zip(pipes, STANDARD, strict=True):
            os.dup2(pipe, standard)
            os.close(pipe)
        for name, value in environment.items():
            os.environ[name] = value
        asked.sendall(b"y")
        be_daemon()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


def _reap() -> None:
    """Takes note of ended daemons, so that their CPU seconds are counted as this process's."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def main(place: Path) -> None:
    """Serves at the socket `place`, and removes it with its folder in the end."""
    imported = on_disk.state()
    preload()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        try:
            serve(listener, imported)
        finally:
            place.unlink(missing_ok=True)
            place.parent.rmdir()


if __name__ == "__main__":
    main(Path(os.environ[PARENT]))

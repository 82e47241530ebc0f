"""Spark's daemon of Python workers, with what our functions import loaded before it forks.

The engine runs `python -m clickstream_platform.engine.python_daemon pyspark.worker` for each
session that calls Python, and would never end it: sessions come with every run, and their daemons
would fill a machine's memory within days. So a daemon without workers ends by itself. Spark starts
another one should the session call Python again.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
from types import FrameType

import psutil
from pyspark.daemon import manager

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


if __name__ == "__main__":
    preload()
    Idleness().watch()
    manager()

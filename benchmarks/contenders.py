"""Contenders behind one face: given landing files, make all hourly tables, and be measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.probe import Cost, Probe, tree_bytes
from benchmarks.worker import MEMORY_VARIABLE
from clickstream_platform.engine.launch import TOKEN_VARIABLE
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import read_settings


class WorkerError(RuntimeError):
    """A contender's process failed; what it said."""


class Worker:
    """A process of `benchmarks.worker` that is ready."""

    def __init__(self, contender: str, log: Path, environment: Mapping[str, str]) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        self._errors = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", contender],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **environment},
            text=True,
        )
        self._answer("ready")

    def do(self, **job: Any) -> dict[str, Any]:
        assert self.process.stdin is not None  # noqa: S101 (a pipe was asked for)
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self._answer(""))
        if "error" in answer:
            raise WorkerError(f"{answer['error']} (see {self._log})")
        return answer

    def _answer(self, wanted: str) -> str:
        assert self.process.stdout is not None  # noqa: S101
        line = self.process.stdout.readline()
        if not line.startswith(wanted) or not line:
            raise WorkerError(f"the worker ended or said {line!r}; see {self._log}")
        return line

    def close(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(60)
        self._errors.close()


class Contender(ABC):
    """Measured on one landing folder at a time; each measurement writes into a new folder."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "contenders" / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number = 0

    def new_out(self) -> Path:
        """An empty folder nobody has seen: engines remember tables by their path."""
        self._number += 1
        return self.folder / f"{os.getpid()}-{time.time_ns()}-{self._number}"

    @abstractmethod
    def measure(self, landing: Path) -> tuple[Cost, Path]:
        """The cost, and the lake it wrote."""

    def close(self) -> None:  # noqa: B027 (many have nothing to end)
        """Ends what the contender started."""

    @staticmethod
    def discard(lake: Path) -> None:
        shutil.rmtree(lake, ignore_errors=True)


class InWorker(Contender):
    """A job that takes landing and out, in a process that stays warm."""

    def __init__(self, folder: Path, *, memory: str = "3g") -> None:
        super().__init__(folder)
        environment = {MEMORY_VARIABLE: memory}  # of a JVM, for those that have one
        self.worker = Worker(self.name, self.folder / "worker.log", environment)

    def measure(self, landing: Path) -> tuple[Cost, Path]:
        out = self.new_out()
        out.mkdir(parents=True)
        with Probe([self.worker.process.pid]) as probe:
            answer = self.worker.do(landing=str(landing), out=str(out))
        probe.cost.seconds = answer["seconds"]
        probe.cost.extra = {"stored_bytes": tree_bytes(out)}
        return probe.cost, out

    def close(self) -> None:
        self.worker.close()


class BareSpark(InWorker):
    name = "bare_spark"

    def last_work(self) -> dict[str, Any]:
        """Jobs and plans of the last measurement, read when no clock runs."""
        return self.worker.do(tell=True)


class DuckDb(InWorker):
    name = "duckdb_deltars"


class SharedEngine:
    """One warm engine for all homes of a benchmark, as a cluster would be."""

    def __init__(self, folder: Path, *, memory: str = "3g") -> None:
        home = folder / "engine"
        engine = {"driver_memory": memory, "idle_timeout_s": 7200, "start_timeout_s": 900}
        self.engine = Engine(read_settings(home=home, engine=engine))
        self.url = self.engine.ensure()
        self.token = (home / "state" / "engine" / "token").read_text()

    @property
    def pid(self) -> int:
        """Of the process above the JVM and the Python workers."""
        record = self.engine.record()
        return record.supervisor_pid if record else 0

    @property
    def environment(self) -> dict[str, str]:
        return {"CLICKSTREAM_ENGINE__REMOTE": self.url, TOKEN_VARIABLE: self.token}

    def stop(self) -> None:
        self.engine.stop()


class Platform(Contender):
    """The platform through Dagster, checks on: imports done and engine warm when the clock runs.

    A fresh home and process each time; `command=True` times `clickstream run` itself, with the
    start of its process.
    """

    name = "platform"

    def __init__(self, folder: Path, engine: SharedEngine, **settings: str) -> None:
        super().__init__(folder)
        self.engine = engine
        self.settings = settings

    def environment(self, home: Path) -> dict[str, str]:
        named = {f"CLICKSTREAM_{key}": value for key, value in self.settings.items()}
        return {
            **self.engine.environment,
            "CLICKSTREAM_HOME": str(home),
            "CLICKSTREAM_AUTOMATION__SETTLE_S": "0",
            **named,
        }

    def new_home(self, landing: Path) -> Path:
        home = self.new_out()
        home.mkdir(parents=True)
        shutil.copytree(landing, home / "landing", copy_function=os.link)
        return home

    def measure(self, landing: Path) -> tuple[Cost, Path]:
        home = self.new_home(landing)
        worker = Worker(self.name, self.folder / "worker.log", self.environment(home))
        try:
            with Probe([worker.process.pid, self.engine.pid]) as probe:
                answer = worker.do(first="2019-01-01T00", last=data.last_hour(landing))
        finally:
            worker.close()
        probe.cost.seconds = answer["seconds"]
        probe.cost.extra = {
            "runs": answer["runs"],
            "blocked": answer["blocked"],
            "stored_bytes": tree_bytes(home / "lake"),
        }
        return probe.cost, home / "lake"

    def command(self, home: Path, *arguments: str) -> tuple[Cost, str]:
        """A `clickstream` command of its own process, timed from outside."""
        process = subprocess.Popen(
            [sys.executable, "-m", "clickstream_platform.cli", *arguments],
            env={**os.environ, **self.environment(home)},
            stdout=subprocess.PIPE,
            stderr=(self.folder / "command.log").open("ab"),
            text=True,
        )
        with Probe([process.pid, self.engine.pid]) as probe:
            output = process.communicate()[0]
        if process.returncode:
            raise WorkerError(f"clickstream {arguments[0]}: exit {process.returncode}: {output}")
        return probe.cost, output

    @staticmethod
    def discard(lake: Path) -> None:
        shutil.rmtree(lake.parent, ignore_errors=True)

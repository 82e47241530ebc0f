"""What a measurement costs the machine: time, CPU, memory and writes of whole process trees."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)
LOOK_S, WEIGH_S = 0.2, 1.0


@dataclass
class Cost:
    """One measured stretch. CPU and writes are those of every process seen in the trees."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_pss_bytes: int = 0
    write_bytes: int = 0
    load_before: float = 0.0
    load_after: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Probe:
    """Watches the trees below some processes while a block runs.

        with Probe([worker_pid, engine_pid]) as probe:
            ...
        probe.cost

    CPU of a process that lived for less than two looks is not seen, unless its parent waited for
    it. PSS shares memory that forked workers have in common between them.
    """

    def __init__(self, roots: Iterable[int]) -> None:
        self._roots = [pid for pid in roots if pid]
        self._stop = threading.Event()
        self._first: dict[tuple[int, float], tuple[float, int]] = {}
        self._last: dict[tuple[int, float], tuple[float, int]] = {}
        self.cost = Cost()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Probe:
        self.cost.load_before = os.getloadavg()[0]
        self.look(first=True)
        self._began = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cost.seconds = time.perf_counter() - self._began
        self._stop.set()
        self._thread.join()
        self.look()
        self.cost.load_after = os.getloadavg()[0]
        zero = (0.0, 0)
        for key, (cpu, written) in self._last.items():
            cpu_before, written_before = self._first.get(key, zero)
            self.cost.cpu_s += cpu - cpu_before
            self.cost.write_bytes += written - written_before

    def _watch(self) -> None:
        weighed = 0.0
        while not self._stop.wait(LOOK_S):
            self.look()
            if time.monotonic() - weighed >= WEIGH_S:
                self._weigh()
                weighed = time.monotonic()

    def _processes(self) -> list[psutil.Process]:
        found = []
        for pid in self._roots:
            with suppress(*GONE):
                root = psutil.Process(pid)
                found += [root, *root.children(recursive=True)]
        return found

    def look(self, *, first: bool = False) -> None:
        """What every process has used by now."""
        for process in self._processes():
            with suppress(*GONE):
                times, io = process.cpu_times(), process.io_counters()
                seen = (times.user + times.system, io.write_bytes)
                key = (process.pid, process.create_time())
                self._last[key] = seen
                if first:
                    self._first[key] = seen

    def _weigh(self) -> None:
        total = 0
        for process in self._processes():
            with suppress(*GONE):
                total += process.memory_full_info().pss
        self.cost.peak_pss_bytes = max(self.cost.peak_pss_bytes, total)


def timed(work: Callable[[], object]) -> float:
    """Seconds the call took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def tree_bytes(place: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())

"""What the benchmark modules share: their setting, what they find, and rounds in turn."""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks import tables
from benchmarks.contenders import Contender, SharedEngine
from benchmarks.figures import median_interval, shown
from benchmarks.probe import Cost


class NotEqualError(RuntimeError):
    """Two contenders made different tables: their times do not count."""


@dataclass
class Setting:
    """Where to work, how large and how often."""

    folder: Path
    size: int = 100_000
    repeats: int = 3
    memory: str = "3g"
    options: Mapping[str, str] = field(default_factory=dict)  # the benchmark's own: its OPTIONS
    _engine: SharedEngine | None = None

    @property
    def engine(self) -> SharedEngine:
        if self._engine is None:
            self._engine = SharedEngine(self.folder, memory=self.memory)
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.stop()


@dataclass
class Finding:
    """The result of one module: a table, notes, perhaps a plot and more Markdown for the page."""

    title: str
    columns: Sequence[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)
    plot: dict[str, Any] | None = None
    details: list[str] = field(default_factory=list)
    samples: dict[str, Any] = field(default_factory=dict)

    def as_json(self, *, name: str, command: str, setting: Setting) -> dict[str, Any]:
        return {
            "name": name,
            "command": command,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "machine": machine(),
            "size": setting.size,
            "repeats": setting.repeats,
            "options": dict(setting.options),
            **asdict(self),
        }


def commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Linux {platform.release()}"


def in_turn(
    contenders: Mapping[str, Contender], landing: Path, *, repeats: int, say: Callable[[str], None]
) -> dict[str, list[Cost]]:
    """`repeats` rounds, in each every contender once, in an order that changes.

    Raises: NotEqualError if a table's content differs from that of any other measurement.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    expected: dict[str, str] | None = None
    order = random.Random(1)  # noqa: S311 (which goes first)
    for number in range(repeats):
        turn = list(contenders)
        order.shuffle(turn)
        for name in turn:
            cost, lake = contenders[name].measure(landing)
            made = tables.content(lake)
            if made["bronze/events"].startswith("0 "):
                raise NotEqualError(f"{name} read nothing of {landing}")
            if expected is None:
                expected = made
            if different := tables.differences(expected, made):
                raise NotEqualError(f"{name} made other rows: {'; '.join(different)} (in {lake})")
            contenders[name].discard(lake)
            costs[name].append(cost)
            say(
                f"round {number + 1} {name}: {cost.seconds:.1f} s, {cost.cpu_s:.0f} CPU s, "
                f"{cost.peak_pss_bytes / 2**20:.0f} MiB, load {cost.load_before:.1f}"
            )
    return costs


def cost_row(name: str, costs: Sequence[Cost], *, events: int) -> list[str]:
    """A line of a table: medians, the time with its interval."""
    seconds = median_interval([cost.seconds for cost in costs])

    def middle(values: list[float]) -> float:
        return median_interval(values)[0]

    cpu = middle([cost.cpu_s for cost in costs])
    return [
        name,
        shown(seconds, digits=1),
        f"{cpu:.0f}",
        f"{events / seconds[0]:,.0f}",
        f"{events / cpu:,.0f}" if cpu else "",
        f"{middle([cost.peak_pss_bytes for cost in costs]) / 2**30:.1f}",
        f"{middle([cost.write_bytes for cost in costs]) / 2**20:,.0f}",
        f"{middle([cost.load_before for cost in costs]):.1f}",
    ]


COST_COLUMNS = (
    "contender", "seconds (95 % interval)", "CPU s", "events/s", "events per CPU s",
    "peak GiB (PSS)", "MiB written", "load",
)  # fmt: skip


def store(folder: Path, name: str, found: Mapping[str, Any]) -> Path:
    """Keeps the result under the folder as `<name>-<size>.json`, and what was there before.

    That is moved to `earlier`, named by its time.
    """
    place = folder / "results" / f"{name}-{found['size']}.json"
    earlier = place.parent / "earlier"
    earlier.mkdir(parents=True, exist_ok=True)
    if place.exists():
        made_at = datetime.fromtimestamp(place.stat().st_mtime, UTC)
        place.rename(earlier / f"{place.stem}-{made_at:%Y%m%dT%H%M%S}.json")
    place.write_text(json.dumps(found, indent=1, default=str))
    return place

"""A month's backfill killed at about 60 %, and started again: how much is done twice?

A month of a million events would be one chunk per layer, and a kill in it would lose or keep all
of it; so the run builds as many chunks as a backfill of the full 720 hours at a large shop has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from deltalake import DeltaTable

from benchmarks import data, tables
from benchmarks.contenders import Platform
from benchmarks.harness import Finding, NotEqualError, Setting
from benchmarks.probe import Probe
from benchmarks.say import say
from clickstream_platform.build.chunks import LINE_BYTES
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.silver import SILVER_EVENTS

OPTIONS = {"hours": "720", "chunks": "24"}
KILL_AT, POLL_S = 0.6, 0.5
LAYERS = (SILVER_EVENTS.path, "gold/fact_sessions")
WRITTEN = (SILVER_EVENTS.path, *[table.path for table in GOLD])


@dataclass(frozen=True)
class Filled:
    """A home filled from its landing files, at once or in two starts."""

    seconds: float
    cpu_s: float
    hours: int  # of silver and of gold
    noted_twice: int
    unnamed_commits: int
    content: dict[str, str]
    built_at_kill: int = 0
    cpu_until_kill: float = 0.0


def bench(setting: Setting) -> Finding:
    """In each round one uninterrupted run and one that is killed, on homes of their own."""
    hours, chunks = (int(setting.options[name]) for name in ("hours", "chunks"))
    landing = data.landing(setting.folder, events=setting.size, hours=hours)
    limit = max(setting.size * LINE_BYTES // chunks, 1_000)
    platform = Platform(setting.folder, setting.engine, MAX_BYTES_PER_CHUNK=str(limit))
    say("warming up")
    _uninterrupted(platform, landing)
    whole, killed = [], []
    for _ in range(setting.repeats):
        whole.append(_uninterrupted(platform, landing))
        killed.append(_killed(platform, landing))
        if different := tables.differences(whole[-1].content, killed[-1].content):
            raise NotEqualError(f"the resumed run made other rows: {'; '.join(different)}")
    ratio = np.median([k.cpu_s / w.cpu_s for k, w in zip(killed, whole, strict=True)])
    return Finding(
        title=f"Killed at {KILL_AT:.0%} of {hours} hours, {setting.size:,} events",
        columns=("", "uninterrupted", "killed and started again"),
        rows=_rows(whole, killed),
        notes=[
            f"CPU of both starts ÷ CPU of an uninterrupted run: {ratio:.3f} (aim: at most 1.05)",
            "CPU counts everything: the chunk that was in work when it was killed, the second "
            "start's imports and plan, and the engine going on with what nobody waits for.",
            f"About {chunks} chunks a layer (`max_bytes_per_chunk` {limit:,}); medians of "
            f"{setting.repeats}; tables equal in each round.",
        ],
        samples={
            "uninterrupted": [_shown(one) for one in whole],
            "killed": [_shown(one) for one in killed],
        },
    )


def _rows(whole: Sequence[Filled], killed: Sequence[Filled]) -> list[list[str]]:
    def row(name: str, field: str, form: str = ",.0f") -> list[str]:
        middles = [np.median([getattr(one, field) for one in found]) for found in (whole, killed)]
        return [name, *[f"{middle:{form}}" for middle in middles]]

    at_kill = np.median([one.built_at_kill for one in killed])
    until = np.median([one.cpu_until_kill for one in killed])
    return [
        row("CPU s", "cpu_s", ",.1f"),
        ["of it until the kill", "", f"{until:,.1f}"],
        row("seconds", "seconds", ",.1f"),
        row("hours of silver and gold in the end", "hours"),
        ["hours of them there at the kill", "", f"{at_kill:,.0f}"],
        row("hours recorded twice", "noted_twice"),
        row("commits whose hours were not recorded", "unnamed_commits"),
    ]


def _shown(one: Filled) -> dict[str, float]:
    return {name: value for name, value in vars(one).items() if name != "content"}


def _arguments(home: Path) -> tuple[str, ...]:
    return "run", "--exact", "--from", "2019-01-01T00", "--to", data.last_hour(home / "landing")


def _uninterrupted(platform: Platform, landing: Path) -> Filled:
    home = platform.new_home(landing)
    cost, _ = platform.command(home, *_arguments(home))
    say(f"uninterrupted: {cost.seconds:.0f} s, {cost.cpu_s:.0f} CPU s")
    return _found(home, seconds=cost.seconds, cpu_s=cost.cpu_s)


def _killed(platform: Platform, landing: Path) -> Filled:
    home = platform.new_home(landing)
    with (platform.folder / "killed.log").open("ab") as log:
        first = subprocess.Popen(
            [sys.executable, "-m", "clickstream_platform.cli", *_arguments(home)],
            env={**os.environ, **platform.environment(home)},
            stdout=log,
            stderr=log,
        )
        with Probe([first.pid, platform.engine.pid]) as probe:
            while first.poll() is None and _share(home) < KILL_AT:
                time.sleep(POLL_S)
            if first.returncode is not None:
                raise RuntimeError(f"it ended before it could be killed; see {log.name}")
            probe.look()  # what is gone cannot be asked for its CPU
            first.kill()
            first.wait()
            built = sum(len(hours_of(home, path)) for path in LAYERS)
    say(f"killed after {probe.cost.seconds:.0f} s with {built} hours built")
    rest, _ = platform.command(home, *_arguments(home))
    until = probe.cost
    say(f"second start: {rest.seconds:.0f} s, {until.cpu_s:.0f} + {rest.cpu_s:.0f} CPU s")
    return _found(
        home,
        seconds=until.seconds + rest.seconds,
        cpu_s=until.cpu_s + rest.cpu_s,
        built_at_kill=built,
        cpu_until_kill=until.cpu_s,
    )


def _found(
    home: Path, *, seconds: float, cpu_s: float, built_at_kill: int = 0, cpu_until_kill: float = 0
) -> Filled:
    filled = Filled(
        seconds=seconds,
        cpu_s=cpu_s,
        hours=sum(len(hours_of(home, path)) for path in LAYERS),
        noted_twice=sum(_noted(home, path) - len(hours_of(home, path)) for path in LAYERS),
        unnamed_commits=sum(unnamed_commits(home, path) for path in WRITTEN),
        content=tables.content(home / "lake"),
        built_at_kill=built_at_kill,
        cpu_until_kill=cpu_until_kill,
    )
    shutil.rmtree(home)
    return filled


def hours_of(home: Path, path: str) -> set[str]:
    return {hour for table, hour in hour_state.current(home / "lake") if table == path}


def _share(home: Path) -> float:
    bronze = len(hours_of(home, "bronze/events"))
    built = sum(len(hours_of(home, path)) for path in LAYERS)
    return built / (len(LAYERS) * bronze) if bronze else 0.0


def _noted(home: Path, path: str) -> int:
    rows = DeltaTable(str(home / "lake/ops/hour_state")).to_pyarrow_dataset()
    return rows.to_table(columns=["table"])["table"].to_pylist().count(path)


def unnamed_commits(home: Path, path: str) -> int:
    """Versions of a table that no state names: work that was lost, or done for nothing."""
    table = DeltaTable(str(home / "lake" / path))
    rows = DeltaTable(str(home / "lake/ops/hour_state")).to_pyarrow_dataset().to_table()
    named = {row["version"] for row in rows.to_pylist() if row["table"] == path}
    return len({*range(1, table.version() + 1)} - named)

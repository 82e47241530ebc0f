"""A month's backfill killed at about 60 %, and started again: how much is done twice?"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from deltalake import DeltaTable

from benchmarks import data
from benchmarks.contenders import Platform
from benchmarks.harness import Finding, Setting
from benchmarks.say import say
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.silver import SILVER_EVENTS

MONTH, KILL_AT = 720, 0.6
LAYERS = ("silver/events", "gold/fact_sessions")


def bench(setting: Setting) -> Finding:
    """Work is counted as hours of silver and of gold that were committed or begun."""
    landing = data.landing(setting.folder, events=setting.size, hours=MONTH)
    platform = Platform(setting.folder, setting.engine)
    home = platform.new_home(landing)
    began = time.monotonic()
    first = subprocess.Popen(
        [sys.executable, "-m", "clickstream_platform.cli", "run", "--exact",
         "--from", "2019-01-01T00", "--to", data.last_hour(landing)],
        env={**os.environ, **platform.environment(home)},
        stdout=subprocess.DEVNULL,
        stderr=(platform.folder / "killed.log").open("ab"),
    )  # fmt: skip
    while first.poll() is None and _share(home) < KILL_AT:
        time.sleep(0.5)
    done = _built(home)
    first.kill()
    first.wait()
    before_kill = time.monotonic() - began
    say(f"killed after {before_kill:.0f} s with {done} hours built")
    began = time.monotonic()
    platform.command(
        home, "run", "--exact", "--from", "2019-01-01T00", "--to", data.last_hour(landing)
    )
    rest = time.monotonic() - began
    twice = sum(_noted(home, path) - len(_hours(home, path)) for path in LAYERS)
    total = sum(len(_hours(home, path)) for path in LAYERS)
    lines = sum(
        row.row_count
        for (path, _), row in hour_state.current(home / "lake").items()
        if path == SILVER_EVENTS.path
    )
    unfinished = _begun_and_lost(home)
    platform.discard(home / "lake")
    return Finding(
        title=f"Killed at {KILL_AT:.0%} of {MONTH} hours, {setting.size:,} events",
        columns=("", "value"),
        rows=[
            ["seconds until the kill", f"{before_kill:.1f}"],
            ["hours of silver and gold built by then", f"{done:,} of {total:,}"],
            ["seconds of the second start", f"{rest:.1f}"],
            ["hours recorded twice", f"{twice:,} ({twice / total:.1%})"],
            ["commits whose hours were not recorded yet", f"{unfinished}"],
            ["accepted events in the end", f"{lines:,}"],
        ],
        notes=["Aim: at most 5 % done twice. What was in work when it was killed is lost too."],
    )


def _hours(home: Path, path: str) -> set[str]:
    return {hour for table, hour in hour_state.current(home / "lake") if table == path}


def _built(home: Path) -> int:
    return sum(len(_hours(home, path)) for path in LAYERS)


def _share(home: Path) -> float:
    bronze = len(_hours(home, "bronze/events"))
    return _built(home) / (len(LAYERS) * bronze) if bronze else 0.0


def _noted(home: Path, path: str) -> int:
    rows = DeltaTable(str(home / "lake/ops/hour_state")).to_pyarrow_dataset()
    return rows.to_table(columns=["table"])["table"].to_pylist().count(path)


def _begun_and_lost(home: Path) -> int:
    """Versions of silver/events that no state names."""
    table = DeltaTable(str(home / "lake" / SILVER_EVENTS.path))
    rows = DeltaTable(str(home / "lake/ops/hour_state")).to_pyarrow_dataset().to_table()
    named = {row["version"] for row in rows.to_pylist() if row["table"] == SILVER_EVENTS.path}
    return len({*range(1, table.version() + 1)} - named)

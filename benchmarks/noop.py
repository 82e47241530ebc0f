"""`clickstream run` over a month in which nothing changed: no file, no event, how many seconds?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks import data
from benchmarks.contenders import Platform
from benchmarks.figures import median_interval, shown
from benchmarks.harness import Finding, Setting
from benchmarks.say import say

MONTH = 720


def bench(setting: Setting) -> Finding:
    """The month is built once with daily marts; then the command runs `repeats` times."""
    home = built_home(setting)
    platform = Platform(setting.folder, setting.engine)
    files, events = lake_files(home), event_count(home)
    first, last = data.START, data.last_hour(home / "landing")
    seconds = []
    for _ in range(setting.repeats):
        cost, _ = platform.command(home, "run", "--from", first, "--to", last)
        say(f"no-op: {cost.seconds:.1f} s, {cost.cpu_s:.1f} CPU s")
        seconds.append(cost.seconds)
    new_files = len(lake_files(home) - files)
    new_events = event_count(home) - events
    return Finding(
        title=f"No-op over {MONTH} hours, {setting.size:,} events",
        columns=("command", "seconds (95 % interval)", "new files", "new Dagster events"),
        rows=[
            [
                "clickstream run --from --to",
                shown(median_interval(seconds), digits=1),
                f"{new_files}",
                f"{new_events}",
            ]
        ],
        notes=["Aim: under 20 s, no file, no event. The process start is part of the time."],
        samples={"seconds": seconds},
    )


def built_home(setting: Setting) -> Path:
    """A home with everything built of `size` events over a month; made once and kept."""
    landing = data.landing(setting.folder, events=setting.size, hours=MONTH)
    platform = Platform(setting.folder, setting.engine)
    kept = setting.folder / "homes" / f"month-{setting.size}"
    if not (kept / ".built").exists():
        platform.discard(kept / "lake")
        home = platform.new_home(landing)
        kept.parent.mkdir(parents=True, exist_ok=True)
        home.rename(kept)
        say("building the month once")
        platform.command(kept, "run")
        (kept / ".built").touch()
    return kept


def lake_files(home: Path) -> set[Path]:
    return {path for path in (home / "lake").rglob("*") if path.is_file()}


def event_count(home: Path) -> int:
    """Events in all of the home's Dagster logs."""
    total = 0
    for path in (home / "dagster").rglob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            if "event_logs" in names:
                total += connection.execute("SELECT count(*) FROM event_logs").fetchone()[0]
    return total

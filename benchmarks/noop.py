"""A month in which nothing changed, asked for by `clickstream run` and by a backfill in the UI."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from benchmarks import data
from benchmarks.contenders import Platform
from benchmarks.dev_server import assets_of, backfill, serving
from benchmarks.figures import median_interval, shown
from benchmarks.harness import Finding, Setting
from benchmarks.say import say
from clickstream_platform.hours import shift

MONTH = 720


def bench(setting: Setting) -> Finding:
    """The month is built once with daily marts; then the command runs `repeats` times, then the UI
    is asked for all hourly tables of all hours."""
    home = built_home(setting)
    platform = Platform(setting.folder, setting.engine)
    files, events = lake_files(home), event_count(home)
    first, last = data.START, data.last_hour(home / "landing")
    seconds = []
    for _ in range(setting.repeats):
        cost, _ = platform.command(home, "run", "--from", first, "--to", last)
        say(f"no-op: {cost.seconds:.1f} s, {cost.cpu_s:.1f} CPU s")
        seconds.append(cost.seconds)
    by_command = _news(home, files, events)
    with serving(home, platform.environment(home)) as url:
        before = lake_files(home), event_count(home)
        hours = [shift(first, number) for number in range(MONTH)]
        assets = assets_of(url, "arrivals")
        began = time.perf_counter()
        status = backfill(url, assets, hours, within_s=1800)
        in_ui = time.perf_counter() - began
    by_ui = _news(home, *before)
    say(f"in the UI: {in_ui:.1f} s, {status}")
    if status != "COMPLETED_SUCCESS":
        raise RuntimeError(f"the backfill ended as {status}")
    return Finding(
        title=f"No-op over {MONTH} hours, {setting.size:,} events",
        columns=("way", "seconds (95 % interval)", "new files", "new Dagster events"),
        rows=[
            ["clickstream run --from --to", shown(median_interval(seconds), digits=1), *by_command],
            [f"backfill in the UI, {len(assets)} tables", f"{in_ui:.1f}", *by_ui],
        ],
        notes=[
            "Aim of the command: under 20 s, no file, no event. The process start is part of it.",
            "The UI's backfill, once and by the request that its dialog sends: each hour of each "
            "table is materialised for Dagster, with its checks, but nothing is built.",
        ],
        samples={"seconds": seconds, "ui": [in_ui]},
    )


def _news(home: Path, files: set[Path], events: int) -> list[str]:
    """How many files and Dagster events there are beyond these."""
    return [f"{len(lake_files(home) - files)}", f"{event_count(home) - events:,}"]


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

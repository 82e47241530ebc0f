"""What gold costs to build: one full hour, a month of daily marts, the marts over all time.

`python -m benchmarks run gold_work --size 50000`: the hour has `size` events, in a lake with
a month before it of ten times as many. Engine and plans are warm; each build is forced, so rows
that did not change are written too. Jobs, stages and tasks are those of Spark's event log.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks import data
from benchmarks.figures import median_interval, shown
from benchmarks.harness import Finding, Setting
from benchmarks.probe import Cost, Probe
from benchmarks.say import say
from clickstream_platform.build.daily import build_daily, build_snapshots
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import shared_session
from clickstream_platform.engine.server import Engine
from clickstream_platform.hours import shift
from clickstream_platform.settings import read_settings
from clickstream_platform.tables.gold import DAILY, GOLD, SNAPSHOTS
from clickstream_platform_tests.homes import bring_up_all

DAYS = 30
FULL_HOUR = shift(data.START, 24 * (DAYS + 1))  # a day apart: nobody's visit goes on into it
RUN = "benchmark"
EVENTS = {
    "SparkListenerJobStart": "jobs",
    "SparkListenerStageCompleted": "stages",
    "SparkListenerTaskEnd": "tasks",
}


def bench(setting: Setting) -> Finding:
    """`repeats` forced builds of each layer, after one that warms up."""
    home = setting.folder / "gold_work" / str(time.time_ns())
    _landing(setting, home)
    log = home / "spark-events"
    log.mkdir()
    settings = read_settings(
        home=home,
        engine={
            "driver_memory": setting.memory,
            "start_timeout_s": 900,
            "idle_timeout_s": 7200,
            "extra_confs": _event_log(log),
        },
    )
    workspace = Workspace(settings, lambda: shared_session(settings))
    engine = Engine(settings)
    try:
        say(f"bringing up {DAYS} days and a full hour")
        bring_up_all(workspace)
        record = engine.record()
        pid = record.supervisor_pid if record else 0
        found = {
            name: _measured(name, build, log, pid, setting.repeats)
            for name, build in _builds(workspace, setting).items()
        }
    finally:
        engine.stop()
        shutil.rmtree(home, ignore_errors=True)
    return Finding(
        title=f"Gold of one hour of {setting.size:,} events, and by day over {DAYS} days",
        columns=("build", "seconds (95 % interval)", "CPU s", "jobs", "stages", "tasks", "load"),
        rows=[_row(name, costs) for name, costs in found.items()],
        notes=[f"The {DAYS} days hold {10 * setting.size:,} events. Engine and plans are warm."],
        samples={name: [cost.as_dict() for cost in costs] for name, costs in found.items()},
    )


def _landing(setting: Setting, home: Path) -> None:
    month = data.landing(setting.folder, events=10 * setting.size, hours=24 * DAYS)
    hour = data.landing(setting.folder, events=setting.size, hours=1, seed=11, start=FULL_HOUR)
    for made in (month, hour):
        shutil.copytree(
            made,
            home / "landing",
            ignore=shutil.ignore_patterns(".made"),
            copy_function=os.link,
            dirs_exist_ok=True,
        )


def _builds(workspace: Workspace, setting: Setting) -> dict[str, Callable[[], list[HourReport]]]:
    days = [shift(data.START, 24 * number)[:10] for number in range(DAYS)]
    return {
        f"hourly gold, one hour of {setting.size:,} events ({len(GOLD)} tables)": lambda: (
            build_gold(workspace, [FULL_HOUR], run_id=RUN, force=True)
        ),
        f"daily marts, {DAYS} days ({len(DAILY)} tables)": lambda: build_daily(
            workspace, days, run_id=RUN, force=True
        ),
        f"daily marts, one day ({len(DAILY)} tables)": lambda: build_daily(
            workspace, days[-1:], run_id=RUN, force=True
        ),
        f"marts over all time ({len(SNAPSHOTS)} tables)": lambda: build_snapshots(
            workspace, run_id=RUN, force=True
        ),
    }


def _measured(
    name: str, build: Callable[[], list[HourReport]], log: Path, engine: int, repeats: int
) -> list[Cost]:
    costs = []
    for _ in range(repeats + 1):
        before = _counted(log)
        with Probe([os.getpid(), engine]) as probe:
            reports = build()
        if blocked := [report for report in reports if report.blocked_by]:
            raise RuntimeError(f"{name}: {blocked[0]}")
        probe.cost.extra = dict(_counted(log) - before)
        costs.append(probe.cost)
        say(f"{name}: {probe.cost.seconds:.1f} s, {probe.cost.extra}")
    return costs[1:]


def _event_log(folder: Path) -> dict[str, str]:
    return {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": folder.as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
    }


def _counted(log: Path) -> Counter[str]:
    """Jobs, stages and tasks that the engine has written to its event log so far."""
    found: Counter[str] = Counter()
    for file in log.rglob("*"):
        if file.is_file():
            with file.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    kind = line[10 : line.find('"', 10)]  # {"Event":"Spark…
                    if kind in EVENTS:
                        found[EVENTS[kind]] += 1
    return found


def _row(name: str, costs: list[Cost]) -> list[str]:
    def middle(values: list[float]) -> float:
        return median_interval(values)[0]

    return [
        name,
        shown(median_interval([cost.seconds for cost in costs]), digits=1),
        f"{middle([cost.cpu_s for cost in costs]):.1f}",
        *[f"{middle([cost.extra.get(kind, 0) for cost in costs]):.0f}" for kind in EVENTS.values()],
        f"{middle([cost.load_before for cost in costs]):.1f}",
    ]

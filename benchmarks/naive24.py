"""A naive Dagster set-up against the platform, on some hours of a day."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import data
from benchmarks.contenders import Contender, Platform, WorkerError
from benchmarks.figures import ratio_interval, shown
from benchmarks.harness import COST_COLUMNS, Finding, Setting, cost_row, in_turn
from benchmarks.probe import Cost, Probe
from benchmarks.raw_to_gold import WARM_UP_EVENTS
from benchmarks.say import say

OPTIONS = {"hours": "24"}  # each takes minutes
START = "2024-11-29T00"


class Naive(Contender):
    """`benchmarks.naive_dagster` in a process of its own; nothing of it can be kept warm."""

    name = "naive_dagster"

    def measure(self, landing: Path) -> tuple[Cost, Path]:
        out = self.new_out()
        out.mkdir(parents=True)
        with (self.folder / "naive.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.naive_dagster", str(landing), str(out)],
                stdout=log,
                stderr=log,
            )
            with Probe([process.pid]) as probe:
                process.wait()
        if process.returncode:
            raise WorkerError(f"naive_dagster: exit {process.returncode}; see {log.name}")
        return probe.cost, out


def bench(setting: Setting) -> Finding:
    """One round for the naive set-up, `repeats` for the platform."""
    size, hours = setting.size, int(setting.options["hours"])
    landing = data.landing(setting.folder, events=size, hours=hours, start=START)
    small = data.landing(setting.folder, events=WARM_UP_EVENTS, hours=24)
    platform = Platform(setting.folder, setting.engine)
    in_turn({"platform": platform}, small, repeats=1, say=say)
    naive = Naive(setting.folder)
    costs = in_turn({"platform": platform, naive.name: naive}, landing, repeats=1, say=say)
    if setting.repeats > 1:
        more = in_turn({"platform": platform}, landing, repeats=setting.repeats - 1, say=say)
        costs["platform"] += more["platform"]
    seconds = {name: [cost.seconds for cost in found] for name, found in costs.items()}
    ratio = ratio_interval(seconds[naive.name], seconds["platform"])
    landed = len([*(landing / "shop_json").iterdir()])
    return Finding(
        title=f"Naive Dagster, {size:,} events of {hours} hours in {landed} landing hours",
        columns=COST_COLUMNS,
        rows=[cost_row(name, found, events=size) for name, found in costs.items()],
        notes=[
            f"naive ÷ platform: {shown(ratio, digits=1)} (aim on 24 hours: at least 20)",
            "Late files land in later hours, which are hours for both.",
            "An hour's gold of the naive set-up reads the hour and 24 on either side.",
        ],
        samples=seconds,
    )

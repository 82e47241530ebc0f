"""What Dagster adds to a warm micro-batch: its whole path, less the same builds called plainly.

Two copies of one home with history get the same files: one through `make dev`'s sensors and runs
(`benchmarks/arrivals.py`), the other by a process that is warm and calls the builds.
"""

from __future__ import annotations

import shutil

import numpy as np

from benchmarks import arrivals, data, tables
from benchmarks.arrivals import BATCH_EVENTS, PARTS, Path2Gold
from benchmarks.contenders import Platform, Worker
from benchmarks.figures import median_interval, shown
from benchmarks.harness import Finding, NotEqualError, Setting
from benchmarks.micro_batch import row_of
from benchmarks.say import say
from clickstream_platform.hours import shift

OPTIONS = {"hours": "720", "files": "20", "warm": "5"}


def bench(setting: Setting) -> Finding:
    """So many files, each both ways in turn; `size` does not count."""
    hours = int(setting.options["hours"])
    through, alone = _measured(setting, hours)
    added = [path.whole - seconds for path, seconds in zip(through, alone, strict=True)]
    plain = [f"{np.median(alone):.1f}", f"{np.percentile(alone, 95):.1f}", *["" for _ in PARTS]]
    return Finding(
        title=f"Orchestration of a micro-batch of {BATCH_EVENTS:,} events, {hours:,} hours there",
        columns=("way", "whole, median s", "p95 s", *[f"{part}, s" for part in PARTS]),
        rows=[["sensors and runs", *row_of(through)], ["builds called plainly", *plain]],
        notes=[
            f"Dagster adds {shown(median_interval(added))} s (aim: at most 2 s): tick wait, "
            "dequeue, the run's start and what it tells Dagster.",
            f"{len(added)} files, after {setting.options['warm']} that warm up, both ways on "
            "copies of one home with one engine; in the end the hashes of all 13 tables agree.",
        ],
        samples={"through": [path.whole for path in through], "alone": alone},
    )


def _measured(setting: Setting, hours: int) -> tuple[list[Path2Gold], list[float]]:
    platform = Platform(setting.folder, setting.engine, **arrivals.SMALL_HOURS)
    homes = [arrivals.history(setting, platform, hours) for _ in range(2)]
    count, warm = (int(setting.options[name]) for name in ("files", "warm"))
    files = arrivals.batch_files(setting, shift(data.START, hours), warm + count)
    through: list[Path2Gold] = []
    alone: list[float] = []
    worker = Worker("builds", platform.folder / "builds.log", platform.environment(homes[1]))
    try:
        with arrivals.sensors_on(platform, homes[0]) as instance:
            for file in files:
                through.append(arrivals.arrive(instance, homes[0], file))
                arrivals.drop(homes[1], file)
                alone.append(worker.do()["seconds"])
                say(f"plainly: {alone[-1]:.1f} s")
    finally:
        worker.close()
    made = [tables.content(home / "lake") for home in homes]
    if different := tables.differences(*made):
        raise NotEqualError(f"the two ways made other rows: {'; '.join(different)} (in {homes})")
    for home in homes:
        shutil.rmtree(home)
    return through[warm:], alone[warm:]

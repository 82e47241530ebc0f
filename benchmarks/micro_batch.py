"""A file of 2,000 events into a lake with a long history: engine work, and the whole path to gold.

The way of a file is in `benchmarks/arrivals.py`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import numpy as np

from benchmarks import arrivals, data
from benchmarks.arrivals import BATCH_EVENTS, PARTS, Path2Gold
from benchmarks.contenders import Platform
from benchmarks.harness import Finding, Setting
from clickstream_platform.hours import shift

# Of fewer than 20 files the 95th percentile would be nothing but the slowest of them. Five files
# before them, since the engine still compiles what small batches need: without, the shorter
# history, which comes first, would pay for the longer one.
OPTIONS = {"hours": "720,8760", "files": "20", "warm": "5"}


def bench(setting: Setting) -> Finding:
    """For each length of history so many files, one after the other; `size` does not count."""
    rows, samples, engine_medians = [], {}, []
    for hours in map(int, setting.options["hours"].split(",")):
        found = measured(setting, hours)
        samples[str(hours)] = [{"whole": one.whole, **one.parts} for one in found]
        engine_medians.append(float(np.median([one.parts["engine"] for one in found])))
        rows.append([f"{hours:,}", *row_of(found)])
    ratio = engine_medians[-1] / engine_medians[0]
    return Finding(
        title=f"{BATCH_EVENTS:,} events into a lake with history, through the sensors",
        columns=("hours of history", "whole, median s", "p95 s", *[f"{p}, s" for p in PARTS]),
        rows=rows,
        notes=[
            f"engine work, longest ÷ shortest history: {ratio:.2f} (aim: at most 1.1); whole path "
            "p95 at most 20 s",
            f"{setting.options['files']} files of exactly {BATCH_EVENTS:,} lines for each history, "
            f"each dropped when nothing is queued or running; {setting.options['warm']} more "
            "before them warm up.",
            "The parts are medians over the files; settling and polling are "
            "tick wait. Engine is, of each step, its start to the first materialisation it tells.",
        ],
        samples=samples,
    )


def row_of(found: Sequence[Path2Gold]) -> list[str]:
    whole = [one.whole for one in found]
    middles = [float(np.median([one.parts[part] for one in found])) for part in PARTS]
    return [f"{value:.1f}" for value in (np.median(whole), np.percentile(whole, 95), *middles)]


def measured(setting: Setting, hours: int) -> list[Path2Gold]:
    platform = Platform(setting.folder, setting.engine, **arrivals.SMALL_HOURS)
    home = arrivals.history(setting, platform, hours)
    count, warm = (int(setting.options[name]) for name in ("files", "warm"))
    files = arrivals.batch_files(setting, shift(data.START, hours), warm + count)
    with arrivals.sensors_on(platform, home) as instance:
        found = [arrivals.arrive(instance, home, file) for file in files]
    shutil.rmtree(home)
    return found[warm:]

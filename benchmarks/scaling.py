"""How the time from raw to gold grows with the events: exponent, and events per second and core."""

from __future__ import annotations

import os

from benchmarks import data
from benchmarks.contenders import BareSpark, Contender, Platform
from benchmarks.figures import exponent, median_interval, shown
from benchmarks.harness import Finding, Setting, in_turn
from benchmarks.raw_to_gold import HOURS, WARM_UP_EVENTS
from benchmarks.say import say

STEPS = (0.01, 0.1, 1.0)  # of the largest size


def bench(setting: Setting) -> Finding:
    """A hundredth, a tenth and all of `size` events."""
    contenders: dict[str, Contender] = {
        "platform": Platform(setting.folder, setting.engine),
        "bare_spark": BareSpark(setting.folder, memory=setting.memory),
    }
    sizes = [round(setting.size * step) for step in STEPS]
    seconds: dict[str, list[list[float]]] = {name: [] for name in contenders}
    try:
        small = data.landing(setting.folder, events=WARM_UP_EVENTS, hours=HOURS)
        in_turn(contenders, small, repeats=1, say=say)
        for size in sizes:
            landing = data.landing(setting.folder, events=size, hours=HOURS)
            costs = in_turn(contenders, landing, repeats=setting.repeats, say=say)
            for name, found in costs.items():
                seconds[name].append([cost.seconds for cost in found])
    finally:
        for contender in contenders.values():
            contender.close()
    cores = os.cpu_count() or 1
    rows, notes = [], []
    for name, measured in seconds.items():
        medians = [median_interval(values) for values in measured]
        rows += [
            [
                name,
                f"{size:,}",
                shown(middle, digits=1),
                f"{size / middle[0] / cores:,.0f}",
            ]
            for size, middle in zip(sizes, medians, strict=True)
        ]
        all_sizes = exponent(sizes, [middle[0] for middle in medians])
        last = exponent(sizes[-2:], [middle[0] for middle in medians[-2:]])
        notes.append(
            f"{name}: growth exponent {all_sizes:.2f} over all sizes, {last:.2f} between the two "
            "largest (aim: at most 1.03; fixed costs make it smaller)"
        )
    return Finding(
        title=f"Growth from {sizes[0]:,} to {sizes[-1]:,} events",
        columns=("contender", "events", "seconds (95 % interval)", "events per second and core"),
        rows=rows,
        notes=notes,
        samples=seconds,
    )

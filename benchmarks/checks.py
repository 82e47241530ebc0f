"""What the checks cost: the same build with checks and with `checks.enabled` off."""

from __future__ import annotations

from benchmarks import data
from benchmarks.contenders import Contender, Platform
from benchmarks.figures import ratio_interval, shown
from benchmarks.harness import COST_COLUMNS, Finding, Setting, cost_row, in_turn
from benchmarks.raw_to_gold import HOURS, WARM_UP_EVENTS
from benchmarks.say import say


def bench(setting: Setting) -> Finding:
    """`size` events over a day, with and without checks in turn."""
    landing = data.landing(setting.folder, events=setting.size, hours=HOURS)
    small = data.landing(setting.folder, events=WARM_UP_EVENTS, hours=HOURS)
    contenders: dict[str, Contender] = {
        "with checks": Platform(setting.folder, setting.engine),
        "without": Platform(setting.folder, setting.engine, CHECKS__ENABLED="false"),
    }
    in_turn(contenders, small, repeats=1, say=say)
    costs = in_turn(contenders, landing, repeats=setting.repeats, say=say)
    seconds = {name: [cost.seconds for cost in found] for name, found in costs.items()}
    middle, low, high = ratio_interval(seconds["without"], seconds["with checks"])
    return Finding(
        title=f"Share of the checks, {setting.size:,} events of {HOURS} hours",
        columns=COST_COLUMNS,
        rows=[cost_row(name, found, events=setting.size) for name, found in costs.items()],
        notes=[
            f"share of the checks: {shown((1 - middle, 1 - high, 1 - low))} (aim: at most 0.10)",
            "Both write the same rows; conservation and the hashes of unchanged hours stay on.",
        ],
        samples=seconds,
    )

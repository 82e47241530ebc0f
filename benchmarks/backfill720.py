"""A month: 720 hours through Dagster against one bare job over the same files."""

from __future__ import annotations

from benchmarks import data
from benchmarks.contenders import BareSpark, Contender, Platform
from benchmarks.figures import ratio_interval, shown
from benchmarks.harness import COST_COLUMNS, Finding, Setting, cost_row, in_turn
from benchmarks.raw_to_gold import HOURS, WARM_UP_EVENTS
from benchmarks.say import say

MONTH = 720


def bench(setting: Setting) -> Finding:
    """`size` events over 720 hours, all hourly assets with their checks."""
    landing = data.landing(setting.folder, events=setting.size, hours=MONTH)
    small = data.landing(setting.folder, events=WARM_UP_EVENTS, hours=HOURS)
    contenders: dict[str, Contender] = {
        "platform": Platform(setting.folder, setting.engine),
        "bare_spark": BareSpark(setting.folder, memory=setting.memory),
    }
    try:
        in_turn(contenders, small, repeats=1, say=say)
        costs = in_turn(contenders, landing, repeats=setting.repeats, say=say)
    finally:
        for contender in contenders.values():
            contender.close()
    seconds = {name: [cost.seconds for cost in found] for name, found in costs.items()}
    ratio = ratio_interval(seconds["platform"], seconds["bare_spark"])
    runs = max(cost.extra["runs"] for cost in costs["platform"])
    return Finding(
        title=f"Backfill of {MONTH} hours, {setting.size:,} events",
        columns=COST_COLUMNS,
        rows=[cost_row(name, found, events=setting.size) for name, found in costs.items()],
        notes=[
            f"platform ÷ bare job: {shown(ratio)} (aim: at most 1.25)",
            f"runs: {runs}, ingest included (aim: at most 8)",
        ],
        plot={"kind": "bars", "unit": "s", "values": {n: sorted(v) for n, v in seconds.items()}},
        samples={name: [cost.as_dict() for cost in found] for name, found in costs.items()},
    )

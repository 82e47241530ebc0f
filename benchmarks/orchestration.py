"""What Dagster adds to a warm micro-batch: the same builds through its runs, and called plainly."""

from __future__ import annotations

from benchmarks import data
from benchmarks.contenders import Contender, Platform
from benchmarks.figures import median_interval, shown
from benchmarks.harness import COST_COLUMNS, Finding, Setting, cost_row, in_turn
from benchmarks.say import say

EVENTS = 2_000


class Builds(Platform):
    """The platform's builds without Dagster."""

    name = "builds"


def bench(setting: Setting) -> Finding:
    """One hour of 2,000 events to gold, imports done and engine warm for both."""
    landing = data.landing(setting.folder, events=EVENTS, hours=1)
    contenders: dict[str, Contender] = {
        "through Dagster": Platform(setting.folder, setting.engine),
        "builds alone": Builds(setting.folder, setting.engine),
    }
    in_turn(contenders, landing, repeats=2, say=say)
    costs = in_turn(contenders, landing, repeats=setting.repeats, say=say)
    pairs = zip(costs["through Dagster"], costs["builds alone"], strict=True)
    added = [through.seconds - alone.seconds for through, alone in pairs]
    return Finding(
        title=f"Orchestration of a warm micro-batch of {EVENTS:,} events",
        columns=COST_COLUMNS,
        rows=[cost_row(name, found, events=EVENTS) for name, found in costs.items()],
        notes=[
            f"Dagster adds {shown(median_interval(added))} s (aim: at most 2 s)",
            "Two runs (ingest, repair) in one process; the tick and the start of a run's process "
            "are in `micro_batch`.",
        ],
        samples={name: [cost.as_dict() for cost in found] for name, found in costs.items()},
    )

"""Raw JSON lines to all hourly tables: the platform, the bare job, DuckDB with delta-rs."""

from __future__ import annotations

from benchmarks import data, spark_work
from benchmarks.contenders import BareSpark, Contender, DuckDb, Platform
from benchmarks.figures import ratio_interval, shown
from benchmarks.harness import COST_COLUMNS, Finding, Setting, cost_row, in_turn
from benchmarks.say import say

HOURS = 24
WARM_UP_EVENTS = 5_000


def bench(setting: Setting) -> Finding:
    """`size` events over a day, every contender warmed up by a small day first."""
    landing = data.landing(setting.folder, events=setting.size, hours=HOURS)
    small = data.landing(setting.folder, events=WARM_UP_EVENTS, hours=HOURS)
    bare_job = BareSpark(setting.folder, memory=setting.memory)
    contenders: dict[str, Contender] = {
        "platform": Platform(setting.folder, setting.engine),
        "bare_spark": bare_job,
        "duckdb_deltars": DuckDb(setting.folder),
    }
    try:
        say("warming up")
        in_turn(contenders, small, repeats=1, say=say)
        costs = in_turn(contenders, landing, repeats=setting.repeats, say=say)
        bare_work = bare_job.last_work()
    finally:
        for contender in contenders.values():
            contender.close()
    seconds = {name: [cost.seconds for cost in found] for name, found in costs.items()}
    bare = ratio_interval(seconds["platform"], seconds["bare_spark"])
    duck = ratio_interval(seconds["duckdb_deltars"], seconds["platform"])
    return Finding(
        title=f"Raw to gold, {setting.size:,} events of {HOURS} hours",
        columns=COST_COLUMNS,
        rows=[cost_row(name, found, events=setting.size) for name, found in costs.items()],
        notes=[
            f"platform ÷ bare PySpark: {shown(bare)} (aim: at most 1.10)",
            f"DuckDB ÷ platform: {shown(duck)} (aim: at least 0.25)",
            "The content hashes of all 13 tables agreed in every round.",
        ],
        plot={"kind": "bars", "unit": "s", "values": {n: sorted(v) for n, v in seconds.items()}},
        details=spark_work.shown(bare_work),
        samples={name: [cost.as_dict() for cost in found] for name, found in costs.items()},
    )

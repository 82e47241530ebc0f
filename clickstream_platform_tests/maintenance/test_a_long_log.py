"""Two thousand appends to the log of hour states, as a stream makes them in an hour or two."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median

import pytest

from clickstream_platform.maintenance.upkeep import maintain
from clickstream_platform.storage import hour_state, upkeep
from clickstream_platform.tables.ops import HOUR_STATE
from clickstream_platform_tests.maintenance.homes import HOURS, NOW, home
from clickstream_platform_tests.maintenance.test_compaction import note

EVERY = 500  # commits between two upkeeps


@pytest.mark.prove
def test_the_cost_of_a_commit_stays_with_upkeep(tmp_path: Path) -> None:
    workspace = home(tmp_path, [HOUR_STATE])
    spent = []
    for number in range(4 * EVERY):
        began = time.perf_counter()
        row = note(HOURS[number % len(HOURS)], number)
        hour_state.record(workspace.lake, [row], run_id="test")
        spent.append(time.perf_counter() - began)
        if number % EVERY == EVERY - 1:
            [done] = maintain(workspace, run_id="m", now=NOW, tables=[HOUR_STATE])
            assert done.files == 1
    states = hour_state.current(workspace.lake)
    assert sorted(row.version for row in states.values()) == list(range(1992, 2000))
    assert upkeep.log_facts(workspace.lake, HOUR_STATE).commits_since_checkpoint < EVERY

    def after(upkeeps: int) -> float:
        return median(spent[upkeeps * EVERY : upkeeps * EVERY + 100])

    report = {
        "commits": len(spent),
        "first_100_s": round(after(0), 4),
        "first_100_after_last_upkeep_s": round(after(3), 4),
        "last_100_s": round(median(spent[-100:]), 4),
        "last_over_first_after_upkeep": round(after(3) / after(0), 2),
        "last_over_first": round(median(spent[-100:]) / after(0), 2),
    }
    print("\n" + json.dumps(report))
    assert after(3) / after(0) < 2, report

"""Which hours are compacted, by whom, and that nobody can tell from the rows."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.maintenance.upkeep import MaintenanceBusyError, maintain, plan
from clickstream_platform.storage import delta, hour_state, leases, upkeep
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.ops import CONSERVATION_LEDGER, HOUR_STATE
from clickstream_platform_tests.maintenance.homes import (
    HOURS,
    NOW,
    RUNNING,
    append_lines,
    home,
    lines_of,
)

LEDGER = (CONSERVATION_LEDGER,)


def files_by_hour(workspace: Workspace) -> Counter[str]:
    found = upkeep.data_files(workspace.lake, CONSERVATION_LEDGER)
    return Counter(file.partition for file in found)


@pytest.fixture
def crowded(tmp_path: Path) -> Workspace:
    """Two closed hours with 6 files each, one with 4, and the running one with 6."""
    workspace = home(tmp_path)
    for hour, count in ((HOURS[0], 6), (HOURS[1], 6), (HOURS[2], 4), (RUNNING, 6)):
        for number in range(count):
            append_lines(workspace, hour, number)
    return workspace


def test_closed_hours_with_too_many_small_files_become_one_file(crowded: Workspace) -> None:
    before, version = lines_of(crowded), delta.version(crowded.lake, CONSERVATION_LEDGER)
    [done] = maintain(crowded, run_id="m", now=NOW, tables=LEDGER)
    assert done.compacted == HOURS[:2]
    assert files_by_hour(crowded) == {HOURS[0]: 1, HOURS[1]: 1, HOURS[2]: 4, RUNNING: 6}
    assert done.plan.files == 22
    assert done.plan.files_after == done.files == 12
    assert lines_of(crowded) == before
    assert lines_of(crowded, version=version) == before
    assert lines_of(crowded, version=version - 6) == [row for row in before if row[0] != RUNNING]
    [again] = maintain(crowded, run_id="m", now=NOW, tables=LEDGER)
    assert again.compacted == ()
    assert delta.version(crowded.lake, CONSERVATION_LEDGER) == version + 1


def test_the_margin_before_the_running_hour_is_left_alone(crowded: Workspace) -> None:
    at_margin = datetime(2024, 11, 29, 12, 59, tzinfo=UTC)  # the running hour, 11 and 10 are open
    after = datetime(2024, 11, 29, 13, 0, tzinfo=UTC)
    [planned] = plan(crowded, LEDGER, now=at_margin)
    assert planned.crowded == ()
    [planned] = plan(crowded, LEDGER, now=after)
    assert [part.partition for part in planned.crowded] == [HOURS[0]]
    assert planned.crowded[0].files == 6
    assert planned.crowded[0].files_after == 1


def test_an_hour_that_is_being_written_waits(crowded: Workspace) -> None:
    with leases.held(crowded.settings.state, "silver", [HOURS[0]], owner=this_process("build")):
        [done] = maintain(crowded, run_id="m", now=NOW, tables=LEDGER)
    assert done.plan.busy == (HOURS[0],)
    assert done.compacted == (HOURS[1],)
    assert files_by_hour(crowded)[HOURS[0]] == 6
    assert leases.living(crowded.settings.state) == []


def test_only_one_upkeep_runs_at_a_time(crowded: Workspace) -> None:
    state = crowded.settings.state
    with (
        leases.held(state, "maintain", ["all"], owner=this_process("other")),
        pytest.raises(MaintenanceBusyError, match="other"),
    ):
        maintain(crowded, run_id="m", now=NOW, tables=LEDGER)


def note(hour: str, version: int) -> HourStateRow:
    return HourStateRow(
        table="bronze/events",
        hour=hour,
        version=version,
        input_version=-1,
        row_count=version,
        code_version="received",
        run_id="r",
        reach_from=hour,
        reach_to=hour,
    )


def test_the_log_of_states_is_compacted_and_says_the_same(tmp_path: Path) -> None:
    workspace = home(tmp_path, [HOUR_STATE])
    for version in range(12):
        hour_state.record(workspace.lake, [note(HOURS[version % 3], version)], run_id="test")
    before = hour_state.current(workspace.lake)
    [done] = maintain(workspace, run_id="m", now=NOW, tables=[HOUR_STATE])
    assert (done.plan.files, done.files) == (12, 1)
    assert hour_state.current(workspace.lake) == before
    assert before["bronze/events", HOURS[2]].version == 11


def replace_running(workspace: Workspace, lines: int) -> None:
    row = dict.fromkeys(CONSERVATION_LEDGER.column_names, 0) | {
        "ingest_hour": RUNNING,
        "home_hour": RUNNING,
        "source": "shop",
        "lines": lines,
        "run_id": "r",
    }
    rows = pa.Table.from_pylist([row], schema=CONSERVATION_LEDGER.arrow_schema)
    delta.replace_hours_arrow(rows, workspace.lake, CONSERVATION_LEDGER, [RUNNING], run_id="r")


def test_a_writer_of_another_hour_goes_on_meanwhile(crowded: Workspace) -> None:
    with ThreadPoolExecutor(max_workers=1) as pool:
        writing = pool.submit(lambda: [replace_running(crowded, n) for n in range(15)])
        [done] = maintain(crowded, run_id="m", now=NOW, tables=LEDGER)
        writing.result()
    assert done.problem is None
    assert done.compacted == HOURS[:2]
    assert files_by_hour(crowded) == {HOURS[0]: 1, HOURS[1]: 1, HOURS[2]: 4, RUNNING: 1}
    assert [lines for hour, lines in lines_of(crowded) if hour == RUNNING] == [14]
    assert len(lines_of(crowded)) == 17

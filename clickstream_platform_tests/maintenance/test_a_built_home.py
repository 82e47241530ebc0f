"""Upkeep of a home that was built from landing files: nothing is stale, all is proven."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from clickstream_platform.build.staleness import (
    stale_days,
    stale_gold,
    stale_silver,
    stale_snapshots,
)
from clickstream_platform.build.touched import record_unnoted
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.maintenance.upkeep import maintain
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import read_settings
from clickstream_platform.storage import delta, hour_state, upkeep
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.conftest import AT_ONCE
from clickstream_platform_tests.homes import ENGINE, bring_up, bring_up_all, land, verified

HOURS = ("2024-11-29T10", "2024-11-29T11")
BATCHES = 2


def clicks(hour: str, batch: int) -> bytes:
    """Two events of this hour and a broken line."""
    lines = [
        json.dumps(
            {
                "event_id": f"{hour}-{batch}-{number}",
                "event_type": "page_view",
                "timestamp": f"{hour}:{10 + 20 * number}:00Z",
                "user_id": f"u-{batch}",
            }
        )
        for number in range(2)
    ]
    return "\n".join([*lines, "{broken"]).encode()


def contents(workspace: Workspace) -> dict[str, list[str]]:
    """Every row of every table, in a fixed order."""
    return {
        table.path: sorted(map(str, delta.read_arrow(workspace.lake, table).to_pylist()))
        for table in ALL
    }


def most_files(workspace: Workspace) -> dict[str, int]:
    """The largest number of files of a partition of each table."""
    counts = {
        table.path: Counter(file.partition for file in upkeep.data_files(workspace.lake, table))
        for table in ALL
    }
    return {path: max(count.values()) for path, count in counts.items() if count}


@pytest.mark.slow
@pytest.mark.long
def test_upkeep_leaves_rows_states_and_time_travel_as_they_were(
    new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    options = {"max_small_files": 1, "checkpoint_commits": 2}
    workspace = new_workspace(tmp_path / "home", maintenance=options)
    moments = []
    for batch in range(BATCHES):
        for hour in HOURS:
            land(workspace, "shop_json", hour, f"{batch}.json", clicks(hour, batch))
        (bring_up_all if batch == BATCHES - 1 else bring_up)(workspace)
        moments.append(datetime.now(UTC))
    before, versions = contents(workspace), delta.version(workspace.lake, BRONZE_EVENTS)
    assert most_files(workspace)["bronze/events"] >= BATCHES

    done = maintain(workspace, run_id="upkeep", now=datetime.now(UTC))
    assert [entry.problem for entry in done if entry.problem] == []
    compacted = {entry.plan.table: entry.compacted for entry in done if entry.compacted}
    assert compacted["bronze/events"] == HOURS
    assert compacted["ops/hour_state"] == (upkeep.WHOLE_TABLE,)
    assert max(most_files(workspace).values()) == 1
    checkpointed = {entry.plan.table for entry in done if entry.is_checkpointed}
    assert {"bronze/events", "silver/events", "ops/hour_state"} <= checkpointed

    assert contents(workspace) == before
    states = hour_state.current(workspace.lake)
    assert stale_silver(workspace, states) == []
    assert stale_gold(workspace, states) == []
    assert stale_days(workspace, states) == []
    assert stale_snapshots(workspace, states) == []
    assert record_unnoted(workspace.lake, run_id="test") == []
    verified(workspace)
    assert bring_up_all(workspace) == []
    assert delta.version(workspace.lake, BRONZE_EVENTS) == versions + 1

    rows = pa.table(delta.read_arrow(workspace.lake, BRONZE_EVENTS, version=versions))
    assert sorted(map(str, rows.to_pylist())) == before["bronze/events"]
    with Lake(workspace.settings, as_of=moments[0]) as lake:
        counted = lake.rows(f"select count(*) as n from {SILVER_EVENTS.sql_name}")
    assert counted == [{"n": 2 * len(HOURS)}]
    assert_spark_goes_on(workspace, tmp_path / "copy")


def assert_spark_goes_on(workspace: Workspace, home: Path) -> None:
    """Spark meets a copy of the home for the first time: checkpoint and vacuum of delta-rs do not
    keep it from reading, appending and replacing."""
    shutil.copytree(workspace.settings.home, home)
    options = {"vacuum_hours": 0, "allow_short_vacuum": True}
    given = {"engine": ENGINE, "automation": AT_ONCE, "maintenance": options}
    copy = Workspace(read_settings(home=home, **given), workspace.session)
    before = contents(copy)
    for path in Path(delta.location(copy.lake, BRONZE_EVENTS)).glob("ingest_hour=*/*.parquet"):
        path.with_name(f".{path.name}.crc").touch()  # as engines of before left them
    done = maintain(copy, run_id="upkeep", now=datetime.now(UTC))
    freed = {entry.plan.table: entry.freed_files for entry in done}
    assert freed["bronze/events"] == 2 * BATCHES * len(HOURS)  # each with its checksum
    left = Path(delta.location(copy.lake, BRONZE_EVENTS)).glob("ingest_hour=*/*")
    assert Counter(path.suffix for path in left) == {".parquet": 2, ".crc": 2}
    assert freed["silver/events"] > 0
    assert contents(copy) == before
    land(copy, "shop_json", HOURS[0], "late.json", clicks(HOURS[0], BATCHES))
    assert {report.table for report in bring_up(copy)} >= {"bronze/events", "gold/fact_events"}
    after = contents(copy)
    assert len(after["bronze/events"]) == len(before["bronze/events"]) + 3
    for table in ("silver/events", "gold/fact_events"):
        assert len(after[table]) == len(before[table]) + 2

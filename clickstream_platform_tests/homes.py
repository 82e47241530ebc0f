"""What tests do with a home: drop files, bring it up to date, prove it, read its tables."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.daily import build_daily, build_snapshots
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.silver import build_silver
from clickstream_platform.build.staleness import (
    stale_days,
    stale_gold,
    stale_silver,
    stale_snapshots,
)
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.oracle.findings import Report
from clickstream_platform.oracle.verify import verify
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.tables.contract import Table

# Tests run many small plans once each: compiling them, in the JVM's second compiler or from Spark's
# generated code, would cost more than it brings. Where tests call `clickstream`, it compiles.
ENGINE: dict[str, Any] = {
    "driver_memory": "2g",
    "warm_up": False,
    "shuffle_partitions": 2,
    "jvm_options": ["-XX:TieredStopAtLevel=1"],
    "extra_confs": {
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    },
}
ENGINE_VARIABLES = {  # for child processes
    "CLICKSTREAM_ENGINE__DRIVER_MEMORY": "2g",
    "CLICKSTREAM_ENGINE__WARM_UP": "false",
    "CLICKSTREAM_ENGINE__JVM_OPTIONS": json.dumps(ENGINE["jvm_options"]),
}
INTERPRETED_VARIABLES = ENGINE_VARIABLES | {  # where the test is about something else than Spark
    "CLICKSTREAM_ENGINE__EXTRA_CONFS": json.dumps(ENGINE["extra_confs"])
}
Row = dict[str, Any]
_MAX_ROUNDS = 8


def land(workspace: Workspace, source: str, hour: str, name: str, data: bytes) -> str:
    """Writes a finished landing file; returns its path under landing."""
    folder = workspace.settings.landing / source / hour
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return f"{source}/{hour}/{name}"


def bring_up(workspace: Workspace, *, run_id: str = "test") -> list[HourReport]:
    """What `clickstream run` does, without Dagster: ingest what waits, rebuild what is stale."""
    workspace.look_at_landing()
    waiting = list(workspace.manifest.waiting_hours())
    reports = list(build_bronze(workspace, waiting, run_id=run_id).reports) if waiting else []
    for _ in range(_MAX_ROUNDS):
        silver = stale_silver(workspace, hour_state.current(workspace.lake))
        if silver:
            reports += build_silver(workspace, silver, run_id=run_id)
        gold = stale_gold(workspace, hour_state.current(workspace.lake))
        if gold:
            reports += build_gold(workspace, gold, run_id=run_id)
        if not silver and not gold:
            return reports
    raise AssertionError(f"still stale after {_MAX_ROUNDS} rounds: {silver} {gold}")


def verified(workspace: Workspace) -> Report:
    """The oracle's report, which must be without findings."""
    report = verify(workspace.settings)
    assert report.ok, json.dumps(report.as_dict(), indent=1, default=str)
    return report


def arrow(workspace: Workspace, table: Table, *columns: str) -> pa.Table:
    """The table as it is now, read without Spark."""
    return delta.read_arrow(workspace.lake, table, columns=columns or None)


def rows(workspace: Workspace, table: Table, *columns: str) -> list[Row]:
    return arrow(workspace, table, *columns).to_pylist()


def versions(workspace: Workspace, tables: tuple[Table, ...]) -> dict[str, int]:
    """The newest version of each table."""
    return {table.path: delta.version(workspace.lake, table) for table in tables}


def json_line(**fields: object) -> bytes:
    """One line of the shop's tracker."""
    return json.dumps(fields, separators=(",", ":")).encode()


def bring_up_all(workspace: Workspace, *, run_id: str = "test") -> list[HourReport]:
    """As `bring_up`, then the daily marts and the marts over all time."""
    reports = bring_up(workspace, run_id=run_id)
    days = stale_days(workspace, hour_state.current(workspace.lake))
    reports += build_daily(workspace, days, run_id=run_id)
    reports += build_snapshots(workspace, run_id=run_id)
    states = hour_state.current(workspace.lake)
    assert not stale_days(workspace, states)
    assert not stale_snapshots(workspace, states)
    return reports

"""What a build cost is on record: exact files and bytes, CPU seconds that add up to the run's."""

from __future__ import annotations

import time
from collections import Counter

import psutil
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.costs import Meter
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import Settings
from clickstream_platform.storage import delta
from clickstream_platform.tables.catalog import BY_PATH
from clickstream_platform.tables.costs import COST_HOURLY
from clickstream_platform_tests.homes import bring_up_all, json_line, land, rows

HOURS = ("2024-11-29T10",)
NOT_METERED = {"ops"}


def click(number: int, hour: str, name: str = "page_view") -> bytes:
    return json_line(event_id=f"e{number}", timestamp=f"{hour}:{number:02}:00Z", event_type=name,
                     user_id=f"u{number % 3}", product_id="p1", price=10, quantity=1)  # fmt: skip


@pytest.mark.long
def test_files_and_bytes_are_those_of_the_lake_and_cpu_seconds_add_up(
    workspace: Workspace,
) -> None:
    for hour in HOURS:
        lines = [click(n, hour, "purchase" if n == 5 else "page_view") for n in range(9)]
        land(workspace, "shop_json", hour, "a.json", b"\n".join(lines))
    before = time.process_time()
    reports = bring_up_all(workspace, run_id="run-1")
    used = time.process_time() - before
    costs = rows(workspace, COST_HOURLY)
    assert {row["run_id"] for row in costs} == {"run-1"}
    assert files_on_record(costs) == files_in_the_lake(workspace)
    told = [report for report in reports if report.cost]
    assert {(r.table, r.hour) for r in told} == {(row["table"], row["hour"]) for row in costs}
    silent = {report.table for report in reports if report not in told}
    assert silent == {"bronze/catalogue"}  # no feed came
    total = sum(row["cpu_s"] for row in costs)
    assert total == pytest.approx(sum(r.cost["cpu_s"] for r in told))
    assert 0 < total <= used * 1.02  # what tests do between the builds is not in it
    assert total >= used * 0.8

    build_bronze(workspace, HOURS, run_id="nothing waits")
    assert len(rows(workspace, COST_HOURLY)) == len(costs)


def files_on_record(costs: list[dict[str, object]]) -> Counter[tuple[object, object]]:
    """(table, partition) -> files, bytes; summed over builds."""
    found: Counter[tuple[object, object]] = Counter()
    for row in costs:
        found[row["table"], "files"] += int(str(row["written_files"]))
        found[row["table"], "bytes"] += int(str(row["written_bytes"]))
    return +found


def files_in_the_lake(workspace: Workspace) -> Counter[tuple[object, object]]:
    """Every file ever added to the metered tables, told by Delta's own history."""
    found: Counter[tuple[object, object]] = Counter()
    for table in BY_PATH.values():
        if table.layer in NOT_METERED:
            continue
        opened = DeltaTable(delta.location(workspace.lake, table))
        live = pa.table(opened.get_add_actions(flatten=True))
        assert opened.version() <= 1, "each table was written once"
        found[table.path, "files"] += live.num_rows
        found[table.path, "bytes"] += sum(live["size_bytes"].to_pylist())
    return +found


def test_the_meter_counts_the_engine_s_work(engine_settings: Settings, spark: SparkSession) -> None:
    record = Engine(engine_settings).record()
    assert record is not None
    jvm = psutil.Process(record.pid)
    outer = sum(jvm.cpu_times()[:2]) + time.process_time()
    meter = Meter.started(engine_settings)
    spark.range(1_000_000).selectExpr("sum(hash(id) % 7)").collect()
    seconds = meter.seconds()
    outer = sum(jvm.cpu_times()[:2]) + time.process_time() - outer
    assert 0.01 < seconds <= outer * 1.02
    assert Meter.started(engine_settings).seconds() < seconds

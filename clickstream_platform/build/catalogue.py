"""The catalogue's versions: all feed lines there are to products, users and campaigns (SCD2)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build import gold_checks
from clickstream_platform.build.costs import Meter, record_costs
from clickstream_platform.build.gold_checks import HourOfTable
from clickstream_platform.build.in_memory import Build, build_in_memory
from clickstream_platform.build.inputs import DayInputs
from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount, record_results
from clickstream_platform.build.workspace import Workspace, in_parallel
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.storage import delta, hour_state, leases
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.catalogue import (
    BRONZE_CATALOGUE,
    CATALOGUE,
    CATALOGUE_QUARANTINE,
    VERSIONED,
)
from clickstream_platform.tables.contract import SNAPSHOT_KEY, Table
from clickstream_platform.transforms.catalogue import OUTCOMES, judged, rejected, versions


class LinesLostError(ClickstreamError):
    """Feed lines that got no outcome, or more than one."""


def build_catalogue(workspace: Workspace, *, run_id: str, force: bool = False) -> list[HourReport]:
    """Rebuilds the versions from all feed lines, one report per table; nothing if none is stale.

    Guarantees: the tables depend on the set of feed lines alone, never on their order of arrival.
        What was read is noted before the read. A table that did not change is not written.
    Raises: LinesLostError, before any write.
    """
    meter = Meter.started(workspace.settings)
    workspace.init_tables(ALL)
    with leases.held(
        workspace.settings.state, "catalogue", (SNAPSHOT_KEY,), owner=this_process(run_id)
    ):
        states = hour_state.current(workspace.lake)
        inputs = DayInputs(states)
        if not force and not any(
            inputs.stale_keys(table, [SNAPSHOT_KEY], workspace.catalogue_code)
            for table in CATALOGUE
        ):
            return []
        build = Build(workspace, (SNAPSHOT_KEY,), states, run_id, force)
        built, counts = _build(build)
        rows = [_state(build, inputs, of_table) for of_table in built]
        hour_state.record(workspace.lake, rows, run_id=run_id)
    reports = [_report(of_table, counts) for of_table in built]
    record_results(workspace.lake, reports, run_id=run_id)
    return record_costs(meter, reports, run_id=run_id)


def _build(build: Build) -> tuple[list[HourOfTable], dict[str, int]]:
    workspace = build.workspace
    version = delta.version(workspace.lake, BRONZE_CATALOGUE)
    received = delta.read_arrow(
        workspace.lake, BRONZE_CATALOGUE, columns=["source", "header"], version=version
    )
    headers = _headers(received)
    feeds = {name: feed for name, feed in workspace.feeds.items() if name in headers}
    lines = delta.read_partitions(
        workspace.spark, workspace.lake, BRONZE_CATALOGUE, None, version=version
    )
    found = judged(lines, feeds, headers).persist()
    try:
        counts = _counted(found, received.num_rows)
        told = {feed.table for feed in feeds.values()}
        frames = {
            table: versions(found, table) if table.name in told else _nothing(workspace, table)
            for table in VERSIONED
        }
        frames[CATALOGUE_QUARANTINE] = rejected(found)
        results = in_parallel(
            [
                partial(build_in_memory, build, table, frame, (SNAPSHOT_KEY,))
                for table, frame in frames.items()
            ]
        )
    finally:
        found.unpersist()
    return [of_table for results_of in results for of_table in results_of], counts


def _nothing(workspace: Workspace, table: Table) -> DataFrame:
    """No rows: costs the engine no job."""
    return workspace.spark.createDataFrame([], table.struct_type)


def _headers(lines: pa.Table) -> dict[str, list[str]]:
    """For each feed that has lines the distinct CSV headers among them."""
    found: dict[str, list[str]] = {}
    for row in lines.group_by(["source", "header"]).aggregate([]).sort_by("header").to_pylist():
        of_feed = found.setdefault(row["source"], [])
        if row["header"] is not None:
            of_feed.append(row["header"])
    return found


def _counted(found: DataFrame, received: int) -> dict[str, int]:
    """The lines by outcome; together they are all lines received."""
    rows = found.groupBy("outcome").agg(F.count(F.lit(1)).alias("n")).toArrow().to_pylist()
    counts = dict.fromkeys(OUTCOMES, 0) | {row["outcome"]: row["n"] for row in rows}
    if sum(counts.values()) != received:
        raise LinesLostError(f"{received} feed lines became {counts}; nothing was written.")
    return counts


def _report(of_table: HourOfTable, counts: dict[str, int]) -> HourReport:
    """As of any table; that of the quarantine says what became of all feed lines."""
    report = gold_checks.report(of_table)
    if of_table.table is not CATALOGUE_QUARANTINE or not report.checks:
        return report
    total = sum(counts.values())
    lost = abs(counts["rejected"] - of_table.row_count)
    rule = RuleCount(
        "conservation",
        "block",
        total,
        lost,
        "feed lines = versions + repeats + superseded + rejected",
    )
    check = report.checks[0]
    checks = (CheckOutcome(check.check, (*check.rules, rule), samples=check.samples),)
    return replace(report, checks=checks, details={f"lines_{k}": n for k, n in counts.items()})


def _state(build: Build, inputs: DayInputs, of_table: HourOfTable) -> HourStateRow:
    """The row that makes the commit count; a held-back table keeps its old rows."""
    table = of_table.table
    before = build.states.get((table.path, SNAPSHOT_KEY))
    kept = before if of_table.blocked_by is not None else None
    return HourStateRow(
        table=table.path,
        hour=SNAPSHOT_KEY,
        version=of_table.version,
        input_version=-1,
        row_count=kept.row_count if kept else of_table.row_count,
        code_version=build.workspace.catalogue_code,
        run_id=build.run_id,
        reach_from=SNAPSHOT_KEY,
        reach_to=SNAPSHOT_KEY,
        content_hash=kept.content_hash if kept else of_table.content_hash,
        blocked_by=of_table.blocked_by,
        input_digest=inputs.digest(table, SNAPSHOT_KEY),
    )

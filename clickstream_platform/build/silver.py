"""Silver: judges every line whose home hour is asked for, and replaces those hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build import progress, silver_checks
from clickstream_platform.build.chunks import chunks
from clickstream_platform.build.costs import Meter, record_costs
from clickstream_platform.build.hour_summary import BronzeCount, HourSummary
from clickstream_platform.build.repaired import with_repairs
from clickstream_platform.build.report import HourReport, record_results
from clickstream_platform.build.summary import by_hour, line_hash, summarise
from clickstream_platform.build.warnings import record_warnings
from clickstream_platform.build.workspace import Workspace, in_parallel
from clickstream_platform.hours import shift
from clickstream_platform.storage import delta, hour_state, leases, ledger, repairs
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import ALL, SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform.transforms.judge import VERDICTS, Spread, judge, of_verdict
from clickstream_platform.transforms.lines import canonical


@dataclass(frozen=True)
class _Build:
    """One silver build: its hours, the bronze version it reads, and the states before it."""

    workspace: Workspace
    hours: tuple[str, ...]
    bronze_version: int
    states: States
    run_id: str
    force: bool


def build_silver(
    workspace: Workspace, hours: Sequence[str], *, run_id: str, force: bool = False
) -> list[HourReport]:
    """Rebuilds duplicates, quarantine and events of `hours`; one report per table and hour.

    `force` writes also the hours whose rows seem unchanged, to heal a table someone else touched.
    Guarantees: an hour whose rows did not change is not rewritten. The accepted events of an hour
        that breaks a blocking rule are held back; its rejected lines are visible all the same.
        Commit order: duplicates, quarantine, events, then `ops/hour_state`. Many lines are built
        in chunks of hours, so that a build that dies has done the chunks before.
    """
    meter = Meter.started(workspace.settings)
    workspace.init_tables(ALL)
    owner = this_process(run_id)
    reports: list[HourReport] = []
    with leases.held(workspace.settings.state, "silver", hours, owner=owner):
        build = _Build(
            workspace,
            tuple(hours),
            delta.version(workspace.lake, BRONZE_EVENTS),
            hour_state.current(workspace.lake),
            run_id,
            force,
        )
        bronze = hour_state.of_table(build.states, BRONZE_EVENTS.path)
        lines = {hour: bronze[hour].row_count for hour in hours if hour in bronze}
        for chunk in chunks(hours, lines, max_bytes=workspace.settings.max_bytes_per_chunk):
            reports += _build_chunk(replace(build, hours=chunk), meter)
            meter = Meter.started(workspace.settings)
            progress.finished(len(chunk))
    return reports


def _build_chunk(build: _Build, meter: Meter) -> list[HourReport]:
    workspace = build.workspace
    judged = _judged(build).persist()
    try:
        summaries = _summaries(build, judged)
        versions = _write(build, judged, summaries)
    finally:
        judged.unpersist()
    _record(build, summaries, versions)
    reports = silver_checks.reports(workspace, build.states, summaries, versions)
    record_results(build.workspace.lake, reports, run_id=build.run_id)
    return record_costs(meter, reports, run_id=build.run_id)


def _judged(build: _Build) -> DataFrame:
    workspace = build.workspace
    bronze = hour_state.of_table(build.states, BRONZE_EVENTS.path)
    present = {name for hour in build.hours if hour in bronze for name in bronze[hour].sources}
    known = {name: source for name, source in workspace.sources.items() if name in present}
    repairing = [source.name for source in known.values() if source.event_timestamp.repair_clock]
    lines = with_repairs(
        workspace, _lines_to_judge(build, repairing), repairs.replacements(workspace.lake)
    )
    rows = canonical(
        lines, known or workspace.sources, workspace.manifest.headers(), workspace.limits
    )
    spread = Spread.over(len(build.hours), cores=workspace.cores)
    judged = judge(rows, spread, meets_hour_before=bool(repairing))
    if repairing:
        judged = judged.where(F.col("event_hour").isin([*build.hours]))
    return judged.withColumn("run_id", F.lit(build.run_id))


def _bronze(build: _Build) -> DataFrame:
    reader = build.workspace.spark.read.format("delta").option("versionAsOf", build.bronze_version)
    return reader.load(delta.location(build.workspace.lake, BRONZE_EVENTS))


def _bronze_lines(build: _Build) -> DataFrame:
    return _bronze(build).where(F.col("home_hour").isin([*build.hours]))


def _lines_to_judge(build: _Build, repairing: Sequence[str]) -> DataFrame:
    """The lines of the hours and, of sources that repair clocks, those of the hours before."""
    if not repairing:
        return _bronze_lines(build)
    before = sorted({shift(hour, -1) for hour in build.hours} - {*build.hours})
    neighbour = F.col("home_hour").isin(before) & F.col("source").isin([*repairing])
    return _bronze(build).where(F.col("home_hour").isin([*build.hours]) | neighbour)


def _summaries(build: _Build, judged: DataFrame) -> dict[str, HourSummary]:
    """Counts of the judged lines beside bronze's own, for every hour of the build."""
    checks = build.workspace.settings.checks
    count = (
        _bronze_lines(build)
        .groupBy("home_hour")
        .agg(F.count(F.lit(1)).alias("lines"), line_hash().alias("line_hash"))
    )
    groups, counted = in_parallel(
        [
            lambda: summarise(judged, with_checks=checks.enabled),
            count.toArrow,
        ]
    )
    hours = by_hour(groups)
    bronze = {
        row["home_hour"]: BronzeCount(row["lines"], row["line_hash"]) for row in counted.to_pylist()
    }
    return {
        hour: HourSummary.of(
            hour,
            hours.get(hour, []),
            bronze.get(hour, BronzeCount(0, 0)),
            checks,
        )
        for hour in build.hours
    }


def _write(build: _Build, judged: DataFrame, summaries: dict[str, HourSummary]) -> dict[str, int]:
    """Commits the changed hours of each table; returns each table's version."""
    versions: dict[str, int] = {}

    def write(table: Table) -> None:
        changed = [
            hour
            for hour, summary in summaries.items()
            if _is_changed(build, table, summary)
            and not (table is SILVER_EVENTS and summary.blocked_by)
        ]
        if changed:
            rows = of_verdict(judged, table, VERDICTS[table.path])
            mine = rows.where(F.col("event_hour").isin(changed))
            written = delta.replace_hours(
                mine, build.workspace.lake, table, changed, run_id=build.run_id
            )
            versions[table.path] = written.version

    duplicates, quarantine, events = SILVER
    in_parallel([lambda: write(duplicates), lambda: write(quarantine)])
    write(events)
    return versions


def _is_changed(build: _Build, table: Table, summary: HourSummary) -> bool:
    before = build.states.get((table.path, summary.hour))
    if before is None or before.blocked_by:
        had_rows = before is not None
        return had_rows or summary.rows_of(table) > 0
    return build.force or before.content_hash != summary.content_hash(table)


def _reach_from(build: _Build, summary: HourSummary) -> str:
    """The first hour whose lines can change this one: repaired clocks meet the hour before."""
    known = build.workspace.sources
    repairs = any(
        known[name].event_timestamp.repair_clock for name in summary.sources if name in known
    )
    return shift(summary.hour, -1) if repairs else summary.hour


def _record(build: _Build, summaries: dict[str, HourSummary], versions: dict[str, int]) -> None:
    rows = []
    for table in SILVER:
        for hour, summary in summaries.items():
            before = build.states.get((table.path, hour))
            blocked = summary.blocked_by if table is SILVER_EVENTS else None
            is_new = table.path in versions and _is_changed(build, table, summary) and not blocked
            kept = before.version if before else 0
            rows.append(
                HourStateRow(
                    table=table.path,
                    hour=hour,
                    version=versions[table.path] if is_new else kept,
                    input_version=build.bronze_version,
                    row_count=(before.row_count if before else 0)
                    if blocked
                    else summary.rows_of(table),
                    code_version=build.workspace.blocked_code
                    if blocked
                    else build.workspace.silver_code,
                    run_id=build.run_id,
                    reach_from=_reach_from(build, summary),
                    reach_to=hour,
                    sources=summary.sources,
                    content_hash=(before.content_hash if before else None)
                    if blocked
                    else summary.content_hash(table),
                    max_event_at=summary.max_event_at if table is SILVER_EVENTS else None,
                    blocked_by=blocked,
                )
            )
    lake, counted = build.workspace.lake, list(summaries.values())
    in_parallel(
        [
            lambda: ledger.replace(lake, counted, run_id=build.run_id),
            lambda: record_warnings(lake, counted, run_id=build.run_id),
        ]
    )
    hour_state.record(build.workspace.lake, rows, run_id=build.run_id)

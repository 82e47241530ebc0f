"""Silver: judges every line whose home hour is asked for, and replaces those hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build import progress, silver_checks
from clickstream_platform.build.chunks import chunks
from clickstream_platform.build.costs import Meter, record_costs
from clickstream_platform.build.hour_summary import BronzeCount, HourSummary
from clickstream_platform.build.repaired import with_repairs
from clickstream_platform.build.report import HourReport, OnBuilt, nobody, record_results
from clickstream_platform.build.silver_lines import (
    SilverBuild,
    bronze_lines,
    noted_lines,
    noted_sources,
    repairing_sources,
    with_hour_before,
)
from clickstream_platform.build.summary import by_hour, line_hash, summarise
from clickstream_platform.build.warnings import record_warnings
from clickstream_platform.build.workspace import Workspace, in_parallel
from clickstream_platform.hours import shift
from clickstream_platform.storage import delta, doubts, hour_state, leases, ledger, repairs
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import ALL, SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform.transforms.judge import VERDICTS, Spread, judge, of_verdict
from clickstream_platform.transforms.lines import canonical

_REBUILD = "rebuild"
_LAST = 2**62  # above every number that an append is given


@dataclass(frozen=True)
class SilverBuilt:
    """What a build found and noted, hour by hour."""

    summaries: Mapping[str, HourSummary]
    states: Sequence[HourStateRow]
    reports: list[HourReport]


def build_silver(
    workspace: Workspace, hours: Sequence[str], *, run_id: str, force: bool = False
) -> list[HourReport]:
    """Rebuilds duplicates, quarantine and events of `hours`; one report per table and hour.

    `force` writes also the hours whose rows seem unchanged, to heal a table someone else touched;
    hours that a crash left in doubt are always written.
    Guarantees: an hour whose rows did not change is not rewritten. The accepted events of an hour
        that breaks a blocking rule are held back; its rejected lines are visible all the same.
        Commit order: duplicates, quarantine, events, then `ops/hour_state`. Many lines are built
        in chunks of hours, so that a build that dies has done the chunks before.
    """
    return rebuild(workspace, hours, run_id=run_id, force=force).reports


def rebuild(
    workspace: Workspace,
    hours: Sequence[str],
    *,
    run_id: str,
    force: bool = False,
    wait_s: float = leases.WAIT_S,
    on_built: OnBuilt = nobody,
) -> SilverBuilt:
    """As `build_silver`, with all that was counted.

    `wait_s` is for hours that others hold; `on_built` is told of each chunk once it is committed.
    """
    meter = Meter.started(workspace.settings)
    workspace.init_tables(ALL)
    state, owner = workspace.settings.state, this_process(run_id)
    with leases.held(state, "silver", hours, owner=owner, wait_s=wait_s):
        in_doubt = doubts.among(state, "silver", hours)
        _fence(workspace, {name for names in in_doubt.values() for name in names}, run_id=run_id)
        version = delta.version(workspace.lake, BRONZE_EVENTS)
        states = hour_state.current(workspace.lake)
        built: list[SilverBuilt] = []
        lines = noted_lines(states, hours)
        for chunk in chunks(hours, lines, max_bytes=workspace.settings.max_bytes_per_chunk):
            build = SilverBuild(
                workspace,
                chunk,
                version,
                states,
                run_id,
                bronze_lines(workspace, chunk, version),
                noted_sources(states, chunk),
                meter,
                force,
                frozenset(in_doubt).intersection(chunk),
            )
            built.append(_judge_and_write(build))
            on_built(built[-1].reports)
            meter = Meter.started(workspace.settings)
            progress.finished(len(chunk))
    return SilverBuilt(
        {hour: summary for part in built for hour, summary in part.summaries.items()},
        [state for part in built for state in part.states],
        [report for part in built for report in part.reports],
    )


def _judge_and_write(build: SilverBuild) -> SilverBuilt:
    judged = judged_lines(build).persist()
    try:
        summaries = counted(build, judged)
        if more := unexpected_sources(build, summaries):
            return _judge_and_write(replace(build, sources=build.sources | more))
        doubts.begin(build.workspace.settings.state, "silver", build.hours, writer=_REBUILD)
        versions = _write(build, judged, summaries)
    finally:
        judged.unpersist()
    return note(build, summaries, versions)


def note(
    build: SilverBuild, summaries: Mapping[str, HourSummary], versions: Mapping[str, int]
) -> SilverBuilt:
    """Records what was committed; the hours are no longer in doubt."""
    workspace, run_id = build.workspace, build.run_id
    states = _record(build, summaries, versions)
    # Of an hour that is held back, events were not written: a doubt about them stays.
    settled = [h for h, s in summaries.items() if not (s.blocked_by and h in build.in_doubt)]
    doubts.settle(workspace.settings.state, "silver", settled)
    reports = silver_checks.reports(workspace, build.states, summaries, states)
    record_results(workspace.lake, reports, run_id=run_id)
    return SilverBuilt(summaries, states, record_costs(build.meter, reports, run_id=run_id))


def _fence(workspace: Workspace, writers: Iterable[str], *, run_id: str) -> None:
    """After it, an append that a dead process left in the engine commits nothing.

    A replacement that comes late needs no fence: Delta refuses it, as its hours have changed.
    """
    for table in SILVER:
        nothing = workspace.spark.createDataFrame([], table.struct_type)
        for writer in sorted({*writers} - {_REBUILD}):
            delta.append_once(
                nothing, workspace.lake, table, batch_id=writer, run_id=run_id, number=_LAST
            )


def judged_lines(build: SilverBuild) -> DataFrame:
    """The build's lines with their verdicts."""
    workspace = build.workspace
    known = {name: source for name, source in workspace.sources.items() if name in build.sources}
    repairing = repairing_sources(workspace, build.sources)
    lines = with_repairs(
        workspace, with_hour_before(build, repairing), repairs.replacements(workspace.lake)
    )
    rows = canonical(
        lines, known or workspace.sources, workspace.manifest.headers(), workspace.limits
    )
    spread = Spread.over(len(build.hours), cores=workspace.cores)
    judged = judge(rows, spread, meets_hour_before=bool(repairing))
    if repairing:
        judged = judged.where(F.col("event_hour").isin([*build.hours]))
    return judged.withColumn("run_id", F.lit(build.run_id))


def unexpected_sources(build: SilverBuild, summaries: Mapping[str, HourSummary]) -> frozenset[str]:
    """Sources with lines in bronze that were not noted yet when the lines were judged."""
    found = {name for summary in summaries.values() for name in summary.sources}
    return frozenset(found & {*build.workspace.sources}) - build.sources


def counted(build: SilverBuild, judged: DataFrame) -> dict[str, HourSummary]:
    """Counts of the judged lines beside bronze's own, for every hour of the build."""
    checks = build.workspace.settings.checks
    count = build.lines.groupBy("home_hour").agg(
        F.count(F.lit(1)).alias("lines"), line_hash().alias("line_hash")
    )
    groups, lines = in_parallel(
        [
            lambda: summarise(judged, with_checks=checks.enabled),
            count.toArrow,
        ]
    )
    hours = by_hour(groups)
    bronze = {
        row["home_hour"]: BronzeCount(row["lines"], row["line_hash"]) for row in lines.to_pylist()
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


def _write(
    build: SilverBuild, judged: DataFrame, summaries: Mapping[str, HourSummary]
) -> dict[str, int]:
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


def _is_changed(build: SilverBuild, table: Table, summary: HourSummary) -> bool:
    if summary.hour in build.in_doubt:
        return True
    before = build.states.get((table.path, summary.hour))
    if before is None or before.blocked_by:
        had_rows = before is not None
        return had_rows or summary.rows_of(table) > 0
    return build.force or before.content_hash != summary.content_hash(table)


def _reach_from(build: SilverBuild, summary: HourSummary) -> str:
    """The first hour whose lines can change this one: repaired clocks meet the hour before."""
    repairs_clocks = repairing_sources(build.workspace, summary.sources)
    return shift(summary.hour, -1) if repairs_clocks else summary.hour


def _record(
    build: SilverBuild, summaries: Mapping[str, HourSummary], versions: Mapping[str, int]
) -> list[HourStateRow]:
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
                    is_stale=hour in build.unsettled,
                )
            )
    lake, hours = build.workspace.lake, list(summaries.values())
    in_parallel(
        [
            lambda: ledger.replace(lake, hours, run_id=build.run_id),
            lambda: record_warnings(lake, hours, run_id=build.run_id),
        ]
    )
    hour_state.record(build.workspace.lake, rows, run_id=build.run_id)
    return rows

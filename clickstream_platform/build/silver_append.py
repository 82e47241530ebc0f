"""Silver of an hour that goes on filling: judges only the lines that are new, and appends them.

Data: `silver/events`, `silver/duplicates`, `silver/quarantine`, and the notes of a rebuild.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build import silver
from clickstream_platform.build.costs import Meter
from clickstream_platform.build.hour_summary import HourSummary
from clickstream_platform.build.report import HourReport, OnBuilt, nobody
from clickstream_platform.build.silver import SilverBuilt
from clickstream_platform.build.silver_lines import SilverBuild, noted_sources, repairing_sources
from clickstream_platform.build.workspace import Workspace, in_parallel
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.storage import delta, doubts, hour_state, leases
from clickstream_platform.storage.appended import appended_files, rows_of
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform.transforms.judge import ACCEPTED, VERDICTS, beside, of_verdict

MAX_KNOWN = 100  # hours; of those forgotten the next refresh is a rebuild
LINES_A_FILE = 200_000
_ID = ("event_hour", "id_scope", "event_id")
_ORDER = ("event_timestamp", "event_fingerprint", "source_file", "source_offset")


class AppendRefusedError(ClickstreamError):
    """Another process took this one for dead, and keeps its appends out."""


@dataclass(frozen=True)
class _Known:
    """An hour as this process left it."""

    summary: HourSummary
    states: tuple[HourStateRow, ...]


class FollowedHours:
    """The hours that this process keeps up to date, and what it counted in them.

    Guarantees: the tables and notes are those of a rebuild. Lines are appended only to hours that
        are as this process left them, and to which bronze has only added since. A line that would
        take the place of an accepted one or collides with it, a source that repairs clocks (its
        lines meet another hour's), or a broken blocking rule leads to a rebuild.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._sign_anew()

    def refresh(
        self,
        workspace: Workspace,
        hours: Sequence[str],
        *,
        run_id: str,
        wait_s: float = leases.WAIT_S,
        on_built: OnBuilt = nobody,
    ) -> list[HourReport]:
        """Brings `hours` up to date; one report per table and hour.

        `wait_s` is for hours that others hold. `on_built` is told of what is committed at once,
        for the rest may fail.
        """
        try:
            appended = self._append(workspace, hours, run_id=run_id, wait_s=wait_s)
            done = {} if appended is None else appended.summaries
            reports = [] if appended is None else appended.reports
            on_built(reports)
            if left := [hour for hour in hours if hour not in done]:
                rebuilt = silver.rebuild(
                    workspace, left, run_id=run_id, wait_s=wait_s, on_built=on_built
                )
                self._remember(rebuilt)
                reports = [*reports, *rebuilt.reports]
        except BaseException:
            self._sign_anew()  # what was signed for these hours may be in doubt now
            for hour in hours:
                self._known.pop(hour, None)
            raise
        return reports

    def _sign_anew(self) -> None:
        self._writer = f"silver:{uuid.uuid4().hex}"
        self._number = 0

    def _remember(self, built: SilverBuilt) -> None:
        for hour, summary in built.summaries.items():
            self._known.pop(hour, None)
            self._known[hour] = _Known(summary, tuple(s for s in built.states if s.hour == hour))
        for hour in [*self._known][:-MAX_KNOWN]:
            del self._known[hour]

    def _append(
        self, workspace: Workspace, hours: Sequence[str], *, run_id: str, wait_s: float
    ) -> SilverBuilt | None:
        """What was done to those hours that lines can be added to; null if to none."""
        meter = Meter.started(workspace.settings)
        candidates = [hour for hour in hours if hour in self._known]
        if not candidates:
            return None
        state, owner = workspace.settings.state, this_process(run_id)
        with leases.held(state, "silver", candidates, owner=owner, wait_s=wait_s):
            states = hour_state.current(workspace.lake)
            in_doubt = doubts.among(state, "silver", candidates)
            ready = [
                hour
                for hour in candidates
                if hour not in in_doubt
                and self._is_as_left(hour, states)
                and not repairing_sources(workspace, noted_sources(states, [hour]))
            ]
            build = _new_lines(workspace, ready, states, meter, run_id=run_id) if ready else None
            if build is None:
                return None
            built = self._judge_and_write(build)
        if built is not None:
            self._remember(built)
        return built

    def _is_as_left(self, hour: str, states: States) -> bool:
        """Unless somebody else built or marked the hour since, or it is held back."""

        def is_same(left: HourStateRow) -> bool:
            found = states.get((left.table, hour))
            return found is not None and replace(found, recorded_at=None) == left

        return all(is_same(left) and not left.blocked_by for left in self._known[hour].states)

    def _judge_and_write(self, build: SilverBuild) -> SilverBuilt | None:
        judged = silver.judged_lines(build).persist()
        try:
            payloads = (F.col("verdict") == ACCEPTED) | F.col("winner_fingerprint").isNotNull()
            firsts = judged.where(payloads).select(*_ID, *_ORDER).toArrow()
            accepted = _accepted_before(build, firsts)
            build = _only(build, {*build.hours} - _displaced(firsts, accepted))
            if not build.hours:
                return None
            verdicts = judged.where(F.col("event_hour").isin([*build.hours]))
            if accepted.num_rows:
                verdicts = beside(verdicts, build.workspace.spark.createDataFrame(accepted))
            new = silver.counted(build, verdicts)
            if silver.unexpected_sources(build, new):
                return None
            summaries = {hour: self._known[hour].summary.plus(new[hour]) for hour in build.hours}
            held = {hour for hour, summary in summaries.items() if summary.blocked_by}
            build = _only(build, {*build.hours} - held)
            if not build.hours:
                return None
            versions = self._write(build, verdicts, new)
        finally:
            judged.unpersist()
        return silver.note(build, {hour: summaries[hour] for hour in build.hours}, versions)

    def _write(
        self, build: SilverBuild, verdicts: DataFrame, new: Mapping[str, HourSummary]
    ) -> dict[str, int]:
        """Commits each table's new rows, if any; returns the versions."""
        lake, versions = build.workspace.lake, {}
        self._number += 1
        doubts.begin(build.workspace.settings.state, "silver", build.hours, writer=self._writer)

        def write(table: Table) -> None:
            lines = sum(new[hour].rows_of(table) for hour in build.hours)
            if not lines:
                return
            rows = of_verdict(verdicts, table, VERDICTS[table.path])
            mine = rows.where(F.col("event_hour").isin([*build.hours]))
            written = delta.append_once(
                mine.coalesce(1 + lines // LINES_A_FILE),
                lake,
                table,
                batch_id=self._writer,
                number=self._number,
                run_id=build.run_id,
            )
            if not written.is_new:
                raise AppendRefusedError(f"{table.path}: another process took over the hours.")
            versions[table.path] = written.version

        duplicates, quarantine, events = SILVER
        in_parallel([lambda: write(duplicates), lambda: write(quarantine)])
        write(events)
        return versions


def _new_lines(
    workspace: Workspace, hours: Sequence[str], states: States, meter: Meter, *, run_id: str
) -> SilverBuild | None:
    """The lines that bronze got since the hours were judged; null if it did not only get lines."""
    read = {hour: states[SILVER_EVENTS.path, hour].input_version for hour in hours}
    newest = delta.version(workspace.lake, BRONZE_EVENTS)
    files = appended_files(workspace.lake, BRONZE_EVENTS, since=min(read.values()), until=newest)
    if not files:
        return None
    parts = []
    for version in sorted({*read.values()}):
        later = [file for file in files if file.version > version]
        mine = [hour for hour in hours if read[hour] == version]
        if later:
            rows = rows_of(workspace.spark, workspace.lake, BRONZE_EVENTS, later)
            parts.append(rows.where(F.col("home_hour").isin(mine)))
    lines = reduce(DataFrame.unionByName, parts)
    sources = noted_sources(states, hours)
    return SilverBuild(workspace, tuple(hours), newest, states, run_id, lines, sources, meter)


def _only(build: SilverBuild, hours: Iterable[str]) -> SilverBuild:
    kept = tuple(sorted(hours))
    return replace(build, hours=kept, lines=build.lines.where(F.col("home_hour").isin([*kept])))


def _accepted_before(build: SilverBuild, firsts: pa.Table) -> pa.Table:
    """The accepted lines whose ids come again among the new ones; opens only narrow columns."""
    found = delta.read_arrow(
        build.workspace.lake,
        SILVER_EVENTS,
        hours=build.hours,
        columns=[*_ID, *_ORDER],
        where=pc.field("event_id").isin(pc.unique(firsts["event_id"])),
    )
    return found.join(firsts.select(list(_ID)), keys=list(_ID), join_type="left semi")


def _displaced(firsts: pa.Table, accepted: pa.Table) -> set[str]:
    """Hours with a new line that sorts before the accepted one of its id, or is no copy of it."""
    before = {tuple(row[name] for name in _ID): row for row in accepted.to_pylist()}
    if not before:
        return set()
    displaced = set()
    for new in firsts.to_pylist():
        old = before.get(tuple(new[name] for name in _ID))
        if old is None:
            continue
        is_copy = new["event_fingerprint"] == old["event_fingerprint"]
        if not is_copy or [new[name] for name in _ORDER] < [old[name] for name in _ORDER]:
            displaced.add(new["event_hour"])
    return displaced

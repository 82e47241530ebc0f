"""Silver of an hour that goes on filling: judges only the lines that are new, and appends them.

Data: `silver/events`, `silver/duplicates`, `silver/quarantine`, and the notes of a rebuild.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build import disputes, silver
from clickstream_platform.build.costs import Meter
from clickstream_platform.build.disputes import Id
from clickstream_platform.build.hour_summary import BronzeCount, HourSummary
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
from clickstream_platform.transforms.judge import VERDICTS, beside, of_verdict

MAX_KNOWN = 100  # hours; of those forgotten the next refresh is a rebuild
LINES_A_FILE = 200_000
# Lines in dispute wait this many times what their hour's rebuild takes, since an open hour stands
# still for it; but not so long that the hour would be called late.
PATIENCE, LONGEST_WAIT_S = 50, 600.0
NOTHING = BronzeCount(0, 0)


class AppendRefusedError(ClickstreamError):
    """Another process took this one for dead, and keeps its appends out."""


@dataclass(frozen=True)
class _Known:
    """An hour as this process left it: without the lines of ids in dispute, which a rebuild judges
    from `not_before` on."""

    summary: HourSummary
    states: tuple[HourStateRow, ...]
    not_before: float
    disputed: frozenset[Id] = frozenset()


class FollowedHours:
    """The hours that this process keeps up to date, and what it counted in them.

    Guarantees: the tables and notes are those of a rebuild, but for lines in dispute: those that
        would take the place of an accepted one or collide with it wait for a rebuild, and their
        hour stays stale until then. Lines are appended only to hours that are as this process left
        them, and to which bronze has only added since. A source that repairs clocks (its lines
        meet another hour's) or a broken blocking rule leads to a rebuild at once.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._known: dict[str, _Known] = {}
        self._clock = clock
        self._is_ending = False
        self._sign_anew()

    def settle(self) -> None:
        """From now on, as at the end of a timed stream, lines in dispute do not wait."""
        self._is_ending = True

    def is_waiting(self, hour: str, states: States) -> bool:
        """Whether the hour is stale only for lines in dispute that may wait still."""
        known, bronze = self._known.get(hour), states.get((BRONZE_EVENTS.path, hour))
        if known is None or bronze is None or not known.disputed or self._is_due(hour):
            return False
        has_more = bronze.version > states[SILVER_EVENTS.path, hour].input_version
        return not has_more and self._is_as_left(hour, states)

    def _is_due(self, hour: str) -> bool:
        """Whether lines in dispute have waited long enough."""
        known = self._known.get(hour)
        if known is None or not known.disputed:
            return False
        return self._is_ending or self._clock() >= known.not_before

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
            if left := [hour for hour in hours if hour not in done or self._is_due(hour)]:
                began = self._clock()
                rebuilt = silver.rebuild(
                    workspace, left, run_id=run_id, wait_s=wait_s, on_built=on_built
                )
                ended = self._clock()
                patience_s = min(PATIENCE * (ended - began), LONGEST_WAIT_S)
                self._remember(rebuilt, not_before=ended + patience_s)
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

    def _remember(self, built: SilverBuilt, *, not_before: float | None = None) -> None:
        """`not_before` is that of a rebuild, which left nothing in dispute."""
        for hour, summary in built.summaries.items():
            before = self._known.pop(hour, None)
            states = tuple(state for state in built.states if state.hour == hour)
            known = _Known(summary, states, not_before or 0.0)
            if not_before is None and before is not None:
                known = replace(before, summary=summary, states=states)
            self._known[hour] = known
        for hour in [*self._known][:-MAX_KNOWN]:
            del self._known[hour]

    def _append(
        self, workspace: Workspace, hours: Sequence[str], *, run_id: str, wait_s: float
    ) -> SilverBuilt | None:
        """What was done to those hours that lines can be added to; null if to none."""
        meter = Meter.started(workspace.settings)
        candidates = [hour for hour in hours if hour in self._known and not self._is_due(hour)]
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
            payloads = disputes.payloads(judged)
            accepted = disputes.accepted_before(build, payloads)
            disputed = disputes.disputed_ids(payloads, accepted)
            disputed |= disputes.ids_of(payloads) & self._disputed(build.hours)
            verdicts, left = disputes.set_aside(build, judged, disputed)
            if accepted.num_rows:
                verdicts = beside(verdicts, build.workspace.spark.createDataFrame(accepted))
            new = silver.counted(build, verdicts)
            if silver.unexpected_sources(build, new):
                return None
            new = {hour: new[hour].less(left.get(hour, NOTHING)) for hour in build.hours}
            summaries = {hour: self._known[hour].summary.plus(new[hour]) for hour in build.hours}
            held = {hour for hour, summary in summaries.items() if summary.blocked_by}
            build = _only(build, {*build.hours} - held)
            if not build.hours:
                return None
            versions = self._write(build, verdicts, new)
        finally:
            judged.unpersist()
        self._dispute(build.hours, disputed)
        unsettled = frozenset(hour for hour, *_ in self._disputed(build.hours))
        build = replace(build, unsettled=unsettled)
        return silver.note(build, {hour: summaries[hour] for hour in build.hours}, versions)

    def _disputed(self, hours: Iterable[str]) -> set[Id]:
        return {id for hour in hours for id in self._known[hour].disputed}

    def _dispute(self, hours: Iterable[str], disputed: Iterable[Id]) -> None:
        for hour in hours:
            known = self._known[hour]
            more = known.disputed.union(id for id in disputed if id[0] == hour)
            self._known[hour] = replace(known, disputed=more)

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

"""Upkeep of the lake's tables, one after another; each commit leaves every row as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from deltalake.exceptions import CommitFailedError
from pyspark.errors import PySparkException

from clickstream_platform import logs
from clickstream_platform.build.replay import ALL_REPLAYS
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.hours import chunked
from clickstream_platform.maintenance import notes
from clickstream_platform.maintenance.notes import Note
from clickstream_platform.maintenance.plan import TablePlan, lease_layer, plan_table
from clickstream_platform.maintenance.readers import UPKEEP, lagging
from clickstream_platform.storage import delta, leases, upkeep
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.contract import Table

PARTITIONS_AT_ONCE = 24  # one commit; builds wait for the hours of it meanwhile


class MaintenanceBusyError(ClickstreamError):
    """Upkeep of this home runs already."""


@dataclass(frozen=True)
class TableDone:
    """What was done to a table: its plan before, and what came of it.

    `problem` says what failed; the table is as whole as before, and the next upkeep tries again.
    """

    plan: TablePlan
    compacted: tuple[str, ...] = ()
    files: int = 0
    freed_files: int = 0
    freed_size: int = 0
    is_checkpointed: bool = False
    problem: str | None = None


def plan(workspace: Workspace, tables: Sequence[Table], *, now: datetime) -> list[TablePlan]:
    """What `maintain` would do now, table by table; changes nothing, starts no engine."""
    known = notes.read(workspace.settings.state)
    return [
        plan_table(workspace.settings, table, known.get(table.path, Note()), now=now)
        for table in tables
        if delta.exists(workspace.lake, table)
    ]


def maintain(
    workspace: Workspace,
    *,
    run_id: str,
    now: datetime,
    tables: Sequence[Table] = ALL,
    on_done: Callable[[TableDone], None] = lambda done: None,
) -> list[TableDone]:
    """Compacts closed hours, makes checkpoints, removes files that nobody needs; table by table.

    Guarantees: every row stays, nothing becomes stale. Each hour is compacted under its lease; one
        that somebody holds waits for the next time. The engine is started only if a table that
        Spark writes has an hour to compact.
    Raises: MaintenanceBusyError.
    """
    by_path = {table.path: table for table in tables}
    found = []
    with _alone(workspace, run_id):
        for planned in plan(workspace, tables, now=now):
            done = _Upkeep(workspace, by_path[planned.table], planned, run_id, now).done()
            found.append(done)
            on_done(done)
    return found


@contextmanager
def _alone(workspace: Workspace, run_id: str) -> Iterator[None]:
    state, owner = workspace.settings.state, this_process(run_id)
    with ExitStack() as stack:
        try:
            stack.enter_context(leases.held(state, UPKEEP, ["all"], owner=owner, wait_s=0))
        except leases.HoursBusyError as error:
            raise MaintenanceBusyError(f"Upkeep runs already: {error}") from error
        yield


@dataclass(frozen=True)
class _Upkeep:
    workspace: Workspace
    table: Table
    plan: TablePlan
    run_id: str
    now: datetime

    def done(self) -> TableDone:
        result = TableDone(self.plan, files=self.plan.files)
        try:
            result = self._compacted(result)
            result = self._checkpointed(result)
            result = self._vacuumed(result)
        except (CommitFailedError, PySparkException) as error:
            words = str(error).splitlines()[0]
            log = logs.get_logger("maintain")
            log.error("upkeep failed", table=self.table.path, error=words)
            result = replace(result, problem=words)
        return result

    def _compacted(self, result: TableDone) -> TableDone:
        names = [part.partition for part in self.plan.crowded]
        compacted: list[str] = []
        for some in chunked(names, PARTITIONS_AT_ONCE):
            try:
                with self._held(some):
                    self._compact(some)
            except leases.HoursBusyError:
                continue  # somebody was quicker; the next upkeep finds them
            compacted += some
        if not compacted:
            return result
        self._note(optimized_at=_iso(self.now))
        files = len(upkeep.data_files(self.workspace.lake, self.table))
        return replace(result, compacted=tuple(compacted), files=files)

    @contextmanager
    def _held(self, partitions: Sequence[str]) -> Iterator[None]:
        """The leases of the partitions; in bronze no replay may move lines meanwhile."""
        state, owner = self.workspace.settings.state, this_process(self.run_id)
        layer = lease_layer(self.table)
        with ExitStack() as stack:
            if layer == "bronze":
                stack.enter_context(
                    leases.held(state, "replay", ALL_REPLAYS, owner=owner, wait_s=0)
                )
            if layer is not None:
                stack.enter_context(leases.held(state, layer, partitions, owner=owner, wait_s=0))
            yield

    def _compact(self, partitions: Sequence[str]) -> None:
        lake, target = self.workspace.lake, self.workspace.settings.maintenance.target_file_bytes
        if self.table.writer == "spark":
            spark = self.workspace.spark
            upkeep.compact_spark(spark, lake, self.table, partitions, target_bytes=target)
        else:
            upkeep.compact_arrow(
                lake, self.table, partitions, target_bytes=target, run_id=self.run_id
            )

    def _checkpointed(self, result: TableDone) -> TableDone:
        if not self.plan.needs_checkpoint:
            return result
        upkeep.checkpoint(self.workspace.lake, self.table)
        return replace(result, is_checkpointed=True)

    def _vacuumed(self, result: TableDone) -> TableDone:
        settings = self.workspace.settings
        # Asked again: a reader may have come while the tables before this one took their time.
        readers = lagging(settings, self.table, now=datetime.now(UTC))
        if readers:
            return replace(result, plan=replace(self.plan, lagging=tuple(readers)))
        freed = upkeep.vacuum(
            self.workspace.lake, self.table, hours=settings.maintenance.vacuum_hours
        )
        self._note(vacuumed_at=_iso(self.now))
        return replace(result, freed_files=len(freed), freed_size=sum(freed.values()))

    def _note(self, **changes: str) -> None:
        state = self.workspace.settings.state
        known = notes.read(state)
        before = known.get(self.table.path, Note())
        notes.write(state, {**known, self.table.path: replace(before, **changes)})


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")

"""`clickstream maintain`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table as Grid

from clickstream_platform import logs
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import shared_session
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.maintenance.everything import Upkeep, upkeep
from clickstream_platform.maintenance.plan import TablePlan
from clickstream_platform.maintenance.upkeep import TableDone
from clickstream_platform.operations.dagster_state import has_instance
from clickstream_platform.settings import Settings, settings, use_dagster_home
from clickstream_platform.tables.catalog import ALL, table

if TYPE_CHECKING:
    import dagster as dg

_PIPE_WIDTH = 400


class UpkeepFailedError(ClickstreamError):
    """Upkeep of a table failed; the others were looked after."""


@click.command("maintain")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option(
    "--table", "names", multiple=True, metavar="TABLE", help="Only this one, like silver/events."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def maintain(*, dry_run: bool, names: tuple[str, ...], as_json: bool) -> None:
    """Compact closed hours, remove files and runs that nobody needs, make Delta checkpoints.

    No row changes and nothing becomes stale. A table whose reader lags keeps all its files.
    """
    current = settings()
    chosen = tuple(table(name) for name in dict.fromkeys(names)) or ALL
    run_id = f"maintain-{uuid.uuid4().hex[:8]}"
    logs.configure(current, "maintain", run_id=run_id, on_stderr=False)
    console = Console(stderr=True)

    def tell(done: TableDone) -> None:
        if done.compacted or done.freed_files or done.problem:
            console.print(_words(done), highlight=False, markup=False)

    found = upkeep(
        Workspace(current, lambda: shared_session(current)),
        instance=_instance(current),
        run_id=run_id,
        now=datetime.now(UTC),
        tables=chosen,
        dry_run=dry_run,
        on_done=tell,
    )
    if as_json:
        click.echo(json.dumps(found.as_object()))
    else:
        _print(found, dry_run=dry_run)
    if found.problems:
        listed = "; ".join(found.problems)
        raise UpkeepFailedError(f"{listed}. These tables are as before; maintain them again.")


def _instance(current: Settings) -> dg.DagsterInstance | None:
    """The home's instance, if it ever had one."""
    if not has_instance(current.dagster_home):
        return None
    import dagster  # noqa: PLC0415 (takes seconds)

    use_dagster_home(current)
    return dagster.DagsterInstance.get()


def _words(done: TableDone) -> str:
    if done.problem:
        return f"{done.plan.table}: {done.problem}"
    return (
        f"{done.plan.table}: {done.plan.files:,} files -> {done.files:,} "
        f"({len(done.compacted):,} partitions), {done.freed_files:,} files removed, "
        f"{_megabytes(done.freed_size)} MB free"
    )


def _print(found: Upkeep, *, dry_run: bool) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    if not found.plans:
        console.print("No table yet.")
    else:
        console.print(_grid(found, title="Plan; nothing is changed" if dry_run else "Upkeep"))
    for planned in _told(found):
        for line in _notes(planned):
            console.print(line, markup=False, highlight=False)
    verb = "to remove" if dry_run else "removed"
    for kind, counted in found.leftovers_by_kind().items():
        size = _megabytes(counted["size"])
        console.print(f"{kind}: {counted['count']:,} {verb}, {size} MB", highlight=False)
    if found.old_runs:
        console.print(f"Dagster runs without asset events: {found.old_runs:,} {verb}")


def _grid(found: Upkeep, *, title: str) -> Grid:
    grid = Grid(title=title)
    columns = ("table", "hours", "files", "after", "MB", "median KB", "small", "MB to free", "log")
    for name in (*columns, "last optimize", "last vacuum"):
        grid.add_column(name, justify="left" if name in ("table",) else "right")
    for planned in _told(found):
        grid.add_row(
            planned.table,
            f"{len(planned.crowded):,}",
            f"{planned.files:,}",
            f"{planned.files_after:,}",
            _megabytes(planned.size),
            f"{planned.median_size / 1e3:,.0f}",
            f"{planned.small_share:.0%}",
            "refused" if planned.lagging else _megabytes(planned.removable_size),
            f"{planned.log.commits_since_checkpoint:,}{' +' if planned.needs_checkpoint else ''}",
            _moment(planned.note.optimized_at),
            _moment(planned.note.vacuumed_at),
        )
    grid.caption = "hours: to compact; log: commits since the last checkpoint, + if one is due"
    return grid


def _told(found: Upkeep) -> list[TablePlan]:
    """The plans as they were in the end: who lags is asked again before a vacuum."""
    done = {entry.plan.table: entry.plan for entry in found.done or ()}
    return [done.get(planned.table, planned) for planned in found.plans]


def _notes(planned: TablePlan) -> Iterator[str]:
    if planned.busy:
        yield f"{planned.table}: written right now, left for the next time: {planned.busy[0]}" + (
            f" and {len(planned.busy) - 1} more" if len(planned.busy) > 1 else ""
        )
    for reader in planned.lagging:
        yield f"{planned.table}: no vacuum, it may still be read by {reader}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def _moment(text: str | None) -> str:
    return text[:16].replace("T", " ") if text else "never"

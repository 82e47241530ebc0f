"""All of upkeep in one call: tables first, then what runs left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.maintenance import purge
from clickstream_platform.maintenance.plan import TablePlan
from clickstream_platform.maintenance.purge import Leftover
from clickstream_platform.maintenance.upkeep import TableDone, maintain, plan
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.contract import Table

if TYPE_CHECKING:
    import dagster as dg


@dataclass(frozen=True)
class Upkeep:
    """What is planned or was done. Without `done` it is a plan, and nothing was changed."""

    plans: tuple[TablePlan, ...]
    done: tuple[TableDone, ...] | None
    leftovers: tuple[Leftover, ...]
    old_runs: int

    @property
    def problems(self) -> list[str]:
        return [f"{d.plan.table}: {d.problem}" for d in self.done or () if d.problem]

    def as_object(self) -> dict[str, Any]:
        """For JSON: each table's plan, what was done to it, and what was left behind by kind."""
        done = {entry.plan.table: entry for entry in self.done or ()}
        tables = []
        for planned in self.plans:
            entry = done.get(planned.table)
            told = asdict(entry.plan if entry else planned)
            told["lagging"] = [str(reader) for reader in (entry.plan if entry else planned).lagging]
            told["files_after"] = planned.files_after
            if entry:
                told["done"] = {k: v for k, v in asdict(entry).items() if k != "plan"}
            tables.append(told)
        return {
            "dry_run": self.done is None,
            "tables": tables,
            "leftovers": self.leftovers_by_kind(),
            "old_runs": self.old_runs,
        }

    def leftovers_by_kind(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for leftover in self.leftovers:
            counted = found.setdefault(leftover.kind, {"count": 0, "size": 0})
            counted["count"] += 1
            counted["size"] += leftover.size
        return found


def upkeep(
    workspace: Workspace,
    *,
    instance: dg.DagsterInstance | None,
    run_id: str,
    now: datetime,
    tables: Sequence[Table] = ALL,
    dry_run: bool = False,
    on_done: Callable[[TableDone], None] = lambda done: None,
) -> Upkeep:
    """Plans, and unless `dry_run` does it. Leftovers go only when all tables are looked after.

    Raises: MaintenanceBusyError.
    """
    settings = workspace.settings
    done: tuple[TableDone, ...] | None = None
    if dry_run:
        plans = tuple(plan(workspace, tables, now=now))
    else:
        done = tuple(maintain(workspace, run_id=run_id, now=now, tables=tables, on_done=on_done))
        plans = tuple(entry.plan for entry in done)
    if len(tables) < len(ALL):
        return Upkeep(plans, done, (), 0)
    leftovers = tuple(purge.leftovers(settings, now=now))
    if not dry_run:
        for leftover in leftovers:
            purge.remove(leftover)
    until = now - timedelta(days=settings.maintenance.keep_runs_days)
    old = _old_runs(instance, until, dry_run=dry_run) if instance else 0
    return Upkeep(plans, done, leftovers, old)


def _old_runs(instance: dg.DagsterInstance, until: datetime, *, dry_run: bool) -> int:
    # Imported late: Dagster takes seconds, and a home without an instance does not need it.
    from clickstream_platform.maintenance import runs  # noqa: PLC0415

    found = runs.old_runs(instance, until=until)
    if not dry_run:
        for run in found:
            runs.delete(instance, run)
    return len(found)

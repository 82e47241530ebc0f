"""Puts the shadow's rows in place of the lake's: one commit per table, then their states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.shadow import build as shadow
from clickstream_platform.shadow.compare import changed_hours
from clickstream_platform.storage import delta, hour_state, leases
from clickstream_platform.storage.hour_state import States
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.ops import DQ_RESULTS
from clickstream_platform.tables.silver import SILVER_EVENTS


class OutdatedShadowError(ClickstreamError):
    """The lake went on, or the code did, since the shadow was built."""


def swap(workspace: Workspace, *, run_id: str) -> dict[str, int]:
    """Table -> hours that were replaced; the shadow is gone then.

    Guarantees: a reader of a table sees all of its new hours or none. Hours of equal rows are not
        written, but count as built by this code. An hour that a rule holds back keeps its rows. A
        swap that dies leaves its hours stale for whatever code comes next, and may be called again.
    Raises: NoShadowError; OutdatedShadowError, before any commit; HoursBusyError.
    """
    with shadow.alone(workspace.settings, run_id):
        new = shadow.built(workspace)
        hours = sorted({hour for _, hour in new})
        with leases.held(workspace.settings.state, "gold", hours, owner=this_process(run_id)):
            replaced = _swap(workspace, new, run_id)
    shadow.discard(workspace.settings, run_id=run_id)
    return replaced


def _swap(workspace: Workspace, new: States, run_id: str) -> dict[str, int]:
    lake, old = workspace.lake, hour_state.current(workspace.lake)
    _refuse_if_outdated(workspace, new, old)
    workspace.init_tables()
    changed = {table: changed_hours(table, new, old) for table in GOLD}
    _mark_unknown(lake, changed, old, run_id)
    rows = []
    for table, hours in changed.items():
        version = _replace(workspace, table, hours, new, run_id) if hours else -1
        for hour, row in hour_state.of_table(new, table.path).items():
            if not row.blocked_by:
                kept = old.get((table.path, hour))
                at = version if hour in hours or kept is None else kept.version
                rows.append(replace(row, version=at, run_id=run_id))
    hour_state.record(lake, rows, run_id=run_id)
    checked = delta.read_arrow(shadow.of(workspace).lake, DQ_RESULTS)
    delta.append_arrow(checked, lake, DQ_RESULTS, run_id=run_id)
    return {table.path: len(hours) for table, hours in changed.items()}


def _mark_unknown(
    lake: Path, changed: Mapping[Table, Sequence[str]], old: States, run_id: str
) -> None:
    """Whoever comes after a swap that died must not take the rows for what was there before."""
    marks = [
        replace(row, is_stale=True, content_hash=None, run_id=run_id)
        for table, hours in changed.items()
        for hour in hours
        if (row := old.get((table.path, hour)))
    ]
    hour_state.record(lake, marks, run_id=run_id)


def _refuse_if_outdated(workspace: Workspace, new: States, old: States) -> None:
    silver = hour_state.of_table(old, SILVER_EVENTS.path)
    moved = {
        hour
        for (_, hour), row in new.items()
        if hour_state.is_stale(row, silver, code_version=workspace.gold_code)
    }
    if moved:
        raise OutdatedShadowError(
            f"Since the shadow was built, silver or the settings changed under {len(moved)} of its "
            f"hours ({', '.join(sorted(moved)[:3])}…). Build it again: `clickstream shadow build`."
        )


def _replace(
    workspace: Workspace, table: Table, hours: Sequence[str], new: States, run_id: str
) -> int:
    """The version of the commit that holds the shadow's rows of these hours."""
    lake, beside = workspace.lake, shadow.of(workspace).lake
    wanted = sum(new[table.path, hour].row_count for hour in hours)
    found = len(delta.read_arrow(beside, table, hours=hours, columns=[str(table.partition_by)]))
    if found != wanted:
        raise OutdatedShadowError(
            f"The shadow's {table.path} holds {found} rows where {wanted} were built. Build it "
            "again: `clickstream shadow build`."
        )
    if table.writer == "spark":
        rows = delta.read_hours(workspace.spark, beside, table, hours, version=None)
        return delta.replace_hours(rows, lake, table, hours, run_id=run_id).version
    in_memory = delta.read_arrow(beside, table, hours=hours)
    return delta.replace_hours_arrow(in_memory, lake, table, hours, run_id=run_id).version

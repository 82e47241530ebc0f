"""Puts the shadow's rows in place of the lake's: one commit per table, then their states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.shadow import build as shadow
from clickstream_platform.shadow.compare import changed_hours
from clickstream_platform.storage import delta, hour_state, leases
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
        swap that dies leaves hours that are stale still, and may be called again.
    Raises: NoShadowError; OutdatedShadowError, before any commit.
    """
    lake, new = workspace.lake, shadow.built(workspace)
    hours = sorted({hour for _, hour in new})
    with leases.held(workspace.settings.state, "gold", hours, owner=this_process(run_id)):
        old = hour_state.current(lake)
        _refuse_if_outdated(workspace, new, old)
        workspace.init_tables()
        rows, replaced = [], {}
        for table in GOLD:
            changed = changed_hours(table, new, old)
            version = _replace(workspace, table, changed, run_id=run_id) if changed else -1
            replaced[table.path] = len(changed)
            for hour, row in hour_state.of_table(new, table.path).items():
                if not row.blocked_by:
                    kept = old.get((table.path, hour))
                    at = version if hour in changed or kept is None else kept.version
                    rows.append(replace(row, version=at, run_id=run_id))
        checked = delta.read_arrow(shadow.of(workspace).lake, DQ_RESULTS)
        delta.append_arrow(checked, lake, DQ_RESULTS, run_id=run_id)
        hour_state.record(lake, rows, run_id=run_id)
    shadow.discard(workspace.settings)
    return replaced


def _refuse_if_outdated(
    workspace: Workspace, new: hour_state.States, old: hour_state.States
) -> None:
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


def _replace(workspace: Workspace, table: Table, hours: Sequence[str], *, run_id: str) -> int:
    """The version of the commit that holds the shadow's rows of these hours."""
    lake, beside = workspace.lake, shadow.of(workspace).lake
    if table.writer == "spark":
        rows = delta.read_hours(workspace.spark, beside, table, hours, version=None)
        return delta.replace_hours(rows, lake, table, hours, run_id=run_id).version
    found = delta.read_arrow(beside, table, hours=hours)
    return delta.replace_hours_arrow(found, lake, table, hours, run_id=run_id).version

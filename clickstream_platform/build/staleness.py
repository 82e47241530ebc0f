"""Which hours must be built: everything follows from `ops/hour_state`."""

from __future__ import annotations

from collections.abc import Sequence

from clickstream_platform.build.inputs import DayInputs
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.hours import day_of
from clickstream_platform.storage import hour_state
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalogue import CATALOGUE
from clickstream_platform.tables.contract import SNAPSHOT_KEY, Table
from clickstream_platform.tables.gold import DAILY, GOLD, SNAPSHOTS
from clickstream_platform.tables.silver import SILVER_EVENTS


def stale_silver(workspace: Workspace, states: States) -> list[str]:
    """Home hours with lines that silver has not judged yet, or judged by other rules."""
    bronze = hour_state.of_table(states, BRONZE_EVENTS.path)
    silver = hour_state.of_table(states, SILVER_EVENTS.path)
    return sorted(
        hour
        for hour in bronze
        if hour_state.is_stale(
            silver.get(hour), bronze, code_version=_silver_code(workspace, silver.get(hour))
        )
    )


def _silver_code(workspace: Workspace, row: HourStateRow | None) -> str:
    """A held-back hour is judged again when a threshold changes, others only by other rules."""
    return workspace.blocked_code if row and row.blocked_by else workspace.silver_code


def stale_gold(workspace: Workspace, states: States, tables: Sequence[Table] = GOLD) -> list[str]:
    """Hours in which one of `tables` was built from an older state of silver than there is."""
    silver = hour_state.of_table(states, SILVER_EVENTS.path)
    of_tables = {table.path: hour_state.of_table(states, table.path) for table in GOLD}
    built = {hour for of_table in of_tables.values() for hour in of_table}
    settled = {hour for hour, row in silver.items() if row.row_count or hour in built}
    return sorted(
        hour
        for hour in settled
        if any(
            hour_state.is_stale(
                of_tables[table.path].get(hour), silver, code_version=workspace.gold_code
            )
            for table in tables
        )
    )


def stale_days(
    workspace: Workspace, states: States, *, tables: Sequence[Table] = DAILY
) -> list[str]:
    """Days whose daily tables were built from other facts than there are, or never.

    A day waits while one of its own hours is stale: it would be built twice.
    """
    waiting = {
        day_of(hour) for hour in (*stale_silver(workspace, states), *stale_gold(workspace, states))
    }
    inputs = DayInputs(states, workspace.limits)
    stale = {
        day
        for table in tables
        for day in inputs.stale_keys(table, inputs.days(table), workspace.gold_code)
    }
    return sorted(stale - waiting)


def is_catalogue_stale(workspace: Workspace, states: States) -> bool:
    """True if feed lines or their mappings changed since the versions were built."""
    inputs = DayInputs(states, workspace.limits)
    return any(
        inputs.reaching(table, SNAPSHOT_KEY)
        and inputs.stale_keys(table, [SNAPSHOT_KEY], workspace.catalogue_code)
        for table in CATALOGUE
    )


def stale_snapshots(workspace: Workspace, states: States) -> list[Table]:
    """Tables over all time that were built from other facts than there are.

    They follow the facts as they are, also while hours or days are stale: who asks for them
    decides how often that is worth its cost.
    """
    inputs = DayInputs(states, workspace.limits)
    return [
        table
        for table in SNAPSHOTS
        if any(row.row_count for row in inputs.reaching(table, SNAPSHOT_KEY))
        and inputs.stale_keys(table, [SNAPSHOT_KEY], workspace.gold_code)
    ]

"""Small tables: fetched once, judged in memory, committed by delta-rs; one verdict per partition.

A partition's key is an hour, a day, or `all` for a table that is built whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame

from clickstream_platform.build import gold_checks
from clickstream_platform.build.gold_checks import HourOfTable
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import delta
from clickstream_platform.storage.hour_state import States
from clickstream_platform.tables.contract import Table


@dataclass(frozen=True)
class Build:
    """One build: its partition keys, and the states before it.

    `force` writes also what seems unchanged, to heal a table someone else touched.
    """

    workspace: Workspace
    hours: tuple[str, ...]
    states: States
    run_id: str
    force: bool


def build_in_memory(
    build: Build, table: Table, rows: DataFrame, hours: Sequence[str]
) -> list[HourOfTable]:
    """Fetches `rows` with the rules each row breaks, judges them here, commits what changed.

    Guarantees: at most one commit; a partition that breaks a blocking rule, or whose rows did not
        change, is not written.
    """
    checks = build.workspace.settings.checks
    fetched = gold_checks.with_failed_rules(rows, table, enabled=checks.enabled).toArrow()
    found = gold_checks.judge_arrow(table, fetched, hours, enabled=checks.enabled)
    wanted = [hour for hour in found if not hour.blocked_by and is_changed(build, hour)]
    if not wanted:
        return settled(build, found, None)
    kept = fetched.select(list(table.column_names))
    written = _commit(build, table, kept, [hour.hour for hour in wanted])
    return settled(build, found, written.version)


def _commit(build: Build, table: Table, rows: pa.Table, hours: Sequence[str]) -> delta.Written:
    lake = build.workspace.lake
    if table.partition_by is None:
        return delta.replace_all_arrow(rows, lake, table, run_id=build.run_id)
    mine = rows.filter(pa.compute.is_in(rows[table.partition_by], value_set=pa.array(hours)))
    return delta.replace_hours_arrow(mine, lake, table, hours, run_id=build.run_id)


def is_changed(build: Build, hour: HourOfTable) -> bool:
    """True if the rows differ from those that are there, or are to be written anyway."""
    before = build.states.get((hour.table.path, hour.hour))
    if before is None:
        return hour.row_count > 0
    return build.force or before.content_hash != hour.content_hash


def settled(build: Build, found: Sequence[HourOfTable], written: int | None) -> list[HourOfTable]:
    """The partitions with the version that holds them after the commit, if there was one."""
    done = []
    for hour in found:
        before = build.states.get((hour.table.path, hour.hour))
        is_new = written is not None and not hour.blocked_by and is_changed(build, hour)
        version = written if is_new and written is not None else (before.version if before else 0)
        done.append(hour.at(version, unchanged=not is_new))
    return done

"""Which hours of a table are built and current, by `ops/hour_state`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clickstream_platform.oracle.days_built import mark_behind
from clickstream_platform.oracle.lake import Lake

NEWEST = """
    create or replace table state as
    select "table", hour, version, input_version, reach_from, reach_to, linked_hours, is_stale,
        row_count, blocked_by, {input_digest} as input_digest
    from ops.hour_state
    qualify row_number() over (
        partition by "table", hour order by recorded_at desc, version desc
    ) = 1
"""
# An hour is behind if marked, or if an input hour that reaches it was committed after its read.
CURRENT = """
    create or replace table current_state as
    with inputs as (
        select 'silver/' as layer, hour, version from state where "table" = 'bronze/events'
        union all
        select 'gold/', hour, version from state where "table" = 'silver/events'
    )
    select state.*,
        state.is_stale or exists (
            select 1 from inputs
            where starts_with(state."table", inputs.layer)
                and inputs.version > state.input_version
                and ((inputs.hour between state.reach_from and state.reach_to)
                     or list_contains(state.linked_hours, inputs.hour))
        ) as is_behind
    from state
"""


class BuiltHours:
    """The hours of each table that were built; behind are those whose input has moved on."""

    def __init__(self, lake: Lake) -> None:
        self._current: dict[str, set[str]] = {}
        self._behind: dict[str, set[str]] = {}
        self._row_counts: dict[str, int] = {}
        self._held: dict[str, set[str]] = {}
        if not lake.has_hour_state:
            return
        lake.view("ops/hour_state", name="ops.hour_state")
        # A home made before there were daily tables has no such column.
        has_digest = "input_digest" in lake.columns("ops/hour_state")
        lake.sql.execute(NEWEST.format(input_digest="input_digest" if has_digest else "null"))
        lake.sql.execute(CURRENT)
        states = {
            (row["table"], row["hour"]): row
            for row in lake.rows(
                'select "table", hour, version, is_behind, is_stale, row_count, blocked_by, '
                "input_digest from current_state"
            )
        }
        mark_behind(states, look_back_days=lake.settings.attribution_look_back_days)
        for row in states.values():
            if row["blocked_by"] is not None:
                self._held.setdefault(row["table"], set()).add(row["hour"])
            side = self._behind if row["is_behind"] else self._current
            side.setdefault(row["table"], set()).add(row["hour"])
            self._row_counts[row["table"]] = (
                self._row_counts.get(row["table"], 0) + row["row_count"]
            )

    def current(self, table: str) -> set[str]:
        """Hours whose rows must be right."""
        return self._current.get(table, set())

    def behind(self, table: str) -> set[str]:
        """Hours that were built and wait for a rebuild."""
        return self._behind.get(table, set())

    def held_back(self, table: str) -> set[str]:
        """Hours whose new rows a blocking rule keeps out: the table holds the rows of before."""
        return self._held.get(table, set())

    def row_count(self, table: str) -> int:
        """Rows the table should have, by its newest states."""
        return self._row_counts.get(table, 0)


def batches(line_counts: dict[str, int], limit: int) -> Iterator[list[str]]:
    """The keys in order, in lists of at most `limit` lines; a larger key stands alone."""
    batch: list[str] = []
    size = 0
    for key, count in sorted(line_counts.items()):
        if batch and size + count > limit:
            yield batch
            batch, size = [], 0
        batch.append(key)
        size += count
    if batch:
        yield batch


def count_by_hour(
    lake: Lake, table: str, column: str, hours: Iterable[str] | None = None
) -> dict[str, int]:
    """Rows per hour of an existing table; empty if there is none."""
    if not lake.exists(table):
        return {}
    lake.view(table, name="actual.counted", columns=[column])
    found = lake.rows(f"select {column} as hour, count(*) as n from actual.counted group by 1")
    wanted = None if hours is None else set(hours)
    return {row["hour"]: row["n"] for row in found if wanted is None or row["hour"] in wanted}

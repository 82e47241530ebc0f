"""What daily tables and snapshots are made from, by `ops/hour_state`; needs no engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clickstream_platform.hours import shift_day
from clickstream_platform.storage import hour_state
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.tables.attribution import ATTRIBUTION_CREDIT
from clickstream_platform.tables.contract import Table
from clickstream_platform.transforms.limits import Limits

_DAY_LENGTH = len("2024-11-29")


def days_before(table: Table, limits: Limits | None) -> int:
    """How many days before its own the table looks at; for attribution a setting says it."""
    if table is ATTRIBUTION_CREDIT and limits is not None:
        return limits.attribution_look_back_days
    return table.days_before


class DayInputs:
    """The states of all tables, by table and day; without `limits` as the contracts say."""

    def __init__(self, states: States, limits: Limits | None = None) -> None:
        self._states = states
        self._limits = limits
        self._by_day: dict[str, dict[str, list[HourStateRow]]] = {}
        for (path, key), row in states.items():
            days = self._by_day.setdefault(path, {})
            days.setdefault(key[:_DAY_LENGTH], []).append(row)

    def days(self, table: Table) -> list[str]:
        """The days on which an input has rows, or on which the table was built."""
        filled = {
            day
            for path in table.inputs
            for day, rows in self._by_day.get(path, {}).items()
            if any(row.row_count for row in rows)
        }
        return sorted(filled | set(self._by_day.get(table.path, {})))

    def reaching(self, table: Table, key: str) -> list[HourStateRow]:
        """The input hours (or days) whose change can change the table's partition `key`."""
        if table.is_snapshot:
            return [
                row
                for path in table.inputs
                for rows in self._by_day.get(path, {}).values()
                for row in rows
            ]
        span = range(-days_before(table, self._limits), table.days_after + 1)
        return [
            row
            for path in table.inputs
            for step in span
            for row in self._by_day.get(path, {}).get(shift_day(key, step), [])
        ]

    def digest(self, table: Table, key: str) -> str:
        return hour_state.digest_of(self.reaching(table, key))

    def reach(self, table: Table, key: str) -> tuple[str, str]:
        """The first and last input partition there is within the reach; the key itself if none."""
        found = [row.hour for row in self.reaching(table, key)]
        return min(found, default=key), max(found, default=key)

    def stale_keys(self, table: Table, keys: Iterable[str], code_version: str) -> Sequence[str]:
        """Those of `keys` that were built from other inputs or by other code, or never."""
        return tuple(
            key
            for key in keys
            if hour_state.is_behind(
                self._states.get((table.path, key)),
                input_digest=self.digest(table, key),
                code_version=code_version,
            )
        )

"""Which partitions were built anew between two moments, and which changed inputs they had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from clickstream_platform.tables.attribution import ATTRIBUTION_CREDIT
from clickstream_platform.tables.catalog import BY_PATH
from clickstream_platform.tables.contract import Table

Key = tuple[str, str]  # table and hour, day or `all`
State = Mapping[str, object]
_DAY = len("2024-11-29")


class Lineage:
    """Made of all rows of `ops/hour_state`."""

    def __init__(
        self, log: Iterable[State], since: datetime, until: datetime, *, look_back_days: int
    ) -> None:
        self._look_back_days = look_back_days  # of attribution
        self._then: dict[Key, State] = {}
        self._now: dict[Key, State] = {}
        for row in sorted(log, key=lambda row: str(row["recorded_at"])):
            key, at = (str(row["table"]), str(row["hour"])), row["recorded_at"]
            if isinstance(at, datetime) and at <= since:
                self._then[key] = row
            if isinstance(at, datetime) and at <= until:
                self._now[key] = row
        self._changed: dict[str, list[Key]] = {}
        for key, row in self._now.items():
            before = self._then.get(key)
            is_new = before is None and bool(row["row_count"])
            if is_new or (before is not None and _content(before) != _content(row)):
                self._changed.setdefault(key[0], []).append(key)

    def changed(self, table: str) -> list[Key]:
        """The table's partitions whose rows are others now."""
        return self._changed.get(table, [])

    def has_other_rules(self, table: str, key: str) -> bool:
        """True if the partition was there before, built by other code or limits."""
        before, now = self._then.get((table, key)), self._now.get((table, key))
        if before is None or now is None:
            return False
        return before["code_version"] != now["code_version"]

    def behind(self, keys: Iterable[Key]) -> set[Key]:
        """`keys` with all changed partitions that reach them, down to bronze."""
        found: set[Key] = set()
        waiting = list(keys)
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += self._inputs(*key)
        return found

    def _inputs(self, path: str, key: str) -> list[Key]:
        table = BY_PATH.get(path)
        if table is None:
            return []
        changed = [other for name in table.inputs for other in self.changed(name)]
        if table.is_snapshot:
            return changed
        if table.is_daily:
            is_setting = table is ATTRIBUTION_CREDIT
            before = self._look_back_days if is_setting else table.days_before
            first, last = _shifted(key, -before), _shifted(key, table.days_after)
            return [other for other in changed if first <= other[1][:_DAY] <= last]
        return [other for other in changed if self._reaches(table, key, other[1])]

    def _reaches(self, table: Table, key: str, hour: str) -> bool:
        state = self._now[(table.path, key)]
        linked = state["linked_hours"]
        is_linked = isinstance(linked, list) and hour in linked
        return is_linked or str(state["reach_from"]) <= hour <= str(state["reach_to"])


def _content(state: State) -> tuple[object, ...]:
    """What tells two builds of a partition apart; bronze has no hash, only more lines."""
    if state["content_hash"] is not None:
        return (state["content_hash"], state["row_count"])
    return (state["version"], state["row_count"])


def _shifted(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()

"""What runs did, hour by hour, from what they recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import duckdb

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.hour_state import States
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.ops import DQ_RESULTS


@dataclass(frozen=True)
class Built:
    """One hour of one table after the runs."""

    table: str
    hour: str
    row_count: int
    version: int
    unchanged: bool
    blocked_by: str | None
    red_rules: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What the runs did."""

    run_ids: tuple[str, ...]
    reports: tuple[Built, ...]

    @property
    def run_count(self) -> int:
        return len(self.run_ids)

    def by_table(self) -> dict[str, list[Built]]:
        grouped: dict[str, list[Built]] = {}
        for report in self.reports:
            grouped.setdefault(report.table, []).append(report)
        return {t.path: grouped[t.path] for t in ALL if t.path in grouped}

    def as_json(self, seconds: float) -> str:
        return json.dumps(
            {
                "runs": list(self.run_ids),
                "seconds": round(seconds, 1),
                "hours": [asdict(report) for report in self.reports],
            }
        )


def built_by(workspace: Workspace, before: States, run_ids: Sequence[str]) -> list[Built]:
    """Every hour these runs recorded, with the rules that were broken in it."""
    if not run_ids:
        return []
    wanted = set(run_ids)
    after = hour_state.current(workspace.lake)
    red = _red_rules(workspace, run_ids)
    rows = []
    for (path, hour), state in sorted(after.items()):
        if state.run_id not in wanted:
            continue
        old = before.get((path, hour))
        rows.append(
            Built(
                table=path,
                hour=hour,
                row_count=state.row_count,
                version=state.version,
                unchanged=old is not None and old.version == state.version,
                blocked_by=state.blocked_by,
                red_rules=tuple(red.get((path, hour), ())),
            )
        )
    return rows


def _red_rules(workspace: Workspace, run_ids: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    if not run_ids or not delta.exists(workspace.lake, DQ_RESULTS):
        return {}
    with duckdb.connect() as connection:
        connection.register("results", delta.read_arrow(workspace.lake, DQ_RESULTS))
        found = connection.execute(
            'SELECT DISTINCT "table", hour, rule FROM results '
            "WHERE NOT passed AND action <> 'reject' AND list_contains($ids, run_id) ORDER BY ALL",
            {"ids": list(run_ids)},
        ).fetchall()
    red: dict[tuple[str, str], list[str]] = {}
    for path, hour, rule in found:
        red.setdefault((path, hour), []).append(rule)
    return red

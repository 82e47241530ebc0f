"""The phases of a run: new files to bronze, stale hours to silver and gold, then what follows
from them: daily marts and marts over all time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import dagster as dg
import duckdb

from clickstream_platform.build.staleness import (
    is_catalogue_stale,
    stale_days,
    stale_gold,
    stale_silver,
    stale_snapshots,
)
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.errors import ClickstreamError, UsageError
from clickstream_platform.hours import hours_between
from clickstream_platform.running.plan import Span, plan, plan_days, sizes_of
from clickstream_platform.running.session import Runs
from clickstream_platform.settings import Settings
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.hour_state import States
from clickstream_platform.tables.catalog import ALL, SILVER, table
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.ops import DQ_RESULTS

OnPlan = Callable[[str, int], Callable[[int], None]]
_MAX_REPAIR_ROUNDS = 8  # late orders can make a later hour stale, once per link


@dataclass(frozen=True)
class Request:
    """What to bring up to date; everything if no range is given."""

    first: str | None = None
    last: str | None = None
    source: str | None = None
    tables: tuple[str, ...] = ()
    force: bool = False
    exact: bool = False


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


def bring_up_to_date(settings: Settings, request: Request, *, on_plan: OnPlan) -> Outcome:
    """Ingests and repairs; `on_plan` is told each phase's hours and returns its progress callback.

    Raises: RunFailedError, UsageError for an unknown source or table.
    """
    workspace = Workspace(settings, _no_engine)
    runs = Runs.open(settings)
    before = hour_state.current(workspace.lake)
    run_ids = _ingest(workspace, runs, request, on_plan)
    run_ids += _repair(workspace, runs, request, on_plan)
    if not request.tables and not request.exact:
        run_ids += _follow(workspace, runs, on_plan)
    return Outcome(tuple(run_ids), tuple(_built(workspace, before, run_ids)))


def _no_engine() -> None:
    raise ClickstreamError("Planning must not need the engine; this is a bug.")


def _ingest(workspace: Workspace, runs: Runs, request: Request, on_plan: OnPlan) -> list[str]:
    if request.source and request.source not in workspace.forms:
        known = ", ".join(sorted(workspace.forms))
        raise UsageError(f"There is no source {request.source!r}. Sources: {known}.")
    if workspace.look_at_landing().unsettled:
        time.sleep(workspace.settings.automation.settle_s)  # two looks tell what is finished
        workspace.look_at_landing()
    waiting = workspace.manifest.waiting_hours()
    if request.exact and request.first and request.last:
        waiting = {h: size for h, size in waiting.items() if request.first <= h <= request.last}
    if not waiting:
        return []
    advance = on_plan("bronze", len(waiting))
    ids = []
    for span in plan(list(waiting), waiting, workspace.settings):
        ids.append(runs.execute("ingest", span, only_stale=False))
        advance(len(span.wanted))
    return ids


def _repair(workspace: Workspace, runs: Runs, request: Request, on_plan: OnPlan) -> list[str]:
    assets = _selected(request.tables)
    ids: list[str] = []
    if request.first and request.last and (request.force or assets):
        hours = hours_between(request.first, request.last)
        states = hour_state.current(workspace.lake)
        known = sorted({hour for _, hour in states} & set(hours))
        ids += _run_spans(
            workspace,
            runs,
            known,
            on_plan("rebuild", len(known)),
            assets=assets,
            only_stale=not request.force,
            force=request.force,
        )
    if assets:
        return ids
    for _ in range(_MAX_REPAIR_ROUNDS):
        states = hour_state.current(workspace.lake)
        stale = sorted({*stale_silver(workspace, states), *stale_gold(workspace, states)})
        if request.exact and request.first and request.last:
            stale = [hour for hour in stale if request.first <= hour <= request.last]
        if not stale:
            return ids
        ids += _run_spans(
            workspace,
            runs,
            stale,
            on_plan("silver, gold", len(stale)),
            assets=None,
            only_stale=True,
        )
    raise ClickstreamError(
        f"{len(stale)} hours are still stale after {_MAX_REPAIR_ROUNDS} rounds, like {stale[0]}; "
        "this is a bug: please report `ops/hour_state` of that hour."
    )


def _follow(workspace: Workspace, runs: Runs, on_plan: OnPlan) -> list[str]:
    """The catalogue, daily marts once their hours are settled, then the marts over all time."""
    ids = []
    if is_catalogue_stale(workspace, hour_state.current(workspace.lake)):
        advance = on_plan("catalogue", 1)
        ids.append(runs.execute("catalogue", None, only_stale=True))
        advance(1)
    days = stale_days(workspace, hour_state.current(workspace.lake))
    if days:
        advance = on_plan("daily marts", len(days))
        for span in plan_days(days):
            ids.append(runs.execute("daily", span, only_stale=True))
            advance(len(span.wanted))
    if stale_snapshots(workspace, hour_state.current(workspace.lake)):
        advance = on_plan("marts over all time", 1)
        ids.append(runs.execute("snapshots", None, only_stale=True))
        advance(1)
    return ids


def _run_spans(
    workspace: Workspace,
    runs: Runs,
    hours: Sequence[str],
    advance: Callable[[int], None],
    *,
    assets: Sequence[dg.AssetKey] | None,
    only_stale: bool,
    force: bool = False,
) -> list[str]:
    ids = []
    sizes = sizes_of(hour_state.current(workspace.lake))
    for span in _spans(hours, sizes, workspace.settings):
        ids.append(runs.execute("repair", span, assets=assets, only_stale=only_stale, force=force))
        advance(len(span.wanted))
    return ids


def _spans(hours: Sequence[str], sizes: dict[str, int], settings: Settings) -> list[Span]:
    return plan(list(hours), sizes, settings) if hours else []


def _selected(paths: Sequence[str]) -> list[dg.AssetKey] | None:
    if not paths:
        return None
    allowed = {t.path for t in (*SILVER, *GOLD)}
    keys = set()
    for path in paths:
        if table(path).path not in allowed:
            raise UsageError(f"--select takes hourly tables of silver and gold, not {path}.")
        chosen = SILVER if table(path) in SILVER else (table(path),)
        keys |= {dg.AssetKey(t.key) for t in chosen}
    return sorted(keys)


def _built(workspace: Workspace, before: States, run_ids: Sequence[str]) -> list[Built]:
    """Every hour these runs recorded, with the rules that were broken in it."""
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

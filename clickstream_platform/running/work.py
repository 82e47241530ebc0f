"""The phases of a run: new files to bronze, stale hours to silver and gold, then what follows
from them: daily marts and marts over all time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from clickstream_platform.build.progress import listening
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
from clickstream_platform.running.estimate import Rates, estimate
from clickstream_platform.running.outcome import Outcome, built_by
from clickstream_platform.running.plan import Span, plan, plan_days, sizes_of
from clickstream_platform.settings import Settings
from clickstream_platform.storage import hour_state
from clickstream_platform.storage.hour_state import States
from clickstream_platform.tables.catalog import SILVER, table
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import GOLD

if TYPE_CHECKING:
    from clickstream_platform.running.session import Runs

OnPlan = Callable[[str, int], Callable[[int], None]]
Say = Callable[[str], None]
BRONZE, SILVER_GOLD = "bronze", "silver, gold"  # phases, as people read them
_MAX_REPAIR_ROUNDS = 8  # late orders can make a later hour stale, once per link


@dataclass(frozen=True)
class _Dagster:
    """Dagster's runs, opened when the first one is needed: its import takes seconds, which a
    command that finds nothing to do need not spend."""

    settings: Settings

    @cached_property
    def runs(self) -> Runs:
        from clickstream_platform.running.session import Runs  # noqa: PLC0415

        return Runs.open(self.settings)


@dataclass(frozen=True)
class Request:
    """What to bring up to date; everything if no range is given."""

    first: str | None = None
    last: str | None = None
    source: str | None = None
    tables: tuple[str, ...] = ()
    force: bool = False
    exact: bool = False
    dry: bool = False


def bring_up_to_date(
    settings: Settings, request: Request, *, on_plan: OnPlan, say: Say = lambda _: None
) -> Outcome:
    """Ingests and repairs; `on_plan` is told each phase's hours and returns its progress callback,
    `say` what each phase will cost, before it begins. A dry request ends there.

    Raises: RunFailedError, UsageError for an unknown source or table.
    """
    workspace = Workspace(settings, _no_engine)
    dagster = _Dagster(settings)
    before = hour_state.current(workspace.lake)
    if request.dry:
        _foretell(workspace, request, before, say)
        return Outcome((), ())
    run_ids = _ingest(workspace, dagster, request, on_plan, say)
    run_ids += _repair(workspace, dagster, request, on_plan, say)
    if not request.tables and not request.exact:
        run_ids += _follow(workspace, dagster, on_plan)
    return Outcome(tuple(run_ids), tuple(built_by(workspace, before, run_ids)))


def _no_engine() -> None:
    raise ClickstreamError("Planning must not need the engine; this is a bug.")


def _foretell(workspace: Workspace, request: Request, states: States, say: Say) -> None:
    """What a run would do; silver and gold as far as it is known before the files are read."""
    rates = Rates.of(workspace.settings.state)
    waiting = _waiting(workspace, request)
    say(estimate(rates, BRONZE, _spans(list(waiting), waiting, workspace.settings), waiting))
    sizes = sizes_of(states)
    rebuilt = _rebuilt(request, states)
    stale = _stale(workspace, request, states)
    for hour, size in waiting.items():
        sizes[hour] = sizes.get(hour, 0) + size
    wanted = sorted({*rebuilt, *stale, *waiting})
    say(estimate(rates, SILVER_GOLD, _spans(wanted, sizes, workspace.settings), sizes))
    if waiting:
        say("Late lines may touch further hours; that shows when they are read.")


def _waiting(workspace: Workspace, request: Request) -> dict[str, int]:
    """Bytes of finished new files by ingest hour."""
    if request.source and request.source not in workspace.forms:
        known = ", ".join(sorted(workspace.forms))
        raise UsageError(f"There is no source {request.source!r}. Sources: {known}.")
    if workspace.look_at_landing().unsettled:
        time.sleep(workspace.settings.automation.settle_s)  # two looks tell what is finished
        workspace.look_at_landing()
    waiting = workspace.manifest.waiting_hours()
    if request.exact and request.first and request.last:
        waiting = {h: size for h, size in waiting.items() if request.first <= h <= request.last}
    return waiting


def _ingest(
    workspace: Workspace, dagster: _Dagster, request: Request, on_plan: OnPlan, say: Say
) -> list[str]:
    waiting = _waiting(workspace, request)
    if not waiting:
        return []
    spans = plan(list(waiting), waiting, workspace.settings)
    rates = Rates.of(workspace.settings.state)
    say(estimate(rates, BRONZE, spans, waiting))
    advance = on_plan(BRONZE, len(waiting))
    ids = []
    for span in spans:
        started = time.monotonic()
        ids.append(dagster.runs.execute("ingest", span, only_stale=False))
        size = sum(waiting[hour] for hour in span.wanted)
        rates.note(BRONZE, size, time.monotonic() - started)
        advance(len(span.wanted))
    return ids


def _rebuilt(request: Request, states: States) -> list[str]:
    """The hours that are asked for by name, whether stale or not."""
    if not (request.first and request.last and (request.force or request.tables)):
        return []
    asked = set(hours_between(request.first, request.last))
    return sorted({hour for _, hour in states} & asked)


def _stale(workspace: Workspace, request: Request, states: States) -> list[str]:
    stale = sorted({*stale_silver(workspace, states), *stale_gold(workspace, states)})
    if request.exact and request.first and request.last:
        return [hour for hour in stale if request.first <= hour <= request.last]
    return stale


def _repair(
    workspace: Workspace, dagster: _Dagster, request: Request, on_plan: OnPlan, say: Say
) -> list[str]:
    tables = _selected(request.tables)
    ids: list[str] = []
    known = _rebuilt(request, hour_state.current(workspace.lake))
    if known:
        ids += _run_spans(
            workspace,
            dagster,
            known,
            on_plan,
            say,
            tables=tables,
            only_stale=not request.force,
            force=request.force,
        )
    if tables:
        return ids
    for _ in range(_MAX_REPAIR_ROUNDS):
        stale = _stale(workspace, request, hour_state.current(workspace.lake))
        if not stale:
            return ids
        ids += _run_spans(workspace, dagster, stale, on_plan, say, tables=None, only_stale=True)
    raise ClickstreamError(
        f"{len(stale)} hours are still stale after {_MAX_REPAIR_ROUNDS} rounds, like {stale[0]}; "
        "this is a bug: please report `ops/hour_state` of that hour."
    )


def _follow(workspace: Workspace, dagster: _Dagster, on_plan: OnPlan) -> list[str]:
    """The catalogue, daily marts once their hours are settled, then the marts over all time."""
    ids = []
    if is_catalogue_stale(workspace, hour_state.current(workspace.lake)):
        advance = on_plan("catalogue", 1)
        ids.append(dagster.runs.execute("catalogue", None, only_stale=True))
        advance(1)
    days = stale_days(workspace, hour_state.current(workspace.lake))
    if days:
        advance = on_plan("daily marts", len(days))
        for span in plan_days(days):
            ids.append(dagster.runs.execute("daily", span, only_stale=True))
            advance(len(span.wanted))
    if stale_snapshots(workspace, hour_state.current(workspace.lake)):
        advance = on_plan("marts over all time", 1)
        ids.append(dagster.runs.execute("snapshots", None, only_stale=True))
        advance(1)
    return ids


def _run_spans(
    workspace: Workspace,
    dagster: _Dagster,
    hours: Sequence[str],
    on_plan: OnPlan,
    say: Say,
    *,
    tables: Sequence[Table] | None,
    only_stale: bool,
    force: bool = False,
) -> list[str]:
    """Runs silver and gold; each hour counts twice, as each layer's chunks are told."""
    ids = []
    sizes = sizes_of(hour_state.current(workspace.lake))
    spans = _spans(hours, sizes, workspace.settings)
    rates = Rates.of(workspace.settings.state)
    say(estimate(rates, SILVER_GOLD, spans, sizes))
    advance = on_plan(SILVER_GOLD, 2 * len(hours))
    for span in spans:
        told: list[int] = []

        def on_hours(count: int, told: list[int] = told) -> None:
            told.append(count)
            advance(count)

        started = time.monotonic()
        with listening(on_hours):
            ids.append(
                dagster.runs.execute(
                    "repair", span, tables=tables, only_stale=only_stale, force=force
                )
            )
        size = sum(sizes.get(hour, 0) for hour in span.wanted)
        rates.note(SILVER_GOLD, size, time.monotonic() - started)
        advance(2 * len(span.wanted) - sum(told))
    return ids


def _spans(hours: Sequence[str], sizes: dict[str, int], settings: Settings) -> list[Span]:
    return plan(list(hours), sizes, settings) if hours else []


def _selected(paths: Sequence[str]) -> list[Table] | None:
    if not paths:
        return None
    allowed = {t.path for t in (*SILVER, *GOLD)}
    selected: dict[str, Table] = {}
    for path in paths:
        if table(path).path not in allowed:
            raise UsageError(f"--select takes hourly tables of silver and gold, not {path}.")
        chosen = SILVER if table(path) in SILVER else (table(path),)
        selected |= {t.path: t for t in chosen}
    return [selected[path] for path in sorted(selected)]

"""Two sensors for what follows the hours: daily marts, and marts over all time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import dagster as dg

from clickstream_platform import run_tags
from clickstream_platform.assets.hourly import ONLY_STALE_TAG
from clickstream_platform.automation.asking import Need, ask
from clickstream_platform.automation.history import History
from clickstream_platform.automation.tick import INTERVAL_S, STATUS, code_of, result
from clickstream_platform.build.inputs import DayInputs
from clickstream_platform.build.staleness import (
    is_catalogue_stale,
    stale_days,
    stale_gold,
    stale_snapshots,
)
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.resources.home import Home
from clickstream_platform.running.plan import Span, plan_days
from clickstream_platform.settings import Settings, settings
from clickstream_platform.storage import hour_state
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.tables.catalogue import CATALOGUE
from clickstream_platform.tables.contract import SNAPSHOT_KEY, Table
from clickstream_platform.tables.gold import DAILY, SNAPSHOTS


@dg.sensor(job_name="daily", minimum_interval_seconds=INTERVAL_S, default_status=STATUS)
def touched_days_sensor(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult:
    """Asks for the daily marts of days whose facts changed, once their hours are not stale."""
    workspace = home.workspace
    history = _history(context, workspace, "daily", DAILY)  # first: what ends now has covered
    states = hour_state.current(workspace.lake)
    days = stale_days(workspace, states)
    return _tick(context, workspace, history, _needs(workspace, states, DAILY, days), job="daily")


@dg.sensor(
    job_name="snapshots",
    minimum_interval_seconds=settings().automation.snapshots_interval_s,
    default_status=STATUS,
)
def snapshots_sensor(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult:
    """Asks for the marts over all time if facts changed, once no hour and no day is stale."""
    workspace = home.workspace
    history = _history(context, workspace, "snapshots", SNAPSHOTS)
    states = hour_state.current(workspace.lake)
    waits = stale_gold(workspace, states) or stale_days(workspace, states)
    stale = [] if waits else stale_snapshots(workspace, states)
    needs = _needs(workspace, states, stale, [SNAPSHOT_KEY] if stale else [])
    return _tick(context, workspace, history, needs, job="snapshots")


@dg.sensor(job_name="catalogue", minimum_interval_seconds=INTERVAL_S, default_status=STATUS)
def catalogue_sensor(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult:
    """Asks for the catalogue's versions when feed lines or their mappings changed."""
    workspace = home.workspace
    history = _history(context, workspace, "catalogue", CATALOGUE)
    states = hour_state.current(workspace.lake)
    keys = [SNAPSHOT_KEY] if is_catalogue_stale(workspace, states) else []
    needs = _needs(workspace, states, CATALOGUE, keys)
    return _tick(context, workspace, history, needs, job="catalogue")


def _tick(
    context: dg.SensorEvaluationContext,
    workspace: Workspace,
    history: History,
    needs: Mapping[str, Need],
    *,
    job: str,
) -> dg.SensorResult:
    sensor = context.sensor_name
    tags = {ONLY_STALE_TAG: "true", run_tags.CODE: code_of(workspace), run_tags.BY: sensor}
    asked = ask(
        needs,
        history,
        workspace.settings,
        job=job,
        tags=tags,
        now=time.time(),
        planned_by=_planned,
    )
    return result(context, workspace, asked, sensor=sensor, said=str(asked), cursor=None)


def _planned(keys: Sequence[str], sizes: Mapping[str, int], limits: Settings) -> list[Span]:
    del sizes
    if list(keys) == [SNAPSHOT_KEY]:
        return [Span(SNAPSHOT_KEY, SNAPSHOT_KEY, (SNAPSHOT_KEY,))]
    return plan_days(keys)


def _needs(
    workspace: Workspace, states: States, tables: Sequence[Table], keys: Sequence[str]
) -> dict[str, Need]:
    """Each key with a digest of all that its tables are made from."""
    inputs = DayInputs(states, workspace.limits)
    needs = {}
    for key in keys:
        rows = [row for table in tables for row in inputs.reaching(table, key)]
        needs[key] = Need(size=0, since=_newest(rows), digest=hour_state.digest_of(rows))
    return needs


def _newest(rows: Sequence[HourStateRow]) -> float:
    return max((row.recorded_at.timestamp() for row in rows if row.recorded_at), default=0.0)


def _history(
    context: dg.SensorEvaluationContext, workspace: Workspace, job: str, tables: Sequence[Table]
) -> History:
    assets = {dg.AssetKey(table.key) for table in tables}
    return History.of(context.instance, [job], assets, code=code_of(workspace))

"""The two sensors: new landing files to bronze and on, and stale hours to silver and gold.

Both first clear up after dead processes. `clickstream status` shows what their last ticks said.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

import dagster as dg

from clickstream_platform import run_tags
from clickstream_platform.assets.hourly import ONLY_STALE_TAG
from clickstream_platform.assets.jobs import arrivals, ingest
from clickstream_platform.automation.asking import Asked, Need, ask
from clickstream_platform.automation.bookkeeping import Progress, report_missing
from clickstream_platform.automation.history import History
from clickstream_platform.automation.needs import left_to_streams, living_streams, repair_needs
from clickstream_platform.automation.reaper import reap
from clickstream_platform.automation.tick import INTERVAL_S, STATUS, code_of, result
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.resources.home import Home
from clickstream_platform.running.plan import MAX_GAP_HOURS, plan
from clickstream_platform.settings import settings
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.landing_look import Scope
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.ops import HOUR_STATE

TABLES_OF: Mapping[str, Sequence[Table]] = {"ingest": [BRONZE_EVENTS], "repair": [*SILVER, *GOLD]}
ALL_LAYERS = "arrivals"  # the job that does both
STALE_ONLY = {ONLY_STALE_TAG: "true"}


@dg.sensor(
    jobs=[ingest, arrivals],
    minimum_interval_seconds=settings().automation.landing_interval_s,
    default_status=STATUS,
)
def landing_sensor(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult:
    """Asks for the ingest hours for which finished landing files wait: few of them go to gold in
    one run, many first to bronze, as each may bring late lines for hours of the others."""
    workspace = home.workspace
    for note in reap(context.instance, workspace):
        context.log.warning(note)
    seen = workspace.look_at_landing(Scope(audit_files=workspace.settings.automation.audit_files))
    for warning in seen.warnings:
        context.log.warning(warning)
    # First: a run that ends now covers its files.
    history = _history(context, workspace, "ingest", ALL_LAYERS)
    needs = {
        hour: Need(found.size, found.newest_at, found.digest)
        for hour, found in workspace.manifest.waiting().items()
    }
    job = _job_for(context, workspace, needs)
    # A span over other hours would build these too, whoever does so already.
    tags, gap = (STALE_ONLY, 0) if job == ALL_LAYERS else ({}, MAX_GAP_HOURS)
    asked = _ask(workspace, needs, history, job=job, tags=tags, sensor="landing_sensor", gap=gap)
    unfinished = f"; {seen.unsettled} files are not finished yet" if seen.unsettled else ""
    said = f"{asked}; {seen.new_files} new files{unfinished}"
    return result(context, workspace, asked, sensor="landing_sensor", said=said, cursor=None)


def _job_for(
    context: dg.SensorEvaluationContext, workspace: Workspace, needs: Mapping[str, Need]
) -> str:
    """The job for all layers if nothing is in its way: lines reach bronze whatever is wrong with
    silver or gold, and whoever is at work there, as a stream of the same source is."""
    if not 0 < len(needs) <= workspace.settings.automation.hours_to_gold_at_once:
        return "ingest"
    if any(
        map(workspace.manifest.waiting, living_streams(workspace.settings, now=datetime.now(UTC)))
    ):
        return "ingest"
    code = code_of(workspace)
    before = History.of(context.instance, [ALL_LAYERS], (), code=code)
    repairs = History.of(context.instance, ["repair"], _assets_of("repair"), code=code)
    hindered = [hour for hour in needs if before.failures(hour) or repairs.is_covered(hour)]
    return "ingest" if hindered else ALL_LAYERS


@dg.sensor(job_name="repair", minimum_interval_seconds=INTERVAL_S, default_status=STATUS)
def touched_hours_sensor(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult:
    """Asks for silver and gold of exactly the hours that are stale by `ops/hour_state`, but for
    those that a living stream rebuilds itself."""
    workspace = home.workspace
    for note in reap(context.instance, workspace):
        context.log.warning(note)
    cursor = json.loads(context.cursor or "{}")
    code = code_of(workspace)
    version = delta.version(workspace.lake, HOUR_STATE)
    progress = Progress(**cursor.get("progress", {}))
    ingested = workspace.manifest.committed_since(progress.bronze_version)
    if cursor.get("settled") == [version, code] and not ingested:
        said = "nothing changed"
        return result(
            context,
            workspace,
            None,
            sensor="touched_hours_sensor",
            said=said,
            cursor=context.cursor,
        )
    history = _history(context, workspace, "repair")  # first: a run that ends now covers its hours
    states = hour_state.current(workspace.lake)
    stale = repair_needs(workspace, states)
    streamed = left_to_streams(workspace.settings, states, now=datetime.now(UTC))
    needs = {hour: need for hour, need in stale.items() if hour not in streamed}
    told = report_missing(
        context.instance,
        states,
        ingested,
        progress,
        is_ingesting=bool(_history(context, workspace, "ingest").unfinished),
    )
    for commit in told.reported:
        context.log.warning(f"{commit}: committed by a run that died; reported now")
    asked = _ask(
        workspace, needs, history, job="repair", tags=STALE_ONLY, sensor="touched_hours_sensor"
    )
    # Not while a stream has hours to rebuild: they are asked for when it has died.
    is_settled = told.is_complete and not stale and not history.unfinished
    remembered = {
        "settled": [version, code] if is_settled else None,
        "progress": asdict(told.progress),
    }
    cursor_after = json.dumps(remembered)
    left = len(stale) - len(needs)
    said = f"{asked}; {left} left to streams" if left else str(asked)
    return result(
        context, workspace, asked, sensor="touched_hours_sensor", said=said, cursor=cursor_after
    )


def _ask(
    workspace: Workspace,
    needs: Mapping[str, Need],
    history: History,
    *,
    job: str,
    tags: Mapping[str, str],
    sensor: str,
    gap: int = MAX_GAP_HOURS,
) -> Asked:
    return ask(
        needs,
        history,
        workspace.settings,
        job=job,
        tags={**tags, run_tags.CODE: code_of(workspace), run_tags.BY: sensor},
        now=time.time(),
        planned_by=partial(plan, max_gap_hours=gap),
    )


def _history(
    context: dg.SensorEvaluationContext, workspace: Workspace, job: str, *more: str
) -> History:
    """Runs of the jobs; as covering the same hours also those of the job for all layers."""
    return History.of(
        context.instance,
        [job, *more],
        _assets_of(job),
        code=code_of(workspace),
        beside=[ALL_LAYERS],
    )


def _assets_of(job: str) -> set[dg.AssetKey]:
    return {dg.AssetKey(table.key) for table in TABLES_OF[job]}

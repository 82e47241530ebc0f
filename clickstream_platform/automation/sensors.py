"""The two sensors: new landing files to bronze, and stale hours to silver and gold.

Both first clear up after dead processes. `clickstream status` shows what their last ticks said.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from clickstream_platform import run_tags
from clickstream_platform.assets.hourly import ONLY_STALE_TAG
from clickstream_platform.automation.asking import Asked, Need, ask
from clickstream_platform.automation.bookkeeping import Progress, report_missing
from clickstream_platform.automation.history import History
from clickstream_platform.automation.needs import left_to_streams, repair_needs
from clickstream_platform.automation.reaper import reap
from clickstream_platform.automation.tick import INTERVAL_S, STATUS, code_of, result
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.resources.home import Home
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.landing_look import Scope
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.ops import HOUR_STATE

TABLES_OF: Mapping[str, Sequence[Table]] = {"ingest": [BRONZE_EVENTS], "repair": [*SILVER, *GOLD]}
SENSOR_OF = {"ingest": "landing_sensor", "repair": "touched_hours_sensor"}


@dg.sensor(job_name="ingest", minimum_interval_seconds=INTERVAL_S, default_status=STATUS)
def landing_sensor(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult:
    """Asks for bronze of the ingest hours for which finished landing files wait."""
    workspace = home.workspace
    for note in reap(context.instance, workspace):
        context.log.warning(note)
    seen = workspace.look_at_landing(Scope(audit_files=workspace.settings.automation.audit_files))
    for warning in seen.warnings:
        context.log.warning(warning)
    history = _history(context, workspace, "ingest")  # first: a run that ends now covers its files
    needs = {
        hour: Need(found.size, found.newest_at, found.digest)
        for hour, found in workspace.manifest.waiting().items()
    }
    asked = _ask(workspace, needs, history, job="ingest", tags={})
    unfinished = f"; {seen.unsettled} files are not finished yet" if seen.unsettled else ""
    said = f"{asked}; {seen.new_files} new files{unfinished}"
    return result(context, workspace, asked, sensor=SENSOR_OF["ingest"], said=said, cursor=None)


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
            context, workspace, None, sensor=SENSOR_OF["repair"], said=said, cursor=context.cursor
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
    asked = _ask(workspace, needs, history, job="repair", tags={ONLY_STALE_TAG: "true"})
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
        context, workspace, asked, sensor=SENSOR_OF["repair"], said=said, cursor=cursor_after
    )


def _ask(
    workspace: Workspace,
    needs: Mapping[str, Need],
    history: History,
    *,
    job: str,
    tags: Mapping[str, str],
) -> Asked:
    return ask(
        needs,
        history,
        workspace.settings,
        job=job,
        tags={**tags, run_tags.CODE: code_of(workspace), run_tags.BY: SENSOR_OF[job]},
        now=time.time(),
    )


def _history(context: dg.SensorEvaluationContext, workspace: Workspace, job: str) -> History:
    assets = {dg.AssetKey(table.key) for table in TABLES_OF[job]}
    return History.of(context.instance, job, assets, code=code_of(workspace))

"""What every sensor's tick has in common: its pace, the code it asks with, what it says."""

from __future__ import annotations

import dagster as dg

from clickstream_platform.automation.asking import Asked
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.settings import settings
from clickstream_platform.storage import ticks

STATUS = (
    dg.DefaultSensorStatus.RUNNING
    if settings().automation.enabled
    else dg.DefaultSensorStatus.STOPPED
)
INTERVAL_S = settings().automation.interval_s


def code_of(workspace: Workspace) -> str:
    """Changes with rules, mappings and thresholds: failures of older code do not count."""
    return f"{workspace.blocked_code}-{workspace.gold_code}-{workspace.catalogue_code}"


def result(
    context: dg.SensorEvaluationContext,
    workspace: Workspace,
    asked: Asked | None,
    *,
    sensor: str,
    said: str,
    cursor: str | None,
) -> dg.SensorResult:
    """Says on the tick, in `status` and, if work was given up, in the log what was asked for."""
    given_up = asked.given_up if asked else ()
    if given_up:
        said += f"; GIVEN UP: {', '.join(given_up[:5])}, see the failed runs"
        context.log.error(said)
    ticks.write(workspace.settings.state, sensor, said, given_up=given_up)
    if not asked or not asked.requests:
        return dg.SensorResult(skip_reason=said, cursor=cursor)
    return dg.SensorResult(run_requests=list(asked.requests), cursor=cursor)

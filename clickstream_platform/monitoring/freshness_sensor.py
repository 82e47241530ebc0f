"""Turns `freshness` red, hour by hour, for hours that no run turned green in time."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.instance.utils import RUNLESS_JOB_NAME

from clickstream_platform.assets.specs import FRESHNESS, TIMELY
from clickstream_platform.automation.tick import STATUS
from clickstream_platform.hours import hour_key
from clickstream_platform.operations.late_hours import LateHour, late_hours
from clickstream_platform.settings import settings
from clickstream_platform.tables.catalog import table as contract

_PATHS = {table.path for table in TIMELY}


@dg.sensor(
    minimum_interval_seconds=settings().alerts.interval_s,
    default_status=STATUS,
    description="Reports late hours on the `freshness` checks, and their end.",
)
def freshness_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Starts no run. Each change is reported once; the cursor holds what is red."""
    now = datetime.now(UTC)
    judged = late_hours(settings(), now=now)
    if judged is None:
        return dg.SensorResult(skip_reason="the lake is at rest", cursor=context.cursor)
    late = {_name(found): found for found in judged if found.table in _PATHS}
    known = dict(json.loads(context.cursor or "{}"))
    first = hour_key(now - timedelta(hours=settings().alerts.lookback_hours))
    _report(context.instance, changes(late, known, first=first))
    now_red = {name: _since(found) for name, found in late.items()}
    said = f"{len(late)} late hours; {len(late.keys() - known)} of them new"
    return dg.SensorResult(skip_reason=said, cursor=json.dumps(now_red))


def changes(
    late: Mapping[str, LateHour], known: Mapping[str, str], *, first: str
) -> list[dg.AssetCheckEvaluation]:
    """Red for what became late, anew if it was built meanwhile; green for what is no more.

    An hour before `first` is no longer looked at: what was red stays red until it is built.
    """
    red = [_evaluation(found.table, found.hour, found) for name, found in late.items()
           if known.get(name) != _since(found)]  # fmt: skip
    over = (name.split(" ") for name in sorted(known.keys() - late.keys()))
    return [*red, *(_evaluation(table, hour, None) for table, hour in over if hour >= first)]


def _since(late: LateHour) -> str:
    return late.since.isoformat()


def _report(instance: dg.DagsterInstance, events: Sequence[dg.AssetCheckEvaluation]) -> None:
    """Under an id of its own: outside of runs Dagster keeps one result an hour for ever."""
    look = str(uuid.uuid4())
    for event in events:
        instance.report_dagster_event(
            DagsterEvent(
                event_type_value=DagsterEventType.ASSET_CHECK_EVALUATION.value,
                job_name=RUNLESS_JOB_NAME,
                event_specific_data=event,
            ),
            run_id=look,
        )


def _name(late: LateHour) -> str:
    return f"{late.table} {late.hour}"


def _evaluation(table: str, hour: str, late: LateHour | None) -> dg.AssetCheckEvaluation:
    found = {} if late is None else {"why": late.why, "since": _since(late)}
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(contract(table).key),
        check_name=FRESHNESS,
        passed=late is None,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"hour": hour, **found},
        partition=hour,
    )

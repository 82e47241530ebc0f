"""Rules of processes: failed runs, streams that stand still, a dead daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from clickstream_platform.monitoring.alert import Alert
from clickstream_platform.operations.dagster_state import dagster_state, failed_jobs
from clickstream_platform.setting_groups import StreamSettings
from clickstream_platform.settings import Settings

STREAM_JOB = "stream"


def failed_runs(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert a job whose newest finished run failed; a later success is the recovery.

    Not of streams: a stream that was started again lives on beside its failed run, and its
    heartbeat tells how it is.
    """
    del now
    for job, run_id in failed_jobs(settings.dagster_home):
        if job == STREAM_JOB:
            continue
        yield Alert(
            f"failed_run:{job}",
            f"The newest run of {job} failed",
            f"Run {run_id}. Its events are in the Dagster UI under Runs.",
        )


def stalled_stream(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert a stream that gave up, does not beat, or commits nothing of what waits for it."""
    for path in sorted((settings.state / "stream").glob("*/heartbeat.json")):
        beat = json.loads(path.read_text())
        age_s = (now - datetime.fromisoformat(beat["beat_at"])).total_seconds()
        trouble = _trouble(beat, age_s, _waited_s(beat, now), settings.stream)
        if trouble is not None:
            yield Alert(
                f"stream:{path.parent.name}",
                f"The stream of {path.parent.name} {trouble}",
                f"Last heartbeat {age_s:,.0f} s ago. {beat.get('error') or ''}".strip(),
            )


def _trouble(
    beat: dict[str, Any], age_s: float, waited_s: float, limits: StreamSettings
) -> str | None:
    lasts = beat["phase"] == "starting" and beat.get("is_environment")  # an outage, tried again
    if lasts or beat["phase"] in ("failed", "given_up"):
        return "failed"
    if beat["phase"] not in ("starting", "running"):
        return None
    if age_s > 2 * limits.stale_after_s:  # the keeper starts it again after once that
        return "is silent"
    waiting = beat.get("lag") or 0
    has_stalled = waiting and waited_s > limits.stall_after_s
    return f"has stalled: {waiting:,} lines wait" if has_stalled else None


def _waited_s(beat: dict[str, Any], now: datetime) -> float:
    """How long lines have waited without a commit."""
    since = beat.get("waiting_since") or now.isoformat()
    return (now - datetime.fromisoformat(since)).total_seconds()


def hours_given_up(settings: Settings, now: datetime) -> Iterator[Alert]:
    """One alert a running stream with hours it cannot build; over once somebody has built them."""
    del now
    for path in sorted((settings.state / "stream").glob("*/heartbeat.json")):
        beat = json.loads(path.read_text())
        found = beat.get("given_up") or {}
        if found and beat["phase"] == "running":
            told = "\n".join(f"{hour}, {found[hour]}" for hour in sorted(found)[-5:])
            yield Alert(
                f"stream_hours:{path.parent.name}",
                f"The stream of {path.parent.name} gave up {len(found)} hours",
                f"{told}\nBronze has all lines, and repair runs try these hours. If they fail too: "
                "mend the cause, then `clickstream run`.",
            )


def dead_daemon(settings: Settings, now: datetime) -> Iterator[Alert]:
    """Dagster's daemon ran once and is silent now: no sensor ticks, no schedule starts."""
    state = dagster_state(settings.dagster_home, now=now)
    if state is None or state.last_heartbeat_at is None:
        return
    if (now - state.last_heartbeat_at).total_seconds() < settings.alerts.daemon_silent_after_s:
        return
    yield Alert(
        "dead_daemon",
        "Dagster's daemon is silent",
        f"Last heartbeat {state.last_heartbeat_at:%Y-%m-%d %H:%M:%S} UTC. Start it: `make dev`.",
    )

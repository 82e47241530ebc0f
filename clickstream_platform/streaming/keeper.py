"""Keeps streams alive: `stream_keeper` restarts what died, with back-off, and gives up loudly."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import dagster as dg

from clickstream_platform import logs, run_tags
from clickstream_platform.setting_groups import StreamSettings
from clickstream_platform.settings import Settings, settings
from clickstream_platform.storage.owners import is_alive, kill
from clickstream_platform.streaming.op import SOURCE_TAG, stream
from clickstream_platform.streaming.state import (
    Heartbeat,
    StreamFolder,
    after_death,
    known_streams,
    with_death,
)

TICK_S = 3  # it reads one small file a stream; the daemon itself looks every 5 s
FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 120.0
Action = Literal["leave", "wait", "start", "end", "give_up"]
_UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_PENDING = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
]


@dataclass(frozen=True)
class Decision:
    """What to do about one stream, and why, in words."""

    action: Action
    why: str


def decide(beat: Heartbeat, options: StreamSettings, *, now: datetime) -> Decision:
    """What the keeper should do about a stream with this heartbeat.

    A stream that somebody stopped stays stopped; `look_after` knows who it was. `failures` in a row
    at the same place lead to longer and longer waits, and in the end to giving up; `outages` to
    waits only. A process that died for the first time there is replaced at once.
    """
    if beat.phase in ("stopped", "given_up"):
        return Decision("leave", f"it is {beat.phase.replace('_', ' ')}")
    if beat.phase == "failed":
        return _after_failure(beat, options, now=now)
    if not is_alive(beat.owner):
        died = replace(after_death(beat, beat.reached), error="its process is gone")
        return _after_failure(died, options, now=now, first_wait_s=0)
    # A start may wait long for a cold engine; it beats meanwhile, if it is not stuck in it.
    limit_s = options.stall_after_s if beat.phase == "starting" else options.stale_after_s
    if beat.age_s(now) > limit_s:
        return Decision("end", f"its heartbeat is {beat.age_s(now):.0f} s old")
    if beat.stood_s(now) > options.stall_after_s:
        return Decision("end", f"{beat.lag:,} lines wait, and nothing was committed for long")
    return Decision("leave", "it is alive")


def _after_failure(
    beat: Heartbeat, options: StreamSettings, *, now: datetime, first_wait_s: float = FIRST_WAIT_S
) -> Decision:
    if beat.failures >= options.max_restarts and not beat.is_environment:
        return Decision("give_up", f"it failed {beat.failures} times at the same place")
    again = max(beat.in_a_row, 1) - 1
    wait_s = min(FIRST_WAIT_S * 2 ** min(again, 10), LONGEST_WAIT_S) if again else first_wait_s
    if beat.age_s(now) < wait_s:
        return Decision("wait", f"it failed and is tried again {wait_s:.0f} s after that")
    return Decision("start", f"it failed: {beat.error}")


@dg.sensor(
    job=stream,
    minimum_interval_seconds=min(TICK_S, settings().automation.interval_s),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Restarts streams that died or hang, by heartbeat and age of the last commit.",
)
def stream_keeper(context: dg.SensorEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """One run request per stream that should run and does not."""
    requests, said = look_after(context.instance, settings(), now=datetime.now(UTC))
    return requests or dg.SkipReason("; ".join(said) or "no stream ever ran in this home")


def look_after(
    instance: dg.DagsterInstance, current: Settings, *, now: datetime
) -> tuple[list[dg.RunRequest], list[str]]:
    """The runs to start, and how each stream is, in words; ends hanging runs on the way."""
    requests: list[dg.RunRequest] = []
    said: list[str] = []
    beats = {beat.source: beat for beat in known_streams(current)}
    for source in current.stream.keep:
        if source not in beats and (key := _start_key(instance, source, None, now)):
            requests.append(_request(source, {"source": source}, key=key))
    for found in beats.values():
        beat, decision = _decided(instance, current, found, now=now)
        said.append(f"{beat.source}: {decision.why}")
        if decision.action == "give_up":
            _give_up(StreamFolder(current, beat.source), with_death(beat) or beat, decision)
        if decision.action in ("leave", "wait") or _is_pending(instance, beat.source):
            continue
        _reap(instance, StreamFolder(current, beat.source), beat, decision)
        if decision.action == "start" and (key := _start_key(instance, beat.source, beat, now)):
            requests.append(_request(beat.source, {"source": beat.source, **beat.config}, key=key))
    return requests, said


def _request(source: str, config: dict[str, Any], *, key: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=key,
        run_config={"ops": {"stream_source": {"config": config}}},
        tags={SOURCE_TAG: source, run_tags.BY: "stream_keeper"},
    )


def _is_unasked(instance: dg.DagsterInstance, run_id: str) -> bool:
    """True for a stream of the daemon's that ended with its machine or its server, or that the
    keeper ended because it hung.

    A person's Terminate leaves a canceled run, and Ctrl-C ends only what a person runs.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.tags.get(run_tags.BY) == "cli":
        return False
    if run.status is dg.DagsterRunStatus.CANCELED:
        return run_tags.ENDED_BY in run.tags
    return run.status is dg.DagsterRunStatus.FAILURE


def _decided(
    instance: dg.DagsterInstance, current: Settings, beat: Heartbeat, *, now: datetime
) -> tuple[Heartbeat, Decision]:
    """What to do, also about a stream that says `stopped` and that nobody stopped.

    One that hung while lines waited, and that the keeper ended, has failed at them.
    """
    if beat.phase != "stopped" or not _is_unasked(instance, beat.run_id):
        return beat, decide(beat, current.stream, now=now)
    if not (beat.lag and _has_hung(instance, beat.run_id)):
        return beat, Decision("start", "its process was ended, and nobody had asked for it")
    told = replace(after_death(beat, beat.reached), phase="failed", error="it hung and was ended")
    noted = StreamFolder(current, beat.source).beat(told)
    return noted, decide(noted, current.stream, now=now)


def _has_hung(instance: dg.DagsterInstance, run_id: str) -> bool:
    """True for a run that the keeper itself ended."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run_tags.ENDED_BY in run.tags


def _start_key(
    instance: dg.DagsterInstance, source: str, heard: Heartbeat | None, now: datetime
) -> str | None:
    """The run key of the next start, another one after each; null if it is not due.

    A start that failed without a heartbeat is repeated a while later. One that a person ended, or
    that is under way, is not.
    """
    wanted = dg.RunsFilter(job_name=stream.name, tags={SOURCE_TAG: source})
    records = instance.get_run_records(wanted, limit=1)
    if not records:
        return f"{source}:first"
    last = records[0]
    if heard is None or last.create_timestamp > datetime.fromisoformat(heard.beat_at):
        ended_at = last.end_time or last.update_timestamp.timestamp()
        if (
            last.dagster_run.status is not dg.DagsterRunStatus.FAILURE
            or now.timestamp() - ended_at < LONGEST_WAIT_S
        ):
            return None
    return f"{source}:{last.dagster_run.run_id}"


def _is_pending(instance: dg.DagsterInstance, source: str) -> bool:
    """True while a run of this stream waits to start."""
    wanted = dg.RunsFilter(job_name=stream.name, tags={SOURCE_TAG: source}, statuses=_PENDING)
    return bool(instance.get_run_records(wanted, limit=1))


def _reap(
    instance: dg.DagsterInstance, folder: StreamFolder, beat: Heartbeat, decision: Decision
) -> None:
    """Ends the run of a dead or hanging stream, so that Dagster shows it as it is.

    A process that does not end with its run is killed: it holds the stream, and its query commits.
    """
    run = instance.get_run_by_id(beat.run_id)
    if run is None or run.status not in _UNFINISHED:
        if decision.action == "end":
            kill(beat.owner)
            if run is not None and not _is_unasked(instance, run.run_id):
                folder.beat(replace(beat, phase="stopped"))
        return
    if decision.action == "end":
        instance.add_run_tags(run.run_id, {run_tags.ENDED_BY: "stream_keeper"})
        if instance.run_launcher.terminate(run.run_id):
            return
    instance.report_run_failed(run, f"The stream {beat.source}: {decision.why}.")


def _give_up(folder: StreamFolder, beat: Heartbeat, decision: Decision) -> None:
    folder.beat(replace(beat, phase="given_up"))
    logs.get_logger("stream").error(
        "stream given up",
        source=beat.source,
        why=decision.why,
        error=beat.error,
        position=beat.position,
        remedy="Mend the cause, then start the job `stream` again.",
    )

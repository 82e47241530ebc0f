"""From hours that need work to run requests: merged spans, nothing twice, failures with a pause."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import dagster as dg

from clickstream_platform import run_tags
from clickstream_platform.automation.history import History
from clickstream_platform.running.plan import Span, plan
from clickstream_platform.settings import Settings
from clickstream_platform.tables.contract import SNAPSHOT_KEY

Plan = Callable[[Sequence[str], Mapping[str, int], Settings], list[Span]]  # into runs
FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 3600.0
_FAILED_SPAN_HOURS = 64  # divided by 4 with each failure, so that the hour to blame ends up alone
RUNNING, PAUSING, GIVEN_UP = -1, -2, -3


@dataclass(frozen=True)
class Need:
    """An hour's work: its bytes, when it last changed, and a digest of the state that was seen."""

    size: int
    since: float
    digest: str


@dataclass(frozen=True)
class Asked:
    """The requests of a tick, and the hours that need work but were not asked for, and why."""

    requests: tuple[dg.RunRequest, ...]
    hours: tuple[str, ...]
    running: tuple[str, ...]
    pausing: tuple[str, ...]
    given_up: tuple[str, ...]
    later: tuple[str, ...]

    def __str__(self) -> str:
        words = {
            "asked for": self.hours,
            "in progress": self.running,
            "waiting after a failure": self.pausing,
            "given up after repeated failures": self.given_up,
            "left for the next tick": self.later,
        }
        said = [f"{len(hours)} {text}" for text, hours in words.items() if hours]
        return "hours: " + ", ".join(said) if said else "nothing to do"


def ask(
    needs: Mapping[str, Need],
    history: History,
    settings: Settings,
    *,
    job: str,
    tags: Mapping[str, str],
    now: float,
    planned_by: Plan = plan,
) -> Asked:
    """Requests for the needed hours that no run covers and whose pause after a failure is over.

    Guarantees: at most `automation.max_runs` runs of the job are unfinished. A span never bridges
        an hour that is running, pausing or given up. The run key changes with what was seen and
        with each failure, so that the same work is asked for once per attempt.
    """
    state = {hour: _state(hour, need, history, settings, now) for hour, need in needs.items()}
    by_failures: dict[int, list[Span]] = {}
    for failures, group in groupby(sorted(needs), key=lambda hour: state[hour]):
        if failures < 0:
            continue
        hours = list(group)
        sizes = {hour: needs[hour].size for hour in hours}
        by_failures.setdefault(failures, []).extend(
            planned_by(hours, sizes, _limits(settings, failures))
        )
    planned = [(n, span) for n in sorted(by_failures) for span in by_failures[n]]
    free = max(settings.automation.max_runs - len(history.unfinished), 0)
    return Asked(
        requests=tuple(_request(span, needs, n, job=job, tags=tags) for n, span in planned[:free]),
        hours=tuple(sorted(hour for _, span in planned[:free] for hour in span.wanted)),
        later=tuple(sorted(hour for _, span in planned[free:] for hour in span.wanted)),
        **{
            name: tuple(sorted(hour for hour, found in state.items() if found == code))
            for name, code in (("running", RUNNING), ("pausing", PAUSING), ("given_up", GIVEN_UP))
        },
    )


def _state(hour: str, need: Need, history: History, settings: Settings, now: float) -> int:
    """How many runs over the hour have failed in a row, or why it is not asked for now."""
    if history.is_covered(hour):
        return RUNNING
    failures = history.failures(hour)
    same_state = sum(run.created_at > need.since for run in failures)
    if same_state >= settings.automation.max_attempts:
        return GIVEN_UP
    if failures:
        pause = min(FIRST_PAUSE_S * 4 ** (len(failures) - 1), LONGEST_PAUSE_S)
        if now < failures[0].ended_at + pause:
            return PAUSING
    return len(failures)


def _limits(settings: Settings, failures: int) -> Settings:
    if not failures:
        return settings
    hours = max(_FAILED_SPAN_HOURS // 4**failures, 1)
    return settings.model_copy(update={"max_hours_per_run": min(hours, settings.max_hours_per_run)})


def _request(
    span: Span, needs: Mapping[str, Need], failures: int, *, job: str, tags: Mapping[str, str]
) -> dg.RunRequest:
    seen = "\n".join(f"{hour} {needs[hour].digest}" for hour in span.wanted)
    digest = hashlib.sha256(f"{sorted(tags.items())}\n{seen}".encode()).hexdigest()[:16]
    return dg.RunRequest(
        job_name=job,
        run_key=f"{job}:{span.first}:{span.last}:{digest}:{failures}",
        tags={
            **tags,
            **_covered(span),
            "dagster/max_retries": "0",  # the sensor itself asks again, after a pause
        },
    )


def _covered(span: Span) -> dict[str, str]:
    if span.first == SNAPSHOT_KEY:
        return {run_tags.KEY: span.first}  # tables without partitions have no range
    return {run_tags.RANGE_START: span.first, run_tags.RANGE_END: span.last}

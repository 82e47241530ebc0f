"""Which runs are asked for: merged spans, none twice, failures with pauses and an end."""

from __future__ import annotations

import pytest

from clickstream_platform import run_tags
from clickstream_platform.automation.asking import Asked, Need, ask
from clickstream_platform.automation.history import History, SpanRun
from clickstream_platform.hours import shift
from clickstream_platform.settings import Settings, read_settings

START = "2024-11-01T00"
NOW = 10_000.0


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return read_settings(home=tmp_path_factory.mktemp("home"))


def hour(number: int) -> str:
    return shift(START, number)


def run(first: int, last: int, *, created: float = 0, ended: float = 0) -> SpanRun:
    return SpanRun(hour(first), hour(last), created, ended)


def asked(
    settings: Settings,
    *hours: int,
    unfinished: tuple[SpanRun, ...] = (),
    failed: tuple[SpanRun, ...] = (),
    succeeded: tuple[SpanRun, ...] = (),
    digest: str = "d",
    now: float = NOW,
) -> Asked:
    needs = {hour(number): Need(1000, 500.0, digest) for number in hours}
    history = History(unfinished, failed, succeeded)
    return ask(needs, history, settings, job="repair", tags={"a": "b"}, now=now)


def spans(found: Asked) -> list[tuple[str, str]]:
    return [
        (request.tags[run_tags.RANGE_START], request.tags[run_tags.RANGE_END])
        for request in found.requests
    ]


def test_hours_up_to_a_day_apart_become_one_run(settings: Settings) -> None:
    found = asked(settings, 0, 25, 51)
    assert spans(found) == [(hour(0), hour(25)), (hour(51), hour(51))]
    assert found.hours == (hour(0), hour(25), hour(51))
    assert found.requests[0].tags["a"] == "b"
    assert found.requests[0].tags["dagster/max_retries"] == "0"


def test_no_more_than_eight_runs_are_unfinished(settings: Settings) -> None:
    apart = [number * 100 for number in range(12)]
    assert len(asked(settings, *apart).requests) == 8
    two = (run(5000, 5000), run(5100, 5100))
    found = asked(settings, *apart, unfinished=two)
    assert len(found.requests) == 6
    assert len(found.later) == 6


def test_an_hour_in_progress_is_not_asked_for_and_not_bridged(settings: Settings) -> None:
    found = asked(settings, 0, 1, 2, 3, unfinished=(run(1, 1),))
    assert spans(found) == [(hour(0), hour(0)), (hour(2), hour(3))]
    assert found.running == (hour(1),)


def test_the_same_work_has_the_same_key_and_other_work_another(settings: Settings) -> None:
    def key(**changes: str) -> str | None:
        return asked(settings, 0, 1, **changes).requests[0].run_key

    assert key() == key()
    assert key() != key(digest="other")
    failed = (run(0, 1, created=600, ended=700),)
    assert key() != asked(settings, 0, 1, failed=failed).requests[0].run_key


@pytest.mark.parametrize(("failures", "pause"), [(1, 10), (2, 40), (3, 160), (4, 640)])
def test_failures_are_asked_again_after_growing_pauses(
    settings: Settings, failures: int, pause: int
) -> None:
    failed = tuple(run(0, 0, created=600 + n, ended=NOW - failures + n) for n in range(failures))
    last = failed[-1].ended_at
    early = asked(settings, 0, failed=failed, now=last + pause - 1)
    assert (early.requests, early.pausing) == ((), (hour(0),))
    assert len(asked(settings, 0, failed=failed, now=last + pause).requests) == 1


def test_after_five_failures_of_the_same_state_an_hour_is_given_up_aloud(
    settings: Settings,
) -> None:
    failed = tuple(run(0, 0, created=600, ended=700 + n) for n in range(5))
    found = asked(settings, 0, 1, failed=failed)
    assert found.given_up == (hour(0),)
    assert spans(found) == [(hour(1), hour(1))]
    assert "1 given up after repeated failures" in str(found)
    # With new lines (the state changed after those runs began) it is asked for again.
    older = tuple(run(0, 0, created=400, ended=700 + n) for n in range(5))
    assert spans(asked(settings, 0, failed=older)) == [(hour(0), hour(0))]


def test_a_success_ends_the_count(settings: Settings) -> None:
    failed = tuple(run(0, 0, created=600, ended=700 + n) for n in range(5))
    healed = (run(0, 3, created=800, ended=900),)
    assert spans(asked(settings, 0, failed=failed, succeeded=healed)) == [(hour(0), hour(0))]


def test_a_span_that_fails_is_cut_smaller_until_the_hour_to_blame_is_alone(
    settings: Settings,
) -> None:
    settings = settings.model_copy(
        update={"automation": settings.automation.model_copy(update={"max_runs": 999})}
    )
    hours = range(64)
    sizes = []
    for failures in range(4):
        failed = tuple(run(0, 63, created=600, ended=700) for _ in range(failures))
        sizes.append(len(asked(settings, *hours, failed=failed).requests))
    assert sizes == [1, 4, 16, 64]


def test_hours_that_failed_come_after_fresh_ones_and_apart_from_them(settings: Settings) -> None:
    failed = (run(1, 1, created=600, ended=700),)
    assert spans(asked(settings, 0, 1, 2, failed=failed)) == [
        (hour(0), hour(0)),
        (hour(2), hour(2)),
        (hour(1), hour(1)),
    ]

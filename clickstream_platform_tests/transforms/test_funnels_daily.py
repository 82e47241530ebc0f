"""Named funnels against a walk in plain Python along thousands of random paths."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from statistics import mean, median
from typing import Any

import pytest
from pyspark.sql import SparkSession

from clickstream_platform.errors import UsageError
from clickstream_platform.settings import read_settings
from clickstream_platform.transforms.funnels_daily import funnels_daily
from clickstream_platform_tests.transforms.literal import at

FUNNELS = (("long", ("a", "b", "c", "d")), ("short", ("b", "a")))
BEFORE, ONE, TWO = "2024-11-28", "2024-11-29", "2024-11-30"
MODES = ("any", "ordered", "strict")
EVENT = (
    "event_day string, session_id string, visitor_id string, user_id string, event_id string, "
    "id_scope string, event_name string, event_timestamp timestamp"
)
Walk = list[tuple[datetime, str, str]]  # time, event id, event name
Event = tuple[str, str, str, str | None, str, str, str, datetime]
Place = tuple[str, str, str]  # day, traffic, unit


def random_paths(seed: int, count: int) -> tuple[list[Event], list[tuple[str, str, str]]]:
    """Events and sessions; every other session crosses midnight, some events share a moment."""
    rng = random.Random(seed)
    events, sessions = [], []
    for number in range(count):
        start = at("23:59:30" if number % 2 else "12:00:00", rng.choice((BEFORE, ONE, TWO)))
        session, visitor = f"s{number}", f"v{number}"
        user = f"u{number // 3}" if rng.random() < 0.5 else None
        sessions.append((start.date().isoformat(), session, visitor))
        for step in range(rng.randrange(1, 9)):
            start += timedelta(seconds=rng.randrange(12))
            name, day = rng.choice("aabbccde"), start.date().isoformat()
            event_id = f"{rng.randrange(100):02}-{number}-{step}"
            events.append((day, session, visitor, user, event_id, "x", name, start))
    rng.shuffle(events)
    return events, sessions


def walks_of(
    events: Iterable[Event], sessions: Iterable[tuple[str, str, str]], robots: set[tuple[str, str]]
) -> dict[Place, dict[str, Walk]]:
    """The walk of each unit, by day, traffic and unit."""
    started = {session: day for day, session, _ in sessions}
    walks: dict[Place, dict[str, Walk]] = defaultdict(lambda: defaultdict(list))
    for day, session, visitor, user, event_id, _, name, moment in events:
        for unit, unit_day, unit_id in (
            ("session", started[session], session),
            ("user", day, user or visitor),
        ):
            for traffic in ("all", "human"):
                if traffic == "all" or (unit_day, visitor) not in robots:
                    walks[(unit_day, traffic, unit)][unit_id].append((moment, event_id, name))
    return walks


def reached(walk: Walk, steps: Sequence[str], mode: str) -> list[datetime]:
    """When each step was reached, as far as the unit came."""
    own = [(steps.index(name), moment) for moment, _, name in sorted(walk) if name in steps]
    found: list[datetime] = []
    if mode == "any":
        for wanted in range(len(steps)):
            firsts = [moment for no, moment in own if no == wanted][:1]
            if not firsts:
                break
            found.append(max(found[-1:] + firsts))
    elif mode == "ordered":
        for no, moment in own:
            if no == len(found):
                found.append(moment)
    else:
        turns = [turn for i, turn in enumerate(own) if i == 0 or own[i - 1][0] != turn[0]]
        for end in range(1, len(turns) + 1):
            run = turns[max(0, end - len(found) - 1) : end]
            if [no for no, _ in run] == [*range(len(found) + 1)]:
                found.append(run[-1][1])
    return found


def rows_of(walks: dict[Place, dict[str, Walk]]) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    """Key and values of each row of the wanted days."""
    for (day, traffic, unit), by_id in walks.items():
        if day not in (ONE, TWO):
            continue
        for name, steps in FUNNELS:
            for mode in MODES:
                times = [reached(walk, steps, mode) for walk in by_id.values()]
                for no, step in enumerate(steps):
                    came = [moments for moments in times if len(moments) > no]
                    gaps = [(t[no] - t[no - 1]).total_seconds() for t in came] if no else []
                    spans = [(t[no] - t[0]).total_seconds() for t in came] if no else []
                    said = [mean(gaps), median(gaps), median(spans)] if gaps else [None] * 3
                    yield (day, name, traffic, unit, mode, no + 1), [step, len(came), *said]


@pytest.mark.parametrize(
    "count", [300, pytest.param(10_000, marks=pytest.mark.prove)], ids=["300", "10000"]
)
def test_random_paths_come_as_far_as_a_walk_along_them_says(
    count: int, spark: SparkSession
) -> None:
    events, sessions = random_paths(count, count)
    robots = {(day, f"v{n}") for day in (ONE, TWO) for n in range(0, count, 7)}
    expected = dict(rows_of(walks_of(events, sessions, robots)))
    found = funnels_daily(
        spark.createDataFrame(sessions, "event_day string, session_id string, visitor_id string"),
        spark.createDataFrame(events, EVENT),
        spark.createDataFrame(sorted(robots), "event_day string, visitor_id string"),
        days=(ONE, TWO),
        funnels=FUNNELS,
    )
    keys = ("event_day", "funnel", "traffic", "unit", "mode", "step_no")
    values = ("step", "units", "mean_step_s", "median_step_s", "median_total_s")
    rows = found.toArrow().to_pylist()
    assert {tuple(r[k] for k in keys): [r[v] for v in values] for r in rows} == {
        key: [*of_row[:2], *(pytest.approx(value) for value in of_row[2:])]
        for key, of_row in expected.items()
    }
    assert sum(units == 0 for _, units, *_ in expected.values()) < len(expected) / 10
    first = {key: of_row[1] for key, of_row in expected.items() if key[-1] == 1}
    by_key = {tuple(r[k] for k in keys): r for r in rows}
    for key, row in by_key.items():
        before = by_key.get((*key[:-1], key[-1] - 1))
        assert row["step_rate"] == (row["units"] / before["units"] if before else None)
        assert row["overall_rate"] == row["units"] / first[(*key[:-1], 1)]


@pytest.mark.parametrize(
    ("funnels", "words"),
    [
        ({"Bad Name": ["a", "b"]}, "Bad Name"),
        ({"short": ["a"]}, "at least 2"),
        ({"twice": ["a", "b", "a"]}, "stands twice"),
    ],
    ids=["name", "too few steps", "a step twice"],
)
def test_a_funnel_that_cannot_be_is_told(funnels: dict[str, list[str]], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_settings(funnels=funnels)

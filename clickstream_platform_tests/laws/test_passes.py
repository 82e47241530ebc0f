"""How often a build goes over its rows, counted by Spark itself (its event log)."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pytest
from pyspark.sql.connect.dataframe import DataFrame

from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.silver import build_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import shared_session
from clickstream_platform.engine.server import Engine
from clickstream_platform.generator.options import Options, Rates
from clickstream_platform.generator.run import generate_batch
from clickstream_platform.settings import read_settings
from clickstream_platform.tables.catalog import GOLD, SILVER
from clickstream_platform.tables.facts import FACT_EVENTS
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.homes import ENGINE
from clickstream_platform_tests.homes import arrow as stored

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]
HOUR = "2024-11-29T10"
HOUR_MS = 1_732_874_400_000
EVENTS = 6_000
MANY_RECORDS = 1_000  # a stage that reads more goes over the rows; others read counts and logs
READ = ("internal.metrics.input.recordsRead", "internal.metrics.shuffle.read.recordsRead")
ROWS = "number of output rows"  # of SQL operators: also rows from the cache or from Python


@dataclass
class Measured:
    """Spark jobs over many records by phase, and fetches to this process by phase and caller.

    `reads` counts jobs that read them from files or a shuffle, `passes` also those whose rows came
    from the cache or from Python.
    """

    reads: dict[str, int] = field(default_factory=dict)
    passes: dict[str, int] = field(default_factory=dict)
    fetches: dict[str, Counter[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """One hour of 6,000 lines, brought to gold once by an engine that logs its jobs."""
    home = tmp_path_factory.mktemp("passes")
    log = home / "event_log"
    log.mkdir()
    confs = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": log.as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
    }
    engine = ENGINE | {"extra_confs": confs}  # the plans that users get: with generated code
    settings = read_settings(home=home, engine=engine, automation={"settle_s": 0})
    rates = Rates(late=0.0, future=0.0)  # all of it belongs to the hour
    options = Options(settings.landing, HOUR_MS, hours=1, events=EVENTS, bots=0, rates=rates)
    assert generate_batch(options, lambda _: None)["lines"] > EVENTS
    workspace = Workspace(settings, lambda: shared_session(settings))
    found = Measured()
    try:
        times = build_all(workspace, found)
        assert len(stored(workspace, SILVER_EVENTS, "event_id")) > 0.95 * EVENTS
    finally:
        Engine(settings).stop()  # completes the log
    (file,) = log.iterdir()
    found.reads = jobs_over_many(file, times, READ)
    found.passes = jobs_over_many(file, times, (*READ, ROWS))
    for phase in times:
        print(
            f"\n{phase}: {found.reads[phase]} reads, {found.passes[phase]} passes, "
            f"fetches {dict(found.fetches[phase])}"
        )
    return found


def build_all(workspace: Workspace, found: Measured) -> dict[str, tuple[float, float]]:
    """When each phase began and ended. The window of gold is opened alone first, then with one
    table, so that what the table adds is their difference."""
    workspace.look_at_landing()
    workspace.init_tables()
    phases: dict[str, Callable[[], Any]] = {
        "bronze": lambda: build_bronze(workspace, [HOUR], run_id="test"),
        "silver": lambda: build_silver(workspace, [HOUR], run_id="test"),
        "window": lambda: build_gold(workspace, [HOUR], run_id="test", tables=()),
        "fact_events": lambda: build_gold(workspace, [HOUR], run_id="test", tables=(FACT_EVENTS,)),
        "gold": lambda: build_gold(workspace, [HOUR], run_id="test", force=True),
    }
    times: dict[str, tuple[float, float]] = {}
    for phase, build in phases.items():
        began = time.time() * 1000
        with counted_fetches() as fetches:
            build()
        times[phase] = (began, time.time() * 1000)
        found.fetches[phase] = fetches
    return times


@contextmanager
def counted_fetches() -> Iterator[Counter[str]]:
    """Calls of `toArrow` meanwhile, by the calling function and the table it works for."""
    fetches: Counter[str] = Counter()
    to_arrow = DataFrame.toArrow

    def counted(rows: DataFrame) -> arrow.Table:
        caller = sys._getframe(1)
        table = caller.f_locals.get("table")
        fetches[f"{caller.f_code.co_name} {table.path}" if table else caller.f_code.co_name] += 1
        return to_arrow(rows)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DataFrame, "toArrow", counted)
        yield fetches


def jobs_over_many(
    log: Path, times: dict[str, tuple[float, float]], counters: tuple[str, ...]
) -> dict[str, int]:
    """Jobs of each phase with a stage in which one of the counters is large."""
    starts: list[dict[str, Any]] = []
    large: set[int] = set()
    for line in log.read_text().splitlines():
        event = json.loads(line)
        if event["Event"] == "SparkListenerJobStart":
            starts.append(event)
        elif event["Event"] == "SparkListenerStageCompleted":
            stage = event["Stage Info"]
            counts = [int(a["Value"]) for a in stage["Accumulables"] if a["Name"] in counters]
            if max(counts, default=0) > MANY_RECORDS:
                large.add(stage["Stage ID"])
    assert large
    return {
        phase: sum(
            began <= job["Submission Time"] <= ended and not large.isdisjoint(job["Stage IDs"])
            for job in starts
        )
        for phase, (began, ended) in times.items()
    }


def test_bronze_goes_over_its_lines_at_most_twice(measured: Measured) -> None:
    assert 0 < measured.passes["bronze"] <= 2


def test_silver_reads_its_lines_at_most_twice_per_table(measured: Measured) -> None:
    assert 0 < measured.reads["silver"] <= measured.passes["silver"] <= 2 * len(SILVER)


def test_fact_events_adds_at_most_two_passes_to_the_window(measured: Measured) -> None:
    assert measured.reads["fact_events"] == measured.reads["window"] > 0
    assert 0 < measured.passes["fact_events"] - measured.passes["window"] <= 2


def test_each_table_of_gold_is_fetched_once_or_only_counted(measured: Measured) -> None:
    fetched = {f"build_in_memory {t.path}": 1 for t in GOLD if t.writer == "deltalake"}
    counted = {f"judge_spark {t.path}": 1 for t in GOLD if t.writer == "spark"}
    of_window = {"_chain_reaches": 1, "_hours_of_orders": 1}
    assert dict(measured.fetches["gold"]) == fetched | counted | of_window

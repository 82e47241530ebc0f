"""Thousands of micro-batches through the stream's own sink, and upkeep of what they leave."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil
import pyarrow.compute as pc
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.server import Engine
from clickstream_platform.maintenance.upkeep import maintain
from clickstream_platform.settings import Settings
from clickstream_platform.storage import delta, upkeep
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.transforms.sessions import typed

START = datetime(2024, 11, 29, 10, tzinfo=UTC)
HOURS = tuple(f"2024-11-29T{hour:02}" for hour in range(10, 18))
ROWS_PER_BATCH = 5
MAX_FILES = 4
READ_EVERY_S = 0.5
SELDOM_S = 5.0  # a reader reads the whole table: thousands of times it would be most of the work


def lines(workspace: Workspace, batches: int, hours: int) -> DataFrame:
    """A stream of lines whose clock goes through so many hours in so many micro-batches."""
    step_ms = hours * 3_600_000 // batches
    ticks = (
        workspace.spark.readStream.format("rate-micro-batch")
        .option("rowsPerBatch", ROWS_PER_BATCH)
        .option("numPartitions", 1)
        .option("advanceMillisPerBatch", step_ms)
        .option("startTimestamp", int(START.timestamp() * 1000))
        .load()
    )
    hour = F.date_format("timestamp", "yyyy-MM-dd'T'HH")
    return typed(
        ticks.select(
            F.lit("clicks").alias("source"),
            F.lit("clicks/0@1").alias("source_file"),
            F.col("value").alias("source_offset"),
            F.encode(F.format_string('{"event_id":"%d"}', "value"), "UTF-8").alias("raw"),
            F.lit(None).cast("string").alias("header"),
            F.lit(None).cast("string").alias("damage"),
            hour.alias("ingest_hour"),
            hour.alias("home_hour"),
            F.col("timestamp").alias("enqueued_at"),
            F.current_timestamp().alias("ingested_at"),
            F.lit("sink").alias("run_id"),
        ),
        BRONZE_EVENTS,
    )


def stream_in(
    workspace: Workspace, batches: int, hours: int, engine: psutil.Process
) -> list[tuple[int, float]]:
    """Lets the sink commit at least so many micro-batches, then ends its query.

    Every now and then: the version reached and the CPU seconds the engine has used.
    """
    spent = []
    query = delta.append_stream(
        lines(workspace, batches, hours),
        workspace.lake,
        BRONZE_EVENTS,
        name="upkeep",
        checkpoint=workspace.settings.state / "checkpoint",
        trigger_s=0,
        run_id="sink",
    )
    try:
        while (version := delta.version(workspace.lake, BRONZE_EVENTS)) < batches:
            assert query.isActive, query.exception()
            spent.append((version, sum(engine.cpu_times()[:2])))
            time.sleep(READ_EVERY_S)
    finally:
        query.stop()
    return spent


def cpu_per_commit(spent: Sequence[tuple[int, float]], first: int, last: int) -> float:
    """CPU seconds of the engine per commit, between these versions."""
    within = [seen for seen in spent if first <= seen[0] <= last]
    (begin, before), (end, after) = within[0], within[-1]
    return (after - before) / max(1, end - begin)


def commit_seconds(workspace: Workspace) -> list[float]:
    """Seconds from one micro-batch's commit to the next, by the times of the log's files."""
    log = Path(delta.location(workspace.lake, BRONZE_EVENTS)) / "_delta_log"
    times = [path.stat().st_mtime for path in sorted(log.glob("*.json"))[1:]]
    return [later - earlier for earlier, later in pairwise(times)]


@dataclass
class ReaderLoop:
    """Reads the table again and again in a thread; what it saw, and what went wrong."""

    workspace: Workspace
    every_s: float = READ_EVERY_S
    seen: list[tuple[int, int]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> ReaderLoop:
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._end.is_set():
            try:
                self.seen.append(count_and_sum(self.workspace))
            except Exception as error:
                self.errors.append(error)
            self._end.wait(self.every_s)


def count_and_sum(workspace: Workspace, version: int | None = None) -> tuple[int, int]:
    """Rows of bronze, and the sum of their offsets."""
    rows = delta.read_arrow(
        workspace.lake, BRONZE_EVENTS, columns=["source_offset"], version=version
    )
    return len(rows), pc.sum(rows["source_offset"]).as_py() or 0


def files_per_hour(workspace: Workspace) -> Counter[str]:
    return Counter(file.partition for file in upkeep.data_files(workspace.lake, BRONZE_EVENTS))


@pytest.mark.parametrize(
    ("batches", "hours"),
    [
        pytest.param(12, 2, marks=pytest.mark.slow),
        pytest.param(2000, 8, marks=[pytest.mark.prove, pytest.mark.timeout(5400)]),
    ],
)
def test_many_micro_batches_end_in_few_files_and_disturb_nobody(
    new_workspace: Callable[..., Workspace],
    engine_settings: Settings,
    tmp_path: Path,
    batches: int,
    hours: int,
) -> None:
    workspace = new_workspace(tmp_path / "home")
    engine = psutil.Process(Engine(engine_settings).status().pid)
    began = time.monotonic()
    with ReaderLoop(workspace, SELDOM_S if batches >= 1000 else READ_EVERY_S) as reader:
        cpu = stream_in(workspace, batches, hours, engine)
    streamed_s = time.monotonic() - began
    assert reader.errors == []
    assert [n for n, _ in reader.seen] == sorted(n for n, _ in reader.seen)

    newest = delta.version(workspace.lake, BRONZE_EVENTS)
    middle = newest // 2
    total, half = count_and_sum(workspace), count_and_sum(workspace, middle)
    assert total == (newest * ROWS_PER_BATCH, sum(range(newest * ROWS_PER_BATCH)))
    before, spent = files_per_hour(workspace), commit_seconds(workspace)
    assert min(before[hour] for hour in HOURS[:hours]) > MAX_FILES

    with ReaderLoop(workspace) as reader:
        began = time.monotonic()
        closed = START + timedelta(hours=hours + 4)
        [done] = maintain(workspace, run_id="m", now=closed, tables=[BRONZE_EVENTS])
        upkeep_s = time.monotonic() - began
    assert done.problem is None
    assert reader.errors == []
    assert set(reader.seen) == {total}
    after = files_per_hour(workspace)
    assert max(after[hour] for hour in HOURS[:hours]) <= MAX_FILES
    assert done.freed_files == 0  # all are younger than the retention
    assert count_and_sum(workspace, newest) == total
    assert count_and_sum(workspace, middle) == half

    window = min(100, len(spent) // 3)
    first, last = median(spent[:window]), median(spent[-window:])
    report = {
        "batches": newest,
        "stream_s": round(streamed_s, 1),
        "upkeep_s": round(upkeep_s, 1),
        "files_per_hour_before": max(before.values()),
        "files_per_hour_after": max(after[hour] for hour in HOURS[:hours]),
        "commit_first_s": round(first, 3),
        "commit_last_s": round(last, 3),
        "last_over_first": round(last / first, 2),
        "commit_first_cpu_s": round(cpu_per_commit(cpu, window, 2 * window), 3),  # warmed up
        "commit_last_cpu_s": round(cpu_per_commit(cpu, newest - window, newest), 3),
    }
    print("\n" + json.dumps(report))
    if batches >= 1000:
        assert last / first < 1.5, report
        assert report["commit_last_cpu_s"] / report["commit_first_cpu_s"] < 1.5, report

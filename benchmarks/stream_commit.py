"""What it costs to bring new lines to bronze, silver and gold while the open hour is full.

The hour is filled with `few` lines, then with `many`; each time `new` lines come in several rounds,
as a stream brings them: the commit of its lines, their lateness, silver, gold.
"""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from benchmarks.figures import median_interval, shown
from benchmarks.harness import Finding, Setting
from benchmarks.probe import timed
from benchmarks.say import say
from clickstream_platform.build.followed_lateness import FollowedLateness
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.silver_append import FollowedHours
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.touched import record_touched
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import shared_session
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import read_settings
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.transforms.lines import with_home_hour
from clickstream_platform.transforms.sessions import typed

SOURCE, HOUR = "kafka_raw", "2024-11-29T10"
OPTIONS = {"few": "10000", "many": "1000000", "new": "5000"}
PARTS = ("bronze", "lateness", "silver", "gold")
VISITORS = 20_000
REUSED_EVERY = 2_000  # of so many lines one has the id of the line before it, as trackers' lines do
RUN = "benchmark"


def bench(setting: Setting) -> Finding:
    """`repeats` rounds at each filling; `size` does not count."""
    few, many, new = (int(setting.options[name]) for name in OPTIONS)
    home = setting.folder / "stream_commit" / str(time.time_ns())
    settings = read_settings(home=home, engine={"driver_memory": setting.memory})
    workspace = Workspace(settings, lambda: shared_session(settings))
    try:
        found = measure(workspace, fillings=(few, many), new=new, rounds=setting.repeats)
    finally:
        Engine(settings).stop()
        shutil.rmtree(home, ignore_errors=True)
    middles = {
        count: {part: median_interval(values)[0] for part, values in rounds.items()}
        for count, rounds in found.items()
    }
    both = {count: sum(parts[part] for part in PARTS[:-1]) for count, parts in middles.items()}
    gold = middles[many]["gold"] / middles[few]["gold"]
    return Finding(
        title=f"{new:,} lines into an hour that holds {few:,} or {many:,}",
        columns=("lines in the hour", *[f"{part} s (95 % interval)" for part in PARTS]),
        rows=[
            [f"{count:,}", *[shown(median_interval(rounds[part]), digits=2) for part in PARTS]]
            for count, rounds in found.items()
        ],
        notes=[
            f"bronze, lateness and silver, full ÷ empty: {both[many] / both[few]:.2f} "
            "(aim: at most 1.3)",
            f"gold, full ÷ empty: {gold:.2f} (aim: at most 3)",
        ],
        samples={str(count): rounds for count, rounds in found.items()},
    )


class OpenHour:
    """An hour that fills up, as a stream's lines would fill it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lines = 0
        self._chance = np.random.default_rng(1)
        self._followed = FollowedHours()
        self._lateness = FollowedLateness()

    def add(self, count: int) -> None:
        """`count` lines to bronze, in one commit of the engine, and the note of it."""
        workspace = self._workspace
        lines = workspace.spark.createDataFrame(self._made(count)).select(
            F.lit(SOURCE).alias("source"),
            F.lit("bench/0@1").alias("source_file"),
            "source_offset",
            "raw",
            F.lit(None).cast("string").alias("header"),
            F.lit(None).cast("string").alias("damage"),
            F.lit(HOUR).alias("ingest_hour"),
            F.lit(f"{HOUR}:59:00Z").cast("timestamp").alias("enqueued_at"),
            F.current_timestamp().alias("ingested_at"),
            F.lit(RUN).alias("run_id"),
        )
        homed = with_home_hour(lines, workspace.sources[SOURCE], {}, workspace.limits)
        rows = typed(homed, BRONZE_EVENTS)
        batch = f"{RUN}:{self._lines}"
        delta.append_once(rows, workspace.lake, BRONZE_EVENTS, batch_id=batch, run_id=RUN)
        record_touched(workspace.lake, {(HOUR, SOURCE): count}, run_id=RUN)

    def _made(self, count: int) -> pa.Table:
        first, self._lines = self._lines, self._lines + count
        visitors = self._chance.integers(0, VISITORS, count)
        seconds = self._chance.integers(0, 3600, count)
        raw = [
            json.dumps(
                {
                    "event_id": f"event-{number - (number % REUSED_EVERY == 1):012d}",
                    "user_id": f"user-{visitor}",
                    "product_id": f"P{number % 997}",
                    "event_type": ("product_view", "add_to_cart", "purchase")[number % 3],
                    "price": 9.5,
                    "timestamp": f"{HOUR}:{second // 60:02d}:{second % 60:02d}Z",
                }
            ).encode()
            for number, visitor, second in zip(
                range(first, first + count), visitors, seconds, strict=True
            )
        ]
        offsets = pa.array(range(first, first + count), pa.int64())
        return pa.table({"source_offset": offsets, "raw": pa.array(raw, pa.binary())})

    def lateness(self) -> None:
        workspace = self._workspace
        hours = self._lateness.uncounted(workspace.lake)
        self._lateness.count(workspace, hours, run_id=RUN)

    def silver(self) -> None:
        workspace = self._workspace
        stale = stale_silver(workspace, hour_state.current(workspace.lake))
        self._followed.refresh(workspace, stale, run_id=RUN)

    def gold(self) -> None:
        workspace = self._workspace
        stale = stale_gold(workspace, hour_state.current(workspace.lake))
        build_gold(workspace, stale, run_id=RUN)

    def fill(self, count: int, *, at_once: int = 100_000) -> None:
        """Until the hour holds `count` lines in all three layers."""
        while self._lines < count:
            self.add(min(at_once, count - self._lines))
            self.lateness()
            self.silver()
        self.gold()


def measured(hour: OpenHour, *, new: int, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {part: [] for part in PARTS}
    for _ in range(rounds):
        found["bronze"].append(timed(lambda: hour.add(new)))
        found["lateness"].append(timed(hour.lateness))
        found["silver"].append(timed(hour.silver))
        found["gold"].append(timed(hour.gold))
    return found


def measure(
    workspace: Workspace, *, fillings: tuple[int, int], new: int, rounds: int
) -> dict[int, dict[str, list[float]]]:
    """Seconds of every part and round, by how many lines the hour held."""
    workspace.init_tables()
    hour = OpenHour(workspace)
    found = {}
    for count in fillings:
        say(f"filling the hour with {count:,} lines")
        hour.fill(count)
        measured(hour, new=new, rounds=1)  # plans of this size are compiled
        found[count] = measured(hour, new=new, rounds=rounds)
    return found

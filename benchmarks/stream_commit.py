"""What it costs to bring new lines to bronze, silver and gold while the open hour is full.

`python -m benchmarks.stream_commit --home DIR [--few 10000] [--many 1000000] [--new 5000]` fills
the hour with `few` lines, then with `many`, and each time adds `new` lines in several rounds, as
the stream does: the note of its lines, their lateness, silver, gold. Prints one JSON object:
medians in seconds, and the ratio of many to few. A round of silver is `lateness_s` + `silver_s`.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from clickstream_platform.build.followed_lateness import FollowedLateness
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.silver_append import FollowedHours
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.touched import record_touched
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import shared_session
from clickstream_platform.settings import read_settings
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.transforms.lines import with_home_hour
from clickstream_platform.transforms.sessions import typed

SOURCE, HOUR = "kafka_raw", "2024-11-29T10"
VISITORS = 20_000
RUN = "benchmark"


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
                    "event_id": f"event-{number:012d}",
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


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def medians(hour: OpenHour, *, new: int, rounds: int) -> dict[str, float]:
    found: dict[str, list[float]] = {
        name: [] for name in ("bronze_s", "lateness_s", "silver_s", "gold_s")
    }
    for _ in range(rounds):
        found["bronze_s"].append(seconds(lambda: hour.add(new)))
        found["lateness_s"].append(seconds(hour.lateness))
        found["silver_s"].append(seconds(hour.silver))
        found["gold_s"].append(seconds(hour.gold))
    return {name: round(statistics.median(values), 2) for name, values in found.items()}


def measure(
    workspace: Workspace, *, few: int, many: int, new: int, rounds: int
) -> dict[str, object]:
    workspace.init_tables()
    hour = OpenHour(workspace)
    found = {}
    for count in (few, many):
        hour.fill(count)
        medians(hour, new=new, rounds=1)  # plans of this size are compiled
        found[count] = medians(hour, new=new, rounds=rounds)
    ratios = {name[:-2]: round(found[many][name] / found[few][name], 2) for name in found[few]}
    return {"new_lines": new, "rounds": rounds, **{str(n): m for n, m in found.items()},
            "ratio": ratios}  # fmt: skip


@click.command()
@click.option("--home", type=click.Path(path_type=Path), required=True)
@click.option("--few", default=10_000, show_default=True)
@click.option("--many", default=1_000_000, show_default=True)
@click.option("--new", default=5_000, show_default=True, help="Lines of one commit.")
@click.option("--rounds", default=5, show_default=True)
def main(home: Path, few: int, many: int, new: int, rounds: int) -> None:
    settings = read_settings(home=home)
    workspace = Workspace(settings, lambda: shared_session(settings))
    print(json.dumps(measure(workspace, few=few, many=many, new=new, rounds=rounds), indent=1))


if __name__ == "__main__":
    main()

"""How long a click takes from the producer to silver and to gold, and whether the stream keeps up.

A broker and the generator run on the same machine. Latency of an event: the commit time of the
first version that holds it, less the time in its line.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from benchmarks.harness import Finding, Setting
from benchmarks.say import say
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.storage import delta
from clickstream_platform.streaming.broker import Broker
from clickstream_platform.streaming.state import StreamFolder
from clickstream_platform.streaming.topics import create_topic
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.contract import Table

SOURCE, TOPIC = "kafka_raw", "ecom_clickstream_raw"
OPTIONS = {"rate": "1000", "seconds": "600"}
PERCENTILES = (50, 95, 99)
SETTLE_S = 60.0  # the last clicks reach gold while the stream still runs
EVERY_S = 5.0  # between two looks at lag and memory


class NothingStreamedError(RuntimeError):
    """The stream brought no event as far as this."""


def bench(setting: Setting) -> Finding:
    """One stream at the wanted rate; `size` does not count."""
    rate, seconds = float(setting.options["rate"]), float(setting.options["seconds"])
    home = setting.folder / "stream_latency" / str(time.time_ns())
    settings = read_settings(home=home, engine={"driver_memory": setting.memory})
    try:
        found = measure(settings, rate=rate, seconds=seconds)
    finally:
        Engine(settings).stop()
        shutil.rmtree(home, ignore_errors=True)
    lags = [lag or 0 for lag in found["lag"]]
    return Finding(
        title=f"From the producer to silver and gold, {rate:,.0f} events a second",
        columns=("layer", "events", "p50 s", "p95 s", "p99 s", "commits", "s between commits"),
        rows=[row_of(layer, found[layer]) for layer in ("silver", "gold")],
        notes=[
            "aim: p95 at most 10 s to silver and 20 s to gold",
            conserved(found["lines"]),
            "verified: every line is in one place" if found["verified"] else "VERIFY FAILED",
            *[drift(name, sizes) for name, sizes in found["memory_mib"].items()],
            f"lag at the end {lags[-1]:,}, at most {max(lags):,}; load {found['load']:.1f}, broker "
            "and generator beside",
        ],
        samples=found,
    )


def row_of(layer: str, found: dict[str, float]) -> list[str]:
    points = [f"{found[f'p{p}_s']:.1f}" for p in PERCENTILES]
    between = f"{found['between_s']:.1f}"
    return [layer, f"{found['rows']:,.0f}", *points, f"{found['commits']:.0f}", between]


def conserved(lines: dict[str, int]) -> str:
    """Lines in bronze, beside those of each place they can end in."""
    bronze, *places = lines.values()
    parts = [f"{count:,} in {path}" for path, count in list(lines.items())[1:]]
    equal = "=" if bronze == sum(places) else "≠"
    return f"{bronze:,} lines {equal} {' + '.join(parts)}"


def drift(name: str, sizes: Sequence[int]) -> str:
    """Memory over the run: the medians of its second and its last fifth."""
    fifth = max(len(sizes) // 5, 1)
    early, late = (statistics.median(part) for part in (sizes[fifth : 2 * fifth], sizes[-fifth:]))
    return f"memory of the {name}: {early:,.0f} MiB after a fifth, {late:,.0f} MiB at the end"


def latencies_s(location: Path, *, since: float) -> tuple[np.ndarray, list[float]]:
    """Seconds from each event after `since` to the first version that holds it; times of commits.

    Of commits only those that bring such events.
    """
    seen: set[str] = set()
    found: list[np.ndarray] = [np.empty(0)]
    commits: list[float] = []
    for log in sorted((location / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in log.read_text().splitlines()]
        files = [a["add"] for a in actions if "add" in a and a["add"]["dataChange"]]
        committed_ms = next(a["commitInfo"]["timestamp"] for a in actions if "commitInfo" in a)
        for file in files:
            rows = pq.ParquetFile(location / unquote(file["path"])).read(
                columns=["event_id", "event_timestamp"]
            )
            names = rows["event_id"].to_pylist()
            new = np.fromiter((name not in seen for name in names), dtype=bool, count=len(names))
            seen.update(names)
            stamps = pc.cast(rows["event_timestamp"], pa.timestamp("us", "UTC"))  # written as ns
            at_s = pc.cast(stamps, "int64").to_numpy()[new] / 1e6
            found.append(committed_ms / 1e3 - at_s[at_s >= since])
            if len(found[-1]) and commits[-1:] != [committed_ms / 1e3]:
                commits.append(committed_ms / 1e3)
    return np.concatenate(found), commits


def summary(location: Path, *, since: float) -> dict[str, float]:
    values, commits = latencies_s(location, since=since)
    if not len(values):
        raise NothingStreamedError(f"no event reached {location}")
    points = {f"p{p}_s": round(float(np.percentile(values, p)), 1) for p in PERCENTILES}
    between = statistics.median(np.diff(commits)) if len(commits) > 1 else 0.0
    return {"rows": len(values), **points, "commits": len(commits), "between_s": float(between)}


def measure(settings: Settings, *, rate: float, seconds: float) -> dict[str, Any]:
    """Streams once; the engine is warmed by a few seconds of clicks that are not counted."""
    broker = Broker(settings)
    Engine(settings).ensure()
    broker.start()
    create_topic(broker.servers, TOPIC, partitions=3)
    stream = command(settings, "stream", "--source", SOURCE, "--servers", broker.servers)
    try:
        folder = StreamFolder(settings, SOURCE)
        while (beat := folder.heartbeat()) is None or beat.phase == "starting":
            time.sleep(1)
            if stream.poll() is not None:
                raise NothingStreamedError("the stream did not start; see the home's logs")
        send = ("generate", "--kafka", broker.servers, "--shape", "E", "--bots", "0", "--rate")
        command(settings, *send, "20", "--duration", "5", "--seed", "1").wait()
        time.sleep(60)
        say(f"streaming {rate:,.0f} events a second for {seconds:,.0f} s")
        began, lags = time.time(), []
        memory: dict[str, list[int]] = {"engine": [], "stream": []}
        sender = command(settings, *send, str(rate), "--duration", str(seconds))
        while sender.poll() is None:
            pids = {"engine": Engine(settings).status().pid, "stream": stream.pid}
            for name, pid in pids.items():
                memory[name].append(psutil.Process(pid).memory_info().rss >> 20 if pid else 0)
            now = folder.heartbeat()
            lags.append(now.lag if now else None)
            time.sleep(EVERY_S)
        load = os.getloadavg()[1]
        time.sleep(SETTLE_S)
        stream.terminate()
        stream.wait(60)
        last = command(
            settings, "stream", "--source", SOURCE, "--servers", broker.servers, "--for", "1"
        )
        last.wait()
    finally:
        stream.kill()
        broker.stop()
    return {
        "rate": rate,
        "seconds": seconds,
        "began": began,
        "load": load,
        "silver": summary(settings.lake / "silver" / "events", since=began),
        "gold": summary(settings.lake / "gold" / "fact_events", since=began),
        "lines": {table.path: rows_in(settings, table) for table in (BRONZE_EVENTS, *SILVER)},
        "lag": lags,
        "memory_mib": memory,
        "verified": command(settings, "verify").wait() == 0,
    }


def rows_in(settings: Settings, table: Table) -> int:
    return DeltaTable(delta.location(settings.lake, table)).to_pyarrow_dataset().count_rows()


def command(settings: Settings, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "clickstream_platform.cli"),
            *("--home", str(settings.home), *arguments),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

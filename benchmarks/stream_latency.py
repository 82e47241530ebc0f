"""How long a click takes from the producer to silver and to gold, and whether the stream keeps up.

`python -m benchmarks.stream_latency --home DIR [--rate 1000] [--seconds 600]` starts a broker and
the generator, streams, and prints one JSON object. Latency of an event: the commit time of the
first version that holds it, less the time in its line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import numpy as np
import psutil
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

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
PERCENTILES = (50, 95, 99)
SETTLE_S = 60.0  # the last clicks reach gold while the stream still runs
EVERY_S = 5.0  # between two looks at lag and memory


def latencies_s(location: Path, *, since: float) -> np.ndarray:
    """One number per event after `since`: seconds from it to the first version that holds it."""
    seen: set[str] = set()
    found: list[np.ndarray] = []
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
            at_s = pc.cast(rows["event_timestamp"], "int64").to_numpy()[new] / 1e6
            found.append(committed_ms / 1e3 - at_s[at_s >= since])
    return np.concatenate(found) if found else np.empty(0)


def summary(location: Path, *, since: float) -> dict[str, float]:
    values = latencies_s(location, since=since)
    if not len(values):
        return {"rows": 0}
    points = {f"p{p}_s": round(float(np.percentile(values, p)), 1) for p in PERCENTILES}
    return {"rows": len(values), **points}


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
                raise SystemExit("the stream did not start")
        send = ("generate", "--kafka", broker.servers, "--shape", "E", "--bots", "0", "--rate")
        command(settings, *send, "20", "--duration", "5", "--seed", "1").wait()
        time.sleep(60)
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


@click.command()
@click.option("--home", type=click.Path(path_type=Path), required=True)
@click.option("--rate", default=1000.0, show_default=True)
@click.option("--seconds", default=600.0, show_default=True)
def main(home: Path, rate: float, seconds: float) -> None:
    print(json.dumps(measure(read_settings(home=home), rate=rate, seconds=seconds), indent=1))


if __name__ == "__main__":
    main()

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

import click
import numpy as np
import psutil
import pyarrow.compute as pc
from deltalake import DeltaTable

from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.streaming.broker import Broker
from clickstream_platform.streaming.state import StreamFolder
from clickstream_platform.streaming.topics import create_topic

SOURCE, TOPIC = "kafka_raw", "ecom_clickstream_raw"
PERCENTILES = (50, 95, 99)


def latencies_s(location: Path) -> np.ndarray:
    """One number per row of the table: seconds from the event to the version that brought it."""
    seen: set[str] = set()
    found: list[np.ndarray] = []
    for entry in reversed(DeltaTable(str(location)).history()):
        rows = DeltaTable(str(location), version=entry["version"]).to_pyarrow_table(
            columns=["event_id", "event_timestamp"]
        )
        new = [name not in seen for name in rows["event_id"].to_pylist()]
        seen.update(rows["event_id"].to_pylist())
        at = pc.cast(rows["event_timestamp"], "int64").to_numpy()[np.array(new, dtype=bool)]
        found.append(entry["timestamp"] / 1e3 - at / 1e6)
    return np.concatenate(found) if found else np.empty(0)


def summary(location: Path) -> dict[str, float]:
    values = latencies_s(location)
    if not len(values):
        return {"rows": 0}
    points = {f"p{p}_s": round(float(np.percentile(values, p)), 1) for p in PERCENTILES}
    return {"rows": len(values), **points}


def measure(settings: Settings, *, rate: float, seconds: float) -> dict[str, object]:
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
        began, memory, lags = time.time(), [], []
        sender = command(settings, *send, str(rate), "--duration", str(seconds))
        while sender.poll() is None:
            pid = Engine(settings).status().pid
            memory.append(psutil.Process(pid).memory_info().rss / 2**20 if pid else 0.0)
            now = folder.heartbeat()
            lags.append(now.lag if now else None)
            time.sleep(5)
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
        "silver": summary(settings.lake / "silver" / "events"),
        "gold": summary(settings.lake / "gold" / "fact_events"),
        "lag": lags,
        "engine_mib": [round(value) for value in memory],
        "verified": command(settings, "verify").wait() == 0,
    }


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

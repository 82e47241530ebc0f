"""A file of 2,000 events into a lake with a long history: engine work, and the whole path to gold.

The path goes through a real Dagster daemon: the sensors see the file, ask for a run, the run is
dequeued, its process imports, the engine works; first for bronze, then for silver and gold.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import numpy as np

from benchmarks import data
from benchmarks.contenders import Platform
from benchmarks.harness import Finding, Setting
from benchmarks.say import say
from clickstream_platform.hours import shift
from clickstream_platform.settings import read_settings, use_dagster_home
from clickstream_platform.storage import hour_state

HISTORIES = tuple(int(n) for n in os.environ.get("MICRO_HOURS", "72,720").split(","))
BATCH_EVENTS, EVENTS_PER_HOUR, WITHIN_S = 2_000, 40, 600
PARTS = ("tick wait", "dequeue", "start and imports", "engine", "told to Dagster")


@dataclass(frozen=True)
class Path2Gold:
    """One file's way, in seconds by part; `whole` from the rename to the readable hour of gold."""

    whole: float
    parts: dict[str, float]


def bench(setting: Setting) -> Finding:
    """For each length of history `repeats` files, one after the other."""
    rows, samples, engine_medians = [], {}, []
    for hours in HISTORIES:
        found = list(_measured(setting, hours))[1:]  # the first warms up
        whole = [one.whole for one in found]
        samples[str(hours)] = [{"whole": one.whole, **one.parts} for one in found]
        medians = {part: float(np.median([o.parts[part] for o in found])) for part in PARTS}
        engine_medians.append(medians["engine"])
        rows.append(
            [
                f"{hours:,}",
                f"{np.median(whole):.1f}",
                f"{np.percentile(whole, 95):.1f}",
                *[f"{medians[part]:.1f}" for part in PARTS],
            ]
        )
    return Finding(
        title=f"{BATCH_EVENTS:,} events into a lake with history, through the sensors",
        columns=("hours of history", "whole, median s", "p95 s", *[f"{p}, s" for p in PARTS]),
        rows=rows,
        notes=[
            f"engine work, longest ÷ shortest history: {engine_medians[-1] / engine_medians[0]:.2f}"
            " (aim: at most 1.1); whole path p95 at most 20 s",
            "The parts are those of the two runs, added up; settling and polling are tick wait.",
        ],
        samples=samples,
    )


def _measured(setting: Setting, hours: int) -> Iterator[Path2Gold]:
    platform = Platform(setting.folder, setting.engine)
    home = _history(setting, platform, hours)
    end = shift(data.START, hours)
    batch = data.landing(
        setting.folder, events=BATCH_EVENTS * (setting.repeats + 1), hours=setting.repeats + 1,
        seed=11, start=end,
    )  # fmt: skip
    files = sorted((batch / "shop_json").glob("*/*.jsonl"))[: setting.repeats + 1]
    use_dagster_home(read_settings(home=home))
    with _daemon(home, platform.environment(home)), dg.DagsterInstance.get() as instance:
        for number, file in enumerate(files):
            yield _one(instance, home, file, number)
    shutil.rmtree(home)


def _one(instance: dg.DagsterInstance, home: Path, file: Path, number: int) -> Path2Gold:
    hour = file.parent.name
    folder = home / "landing/shop_json" / hour
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder / f"{number}.json.tmp")
    known = {record.dagster_run.run_id for record in instance.get_run_records(limit=50)}
    before = _version(home, hour)
    dropped = time.time()
    (folder / f"{number}.json.tmp").rename(folder / f"{number}.json")
    while _version(home, hour) == before:
        if time.time() - dropped > WITHIN_S:
            raise RuntimeError(f"{hour} did not reach gold within {WITHIN_S} s")
        time.sleep(0.2)
    whole = time.time() - dropped
    time.sleep(5)  # the run that built it tells Dagster and ends
    runs = [
        record
        for record in instance.get_run_records(limit=50)
        if record.dagster_run.run_id not in known
        and record.dagster_run.job_name in ("ingest", "repair")
    ]
    runs.sort(key=lambda record: record.create_timestamp)
    parts = dict.fromkeys(PARTS, 0.0)
    last = dropped
    for record in runs[:2]:
        for part, seconds in _parts(instance, record, last).items():
            parts[part] += seconds
        last = record.end_time or time.time()
    say(f"{hour}: {whole:.1f} s; " + ", ".join(f"{p} {s:.1f}" for p, s in parts.items()))
    return Path2Gold(whole, parts)


def _parts(instance: dg.DagsterInstance, record: dg.RunRecord, since: float) -> dict[str, float]:
    """Where the time from `since` to the run's end went."""
    created = record.create_timestamp.timestamp()
    logs = instance.all_logs(record.dagster_run.run_id)

    def first(kind: dg.DagsterEventType) -> float:
        return next(
            e.timestamp for e in logs if e.is_dagster_event and e.dagster_event_type == kind
        )

    def last(kind: dg.DagsterEventType) -> float:
        return [e.timestamp for e in logs if e.is_dagster_event and e.dagster_event_type == kind][
            -1
        ]

    starting = first(dg.DagsterEventType.PIPELINE_STARTING)
    step = first(dg.DagsterEventType.STEP_START)
    told = [e for e in logs if e.is_dagster_event and e.dagster_event_type
            == dg.DagsterEventType.ASSET_MATERIALIZATION]  # fmt: skip
    made = told[0].timestamp if told else last(dg.DagsterEventType.STEP_SUCCESS)
    return {
        "tick wait": created - since,
        "dequeue": starting - created,
        "start and imports": step - starting,
        "engine": made - step,
        "told to Dagster": (record.end_time or made) - made,
    }


def _version(home: Path, hour: str) -> int:
    state = hour_state.current(home / "lake").get(("gold/hourly_metrics", hour))
    return state.version if state else -1


def _history(setting: Setting, platform: Platform, hours: int) -> Path:
    """A copy of a home with `hours` small hours, built once."""
    kept = setting.folder / "homes" / f"history-{hours}"
    if not (kept / ".built").exists():
        landing = data.landing(setting.folder, events=EVENTS_PER_HOUR * hours, hours=hours)
        shutil.rmtree(kept, ignore_errors=True)
        home = platform.new_home(landing)
        kept.parent.mkdir(parents=True, exist_ok=True)
        home.rename(kept)
        say(f"building {hours:,} hours of history once")
        platform.command(
            kept, "run", "--exact", "--from", data.START, "--to", shift(data.START, hours)
        )
        (kept / ".built").touch()
    copy = platform.new_out()
    shutil.copytree(kept, copy, symlinks=True)
    return copy


@contextmanager
def _daemon(home: Path, environment: dict[str, str]) -> Iterator[None]:
    """`make dev` on the home until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = subprocess.Popen(
        [sys.executable, "-m", "clickstream_platform.running.dev", "--port", str(port)],
        env={**os.environ, **environment, "CLICKSTREAM_AUTOMATION__SETTLE_S": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(30)  # sensors begin
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=120)

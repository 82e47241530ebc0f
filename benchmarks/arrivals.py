"""A file of 2,000 events that arrives in a home with a long history, and its way to gold.

The way goes through a real Dagster daemon: the sensors see the file, ask for a run, the run is
dequeued, its process begins, the engine works for bronze, silver and gold.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from benchmarks import data
from benchmarks.contenders import Platform
from benchmarks.dev_server import serving
from benchmarks.harness import Setting
from benchmarks.say import say
from clickstream_platform.hours import shift
from clickstream_platform.settings import read_settings, use_dagster_home
from clickstream_platform.storage import hour_state

BATCH_EVENTS, SPARE_EVENTS, EVENTS_PER_HOUR = 2_000, 600, 40
# The history's hours are so small that one robot can fill one with lines to be rejected.
SMALL_HOURS = {"CHECKS__MAX_REJECT_RATE": "1"}
WITHIN_S, QUIET_S, LOOK_S = 600, 17, 1  # quiet: longer than the pause of any sensor that follows
PARTS = ("tick wait", "dequeue", "start and imports", "engine", "told to Dagster")
UNFINISHED = dg.RunsFilter(
    statuses=[
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
)


@dataclass(frozen=True)
class Path2Gold:
    """One file's way, in seconds by part; `whole` from the rename to the readable hour of gold."""

    whole: float
    parts: dict[str, float]


def batch_files(setting: Setting, start: str, count: int) -> list[Path]:
    """`count` files of exactly 2,000 lines each, for the hours from `start` on.

    Each is the beginning of an hour of its own, so robots and faults are in it.
    """
    folder = setting.folder / "data" / f"batches-{BATCH_EVENTS}-{start}"
    files = []
    for number in range(count):
        hour = shift(start, number)
        file = folder / hour / "batch.jsonl"
        files.append(file)
        if file.exists():
            continue
        landing = data.landing(
            setting.folder, events=BATCH_EVENTS + SPARE_EVENTS, hours=1, seed=11 + number,
            start=hour,
        )  # fmt: skip
        source = landing / "shop_json" / hour
        lines = [line for path in sorted(source.glob("*.jsonl")) for line in path.open("rb")]
        if len(lines) < BATCH_EVENTS:
            raise RuntimeError(
                f"{source} has {len(lines)} lines, not {BATCH_EVENTS}: raise SPARE_EVENTS"
            )
        file.parent.mkdir(parents=True)
        file.write_bytes(b"".join(lines[:BATCH_EVENTS]))
    return files


def drop(home: Path, file: Path) -> None:
    """Puts the file into the home's landing folder at once, as a shipper would."""
    folder = home / "landing/shop_json" / file.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder / "batch.jsonl.tmp")
    (folder / "batch.jsonl.tmp").rename(folder / "batch.jsonl")


def history(setting: Setting, platform: Platform, hours: int) -> Path:
    """A copy of a home with `hours` small hours in which everything is built, daily marts too."""
    kept = setting.folder / "homes" / f"history-{hours}-settled"
    if not (kept / ".built").exists():
        landing = data.landing(setting.folder, events=EVENTS_PER_HOUR * hours, hours=hours)
        shutil.rmtree(kept, ignore_errors=True)
        home = platform.new_home(landing)
        kept.parent.mkdir(parents=True, exist_ok=True)
        home.rename(kept)
        say(f"building {hours:,} hours of history once")
        platform.command(kept, "run")
        (kept / ".built").touch()
    copy = platform.new_out()
    shutil.copytree(kept, copy, symlinks=True)
    return copy


@contextmanager
def sensors_on(platform: Platform, home: Path) -> Iterator[dg.DagsterInstance]:
    """`make dev` on the home until the block ends; begins once nothing is left to do."""
    use_dagster_home(read_settings(home=home))
    environment = {**platform.environment(home), "CLICKSTREAM_AUTOMATION__SETTLE_S": "1"}
    with serving(home, environment), dg.DagsterInstance.get() as instance:
        wait_until_quiet(instance)
        yield instance


def wait_until_quiet(instance: dg.DagsterInstance) -> None:
    """Returns when no run was queued or at work for a while."""
    began = quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_S:
        if time.monotonic() - began > 6 * WITHIN_S:
            raise RuntimeError("runs did not end; see the home's logs/dagster.log")
        if instance.get_run_ids(UNFINISHED, limit=1):
            quiet_since = time.monotonic()
        time.sleep(LOOK_S)


def arrive(instance: dg.DagsterInstance, home: Path, file: Path) -> Path2Gold:
    """Drops the file, waits for its hour of gold and then for everything that follows."""
    hour = file.parent.name
    known = set(instance.get_run_ids())
    before = _version(home, hour)
    dropped = time.time()
    drop(home, file)
    while _version(home, hour) == before:
        if time.time() - dropped > WITHIN_S:
            raise RuntimeError(f"{hour} did not reach gold within {WITHIN_S} s")
        time.sleep(0.2)
    whole = time.time() - dropped
    wait_until_quiet(instance)  # the daily marts that follow are not to disturb the next file
    parts = _all_parts(instance, known, dropped)
    say(f"{hour}: {whole:.1f} s; " + ", ".join(f"{p} {s:.1f}" for p, s in parts.items()))
    return Path2Gold(whole, parts)


def _all_parts(instance: dg.DagsterInstance, known: set[str], dropped: float) -> dict[str, float]:
    """Of the first run for all layers since, or the first ingest and the first repair."""
    first: dict[str, dg.RunRecord] = {}
    for record in sorted(instance.get_run_records(), key=lambda record: record.create_timestamp):
        if record.dagster_run.run_id not in known:
            first.setdefault(record.dagster_run.job_name, record)
    parts = dict.fromkeys(PARTS, 0.0)
    last = dropped
    names = ("arrivals",) if "arrivals" in first else ("ingest", "repair")
    for record in (first[name] for name in names):
        for part, seconds in parts_of(instance, record, last).items():
            parts[part] += seconds
        last = record.end_time or time.time()
    return parts


def parts_of(instance: dg.DagsterInstance, record: dg.RunRecord, since: float) -> dict[str, float]:
    """Where the time from `since` to the run's end went."""
    created = record.create_timestamp.timestamp()
    events = [e for e in instance.all_logs(record.dagster_run.run_id) if e.is_dagster_event]
    # A launcher says that it starts a process; a run in this process has only its own start.
    starting = _first(
        events, dg.DagsterEventType.PIPELINE_STARTING, dg.DagsterEventType.PIPELINE_START
    )
    step = _first(events, dg.DagsterEventType.STEP_START)
    engine = engine_s(events)
    ended = record.end_time or events[-1].timestamp
    return {
        "tick wait": created - since,
        "dequeue": starting - created,
        "start and imports": step - starting,
        "engine": engine,
        "told to Dagster": ended - step - engine,
    }


def engine_s(events: Iterable[dg.EventLogEntry]) -> float:
    """Seconds in which steps worked: of each, from its start to the first materialisation it told.

    A step tells nothing before all its tables are committed. `repair` has two steps.
    """
    starts: dict[str | None, float] = {}
    ends: dict[str | None, float] = {}
    for event in events:
        if event.dagster_event_type == dg.DagsterEventType.STEP_START:
            starts[event.step_key] = event.timestamp
        elif event.dagster_event_type in (
            dg.DagsterEventType.ASSET_MATERIALIZATION,
            dg.DagsterEventType.STEP_SUCCESS,
        ):
            ends.setdefault(event.step_key, event.timestamp)
    return sum(ends[step] - began for step, began in starts.items() if step in ends)


def _first(events: Sequence[dg.EventLogEntry], *kinds: dg.DagsterEventType) -> float:
    return next(event.timestamp for event in events if event.dagster_event_type in kinds)


def _version(home: Path, hour: str) -> int:
    state = hour_state.current(home / "lake").get(("gold/hourly_metrics", hour))
    return state.version if state else -1

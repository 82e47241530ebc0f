"""A stream under a real daemon, while what it needs is killed and clicks go on coming in: nothing
lost, nothing doubled, and nobody has to do anything.

CLICKSTREAM_KILLS sets how often each kind of thing is killed in `make prove` (20), CLICKSTREAM_SEED
which moments. The time until a click sent after the kill is in silver is printed, as it depends on
the machine.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pyarrow.compute as pc
import pytest
import yaml
from confluent_kafka import Producer

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.server import Engine
from clickstream_platform.queries.lake import Lake
from clickstream_platform.running.dev import LONG_LIFE_S, MAX_DEATHS
from clickstream_platform.sources.loader import BUILTIN_DIR
from clickstream_platform.storage import delta
from clickstream_platform.storage.owners import is_alive
from clickstream_platform.streaming.broker import Broker
from clickstream_platform.streaming.state import Heartbeat, StreamFolder
from clickstream_platform.streaming.topics import create_topic
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import GOLD, SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.silver import SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import bring_up, json_line, land
from clickstream_platform_tests.services.daemon import Watched

pytestmark = [pytest.mark.service, pytest.mark.timeout(6 * 3600)]
SEED = int(os.environ.get("CLICKSTREAM_SEED", "7"))
KILLS = int(os.environ.get("CLICKSTREAM_KILLS", "20"))
SOURCE, TOPIC, PARTITIONS = "clicks", "clicks", 3
PAUSE_S = 0.1  # between two clicks of a busy shop
WHOLE_SHARE = 0.75  # of the kills; the others meet a stream that has not yet recovered
GUARD_S = 900.0  # not a measure: a crowded machine takes minutes
LINEAGE = {
    *("source_file", "source_offset", "ingest_hour", "ingested_at", "enqueued_at", "received_at"),
    *("accepted_source_file", "accepted_source_offset", "run_id"),
}


class Shop:
    """Sends clicks, some of them twice and some broken, and keeps what it sent."""

    def __init__(self, broker: Broker, chance: random.Random) -> None:
        self._broker = broker
        self._chance = chance
        self._turn = threading.Lock()
        self.sent: list[bytes] = []

    def click(self, number: int) -> bytes:
        second = number * 7 % 3600
        return json_line(
            event_id=f"e{number}",
            user_id=f"u{number % 23}",
            product_id=f"P{number % 11}",
            event_type=("product_view", "add_to_cart", "purchase")[number % 3],
            price=9.5,
            timestamp=f"2024-11-29T10:{second // 60:02d}:{second % 60:02d}Z",
        )

    def send(self, count: int = 5) -> str:
        """The id of the last click. Message n lies in partition n modulo 3."""
        producer = self._producer()
        for _ in range(count):
            self._produce(producer, may_be_odd=True)
        marker = self._produce(producer)
        assert producer.flush(60) == 0
        return marker

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Clicks come in all the time, while the broker is away from a waiting sender."""
        producer, over = self._producer(), threading.Event()

        def go_on() -> None:
            while not over.wait(PAUSE_S):
                self._produce(producer, may_be_odd=True)
                producer.poll(0)

        sender = threading.Thread(target=go_on)
        sender.start()
        try:
            yield
        finally:
            over.set()
            sender.join()
            assert producer.flush(120) == 0

    def _producer(self) -> Producer:
        # What is sent again after an outage is in the topic once: the addresses are counted.
        settings = {"enable.idempotence": True, "message.timeout.ms": 0, "log_level": 0}
        return Producer({"bootstrap.servers": self._broker.servers, **settings})

    def _produce(self, producer: Producer, *, may_be_odd: bool = False) -> str:
        with self._turn:
            number = len(self.sent)
            line = self.click(number)
            if may_be_odd and number % 17 == 5:
                line = self._chance.choice([b"{broken", self._chance.choice(self.sent)])
            producer.produce(TOPIC, line, partition=number % PARTITIONS)
            self.sent.append(line)
            return f"e{number}"


class Streamed:
    """A home whose stream the keeper keeps."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.home = Watched(folder)
        self.broker = Broker(self.home.settings)
        self.shop = Shop(self.broker, chance)
        self.folder = StreamFolder(self.home.settings, SOURCE)
        self.dev: psutil.Process | None = None
        self.killed_at = 0.0
        self.short_lives = MAX_DEATHS - 1  # of Dagster in a row; nobody knows how long it lives now

    def prepare(self) -> None:
        """The broker, its topic, and a mapping that names them."""
        self.broker.start()
        create_topic(self.broker.servers, TOPIC, partitions=PARTITIONS)
        mappings = self.home.settings.home / "sources"
        mappings.mkdir()
        mapping = yaml.safe_load((BUILTIN_DIR / "kafka_raw.yaml").read_text())
        kafka = {"servers": self.broker.servers, "topics": [TOPIC]}
        text = yaml.safe_dump(mapping | {"name": SOURCE, "kafka": kafka})
        (mappings / f"{SOURCE}.yaml").write_text(text)
        self.home.settings = self.home.settings.model_copy(update={"source_dirs": [mappings]})
        self.home.settings.logs.mkdir(parents=True, exist_ok=True)
        self.home.environment |= {
            "CLICKSTREAM_SOURCE_DIRS": f'["{mappings}"]',
            "CLICKSTREAM_STREAM__KEEP": f'["{SOURCE}"]',
            "CLICKSTREAM_STREAM__TRIGGER_S": "1",
            "CLICKSTREAM_STREAM__GOLD_REFRESH_S": "5",
        }

    def beat(self) -> Heartbeat:
        found = self.folder.heartbeat()
        assert found is not None
        return found

    def sees(self, event_id: str, *, what: str) -> float:
        """Seconds until silver has accepted the event."""
        return self.home.until(lambda: self.has(event_id), within_s=GUARD_S, what=what)

    def is_whole_again(self) -> None:
        """Returns once silver and gold have gone round since the last kill."""
        self.home.until(
            lambda: self.beat().phase == "running" and not self.beat().outages,
            within_s=GUARD_S,
            what="whole again",
        )

    def settles(self) -> None:
        lines = len(self.shop.sent)
        self.home.until(lambda: self.is_settled(lines), within_s=GUARD_S, what="settled")

    def query_threads(self) -> int:
        """Streaming queries of this source that the engine executes, by a dump of its threads."""
        log, pid = self.home.settings.logs / "engine.log", Engine(self.home.settings).status().pid
        assert pid is not None
        start = log.stat().st_size
        os.kill(pid, signal.SIGQUIT)  # the JVM prints its threads and goes on

        def dumped() -> str:
            return log.read_bytes()[start:].decode(errors="replace")

        self.home.until(lambda: "JNI global refs" in dumped(), within_s=60, what="a dump")
        return dumped().count(f"stream execution thread for stream_{SOURCE}")

    def has(self, event_id: str) -> bool:
        """Whether silver accepted the event."""
        if not delta.exists(self.home.settings.lake, SILVER_EVENTS):
            return False
        found = delta.read_arrow(
            self.home.settings.lake,
            SILVER_EVENTS,
            columns=["event_id"],
            where=pc.field("event_id") == event_id,
        )
        return bool(found.num_rows)

    def is_settled(self, lines: int) -> bool:
        beat = self.beat()
        if beat.phase != "running" or beat.lag:
            return False
        came = addresses(self.home.settings.lake)
        messages = sum(map(is_message, came))
        files = {address[0] for address in came if not is_message(address)}
        if messages < lines or len(files) < len([*self.home.settings.landing.rglob("*.jsonl")]):
            return False
        return len(self.home.gold_hours()) == len(GOLD) and not self.home.is_stale()

    def kill(self, kind: str) -> None:
        """Ends it without warning, or takes it away."""
        if kind == "run process":
            os.kill(int(self.beat().owner.split("|")[1]), signal.SIGKILL)
        elif kind == "engine":
            pid = Engine(self.home.settings).status().pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        elif kind == "daemon":
            self._kill_daemon()
        elif kind == "broker":
            record = self.broker.running()
            assert record is not None
            os.kill(record.pid, signal.SIGKILL)
            psutil.wait_procs([psutil.Process(record.pid)], timeout=30)
            self.broker.start()  # whoever runs the brokers does it; it is no part of the stream
        elif kind == "checkpoint":
            shutil.rmtree(self.folder.checkpoint, ignore_errors=True)
        else:
            self._start_a_second()

    def _kill_daemon(self) -> None:
        """Each third daemon may live first: `make dev` gives up a Dagster that never lives long."""
        self.short_lives = (self.short_lives + 1) % MAX_DEATHS
        age_s = 0.0 if self.short_lives else LONG_LIFE_S + 5
        self.home.until(
            lambda: bool(self._daemons(age_s)), within_s=GUARD_S, what="a daemon that lives"
        )
        [daemon] = self._daemons()
        self.killed_at = time.monotonic()
        daemon.kill()

    def sensors_look_again(self, owner: str) -> None:
        """Waits for the next daemon, without which the stream went on in its process."""
        since = time.time() - (time.monotonic() - self.killed_at)
        self.home.until(lambda: self._looks_since(since), within_s=GUARD_S, what="sensors")
        print(f"  sensors look again: {time.monotonic() - self.killed_at:.0f} s", flush=True)
        assert self.beat().owner == owner

    def _daemons(self, age_s: float = 0.0) -> list[psutil.Process]:
        """Dagster's, that live so long."""
        assert self.dev is not None
        found = []
        for process in self.dev.children(recursive=True):
            with suppress(psutil.Error):  # it ended a moment ago
                is_old = time.time() - process.create_time() > age_s
                if is_old and "dagster._daemon" in process.cmdline():
                    found.append(process)
        return found

    def _looks_since(self, when: float) -> bool:
        with suppress(OSError):  # the UI's server is started again too
            found = self.home.graphql(HEALTH)["instance"]["daemonHealth"]["daemonStatus"]
            return (found["lastHeartbeatTime"] or 0) > when
        return False

    def _start_a_second(self) -> None:
        arguments = ("stream", "--source", SOURCE, "--for", "1")
        done = subprocess.run(
            [sys.executable, "-m", "clickstream_platform.cli", *arguments],
            env=self.home.environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode != 0
        assert "runs already" in done.stderr


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streamed]:
    """One home for all tests: each goes on where the one before it ended."""
    names = ("DAGSTER_HOME", "CLICKSTREAM_HOME", "DAGSTER_DISABLE_TELEMETRY")
    before = {name: os.environ.get(name) for name in names}
    found = Streamed(tmp_path_factory.mktemp("streamed"), random.Random(SEED))
    try:
        found.prepare()
        with found.home.running() as pid:
            found.dev = psutil.Process(pid)
            found.sees(found.shop.send(), what="the first click")
            yield found
    finally:
        found.broker.stop()
        Engine(found.home.settings).stop()
        for name, value in before.items():  # a home sets them
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def addresses(lake: Path) -> list[tuple[str, int]]:
    if not delta.exists(lake, BRONZE_EVENTS):
        return []
    found = delta.read_arrow(lake, BRONZE_EVENTS, columns=["source_file", "source_offset"])
    return sorted((row["source_file"], row["source_offset"]) for row in found.to_pylist())


def is_message(address: tuple[str, int]) -> bool:
    return address[0].startswith(f"{TOPIC}/")


def content(lake: Path, table: Table) -> list[str]:
    # A line without a readable time is at home in the hour of its arrival.
    apart = LINEAGE | ({"event_hour"} if table is SILVER_QUARANTINE else set())
    columns = [name for name in table.content_columns if name not in apart]
    return sorted(map(repr, delta.read_arrow(lake, table, columns=columns).to_pylist()))


def assert_nothing_lost_or_doubled(
    streamed: Streamed, make: Callable[..., Workspace], folder: Path
) -> None:
    """Each message once, and the tables of a home that got all of them as one file."""
    streamed.settles()
    lake, sent = streamed.home.settings.lake, streamed.shop.sent
    expected = [
        (f"{TOPIC}/{part}@1", offset)
        for part in range(PARTITIONS)
        for offset in range(len(sent[part::PARTITIONS]))
    ]
    assert [address for address in addresses(lake) if is_message(address)] == sorted(expected)
    undisturbed = make(folder, source_dirs=[streamed.home.settings.home / "sources"])
    if streamed.home.settings.landing.is_dir():
        shutil.copytree(streamed.home.settings.landing, undisturbed.settings.landing)
    land(undisturbed, SOURCE, "2024-11-29T11", "all.jsonl", b"\n".join(sent) + b"\n")
    bring_up(undisturbed)
    for table in (*SILVER, *GOLD):
        assert content(lake, table) == content(undisturbed.lake, table), table.path
    assert streamed.home.call("verify", "--json")["ok"]


def told(kind: str, taken: list[float]) -> str:
    within = sum(seconds < MINUTE_S for seconds in taken)
    return (
        f"  {kind}: {len(taken)} times, recovered in {min(taken):.0f} to {max(taken):.0f} s, "
        f"median {statistics.median(taken):.0f} s, {within} within a minute"
    )


MINUTE_S = 60.0
RACE_S = float(os.environ.get("CLICKSTREAM_RACE_S", "300"))
KINDS = ("run process", "engine", "daemon", "broker", "checkpoint", "second stream")


@pytest.mark.parametrize(
    ("kinds", "times"),
    [
        pytest.param(KINDS, 1, id="once each", marks=pytest.mark.long),
        *[
            pytest.param((kind,), KILLS, id=f"{kind}, {KILLS} times", marks=pytest.mark.prove)
            for kind in KINDS
        ],
    ],
)
def test_whatever_is_killed_the_stream_goes_on_by_itself_and_loses_nothing(
    streamed: Streamed,
    new_workspace: Callable[..., Workspace],
    tmp_path: Path,
    kinds: tuple[str, ...],
    times: int,
) -> None:
    chance = random.Random(SEED)
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    print(f"\nseed {SEED}, {times} times each: {', '.join(kinds)}")
    with streamed.shop.busy():
        for kind in kinds * times:
            streamed.shop.send(chance.randrange(5, 40))
            if chance.random() < WHOLE_SHARE:
                streamed.is_whole_again()
            time.sleep(chance.uniform(0, 8))  # the kill falls anywhere in what the stream does
            streamed.killed_at = time.monotonic()
            owner = streamed.beat().owner
            streamed.kill(kind)
            streamed.sees(streamed.shop.send(), what=kind)
            taken[kind].append(time.monotonic() - streamed.killed_at)
            print(f"  {kind}: {taken[kind][-1]:.0f} s", flush=True)
            if kind == "daemon":
                streamed.sensors_look_again(owner)
    for kind, seconds in taken.items():
        print(told(kind, seconds))
    assert_nothing_lost_or_doubled(streamed, new_workspace, tmp_path / "undisturbed")


TERMINATE = """mutation Terminate($runIds: [String!]!, $terminatePolicy: TerminateRunPolicy) {
  terminateRuns(runIds: $runIds, terminatePolicy: $terminatePolicy) {
    ... on TerminateRunsResult { terminateRunResults { __typename } }
  }
}"""
LAUNCH = """mutation LaunchPipelineExecution($executionParams: ExecutionParams!) {
  launchPipelineExecution(executionParams: $executionParams) {
    __typename ... on LaunchRunSuccess { run { runId } }
  }
}"""
STATUS = """query Status($runId: ID!) { runOrError(runId: $runId) { ... on Run { status } } }"""
WHERE = """{
  repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } }
}"""
HEALTH = """{
  instance { daemonHealth { daemonStatus(daemonType: "SENSOR") { lastHeartbeatTime } } }
}"""
GONE_S = 15.0


@pytest.mark.prove
def test_terminate_in_the_ui_leaves_no_query_and_the_next_run_goes_on(
    streamed: Streamed, new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    streamed.sees(streamed.shop.send(), what="running")
    beat = streamed.beat()
    assert streamed.query_threads() == 1
    assert streamed.folder.session_id() is not None

    began = time.monotonic()
    done = streamed.home.graphql(TERMINATE, runIds=[beat.run_id], terminatePolicy="SAFE_TERMINATE")[
        "terminateRuns"
    ]
    assert done == {"terminateRunResults": [{"__typename": "TerminateRunSuccess"}]}

    def is_gone() -> bool:
        status = streamed.home.graphql(STATUS, runId=beat.run_id)["runOrError"]["status"]
        return status == "CANCELED" and not is_alive(beat.owner)

    streamed.home.until(is_gone, within_s=120, what="gone")
    taken = time.monotonic() - began
    print(f"\ngone {taken:.1f} s after Terminate")
    assert taken < GONE_S
    assert streamed.query_threads() == 0
    assert (streamed.beat().phase, streamed.folder.session_id()) == ("stopped", None)

    waiting = streamed.shop.send()
    where = streamed.home.graphql(WHERE)["repositoriesOrError"]["nodes"][0]
    selector = {
        "repositoryName": where["name"],
        "repositoryLocationName": where["location"]["name"],
        "jobName": "stream",
    }
    config = {"ops": {"stream_source": {"config": {"source": SOURCE}}}}
    parameters = {"selector": selector, "runConfigData": config, "mode": "default"}
    launched = streamed.home.graphql(LAUNCH, executionParams=parameters)
    assert launched["launchPipelineExecution"]["__typename"] == "LaunchRunSuccess"
    streamed.sees(waiting, what="started again")
    assert_nothing_lost_or_doubled(streamed, new_workspace, tmp_path / "undisturbed")


@pytest.mark.prove
def test_stream_sensor_backfill_and_compaction_at_once_lose_no_row_and_leave_no_failure(
    streamed: Streamed, new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    hour = "2024-11-29T10"
    home, ended = streamed.home, time.monotonic() + RACE_S
    rounds = {
        "backfill": ("run", "--from", hour, "--to", hour, "--force", "--exact"),
        "maintain": ("maintain",),
    }
    running: dict[str, subprocess.Popen[bytes]] = {}
    codes: dict[str, list[int]] = {name: [] for name in rounds}
    number, life = 0, streamed.beat().run_id
    while time.monotonic() < ended or running:
        for name, arguments in rounds.items():
            if name in running and running[name].poll() is not None:
                codes[name].append(running.pop(name).returncode)
            if name not in running and time.monotonic() < ended:
                command = [sys.executable, "-m", "clickstream_platform.cli", *arguments]
                running[name] = subprocess.Popen(command, env=home.environment)
        if time.monotonic() < ended:
            number += 1
            streamed.shop.send(20)
            lines = [streamed.shop.click(1_000_000 + 50 * number + n) for n in range(50)]
            home.drop("2024-11-29T11", f"{number:04d}.jsonl", b"\n".join(lines) + b"\n")
        time.sleep(1)
    print(f"\n{number} files and {20 * number} messages beside {codes}")
    assert_nothing_lost_or_doubled(streamed, new_workspace, tmp_path / "undisturbed")
    with Lake(home.settings) as lake:
        stale = {row["hour"] for row in lake.rows("select hour from ops.v_stale_hours")}
        # A line without a time is at home in its arrival hour; broken lines alone block it.
        broken = lake.rows(
            "select home_hour from bronze.events group by all having bool_and(raw = '{broken')"
        )
    assert stale <= {row["home_hour"] for row in broken}
    assert streamed.beat().run_id == life, "the stream failed and was started again"
    for arguments in rounds.values():  # a hindered round may fail, but nothing that lasts
        command = [sys.executable, "-m", "clickstream_platform.cli", *arguments]
        assert subprocess.run(command, env=home.environment, check=False).returncode == 0, arguments

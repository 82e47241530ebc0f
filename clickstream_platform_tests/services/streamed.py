"""A home whose stream the keeper keeps, its broker and its shop, and what can be killed of it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pyarrow.compute as pc
import yaml
from confluent_kafka import Producer

from clickstream_platform.engine.server import Engine
from clickstream_platform.running.dev import LONG_LIFE_S, MAX_DEATHS
from clickstream_platform.sources.loader import BUILTIN_DIR
from clickstream_platform.storage import delta
from clickstream_platform.streaming.broker import Broker
from clickstream_platform.streaming.state import Heartbeat, StreamFolder
from clickstream_platform.streaming.topics import create_topic
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import GOLD
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.homes import json_line
from clickstream_platform_tests.services.daemon import Watched

SOURCE, TOPIC, PARTITIONS = "clicks", "clicks", 3
PAUSE_S = 0.1  # between two clicks of a busy shop
GUARD_S = 900.0  # not a measure: a crowded machine takes minutes
HEALTH = """{
  instance { daemonHealth { daemonStatus(daemonType: "SENSOR") { lastHeartbeatTime } } }
}"""


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


def addresses(lake: Path) -> list[tuple[str, int]]:
    if not delta.exists(lake, BRONZE_EVENTS):
        return []
    found = delta.read_arrow(lake, BRONZE_EVENTS, columns=["source_file", "source_offset"])
    return sorted((row["source_file"], row["source_offset"]) for row in found.to_pylist())


def is_message(address: tuple[str, int]) -> bool:
    return address[0].startswith(f"{TOPIC}/")

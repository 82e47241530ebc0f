"""A real broker for the tests of the stream, with a plain and a secure listener."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import shared_session
from clickstream_platform.engine.server import Engine
from clickstream_platform.engine.state import until
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.sources.loader import BUILTIN_DIR
from clickstream_platform.streaming.broker import Broker, SecureListener
from clickstream_platform.streaming.topics import create_topic
from clickstream_platform_tests.conftest import AT_ONCE

SECRET = "Endpoint=sb://localhost/;SharedAccessKeyName=test;SharedAccessKey=not+a/secret="  # noqa: S105 (of a broker on loopback that lives as long as the test)
PARTITIONS = 3


@dataclass(frozen=True)
class Kafka:
    """The running broker."""

    broker: Broker
    certificate: Path
    listener: SecureListener

    def send(self, topic: str, messages: Sequence[bytes | None], *, make: bool = True) -> None:
        """Message i goes to partition i modulo 3; null is a tombstone."""
        if make:
            create_topic(self.broker.servers, topic, partitions=PARTITIONS)
        producer = Producer({"bootstrap.servers": self.broker.servers})
        for number, message in enumerate(messages):
            producer.produce(topic, message, partition=number % PARTITIONS)
        assert producer.flush(30) == 0

    def delete(self, topic: str) -> None:
        """Deletes it, and waits until the broker has forgotten it."""
        admin = AdminClient({"bootstrap.servers": self.broker.servers})
        admin.delete_topics([topic])[topic].result(30)
        for _ in until(time.monotonic() + 30):
            if topic not in admin.list_topics(timeout=10).topics:
                return

    def kill(self) -> None:
        """Ends the broker without warning, and starts it again."""
        record = self.broker.running()
        assert record is not None
        process = psutil.Process(record.pid)
        process.kill()
        psutil.wait_procs([process], timeout=30)
        assert self.broker.running() is None
        self.broker.start(self.listener)

    def cut(self, topic: str, *, before: int) -> None:
        """Deletes what lies before this offset in each partition, as retention would."""
        admin = AdminClient({"bootstrap.servers": self.broker.servers})
        ends = [TopicPartition(topic, number, before) for number in range(PARTITIONS)]
        for done in admin.delete_records(ends).values():
            done.result(30)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One broker for all tests; each uses topics of its own."""
    home = tmp_path_factory.mktemp("broker")
    pair, certificate = home / "pair.pem", home / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(home / "key.pem"), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    pair.write_text((home / "key.pem").read_text() + certificate.read_text())
    broker = Broker(read_settings(home=home))
    listener = SecureListener(pair, SECRET)
    broker.start(listener)
    yield Kafka(broker, certificate, listener)
    broker.stop()


NewStreamHome = Callable[..., Workspace]


@pytest.fixture
def stream_home(
    new_workspace: Callable[..., Workspace],
    engine_settings: Settings,
    kafka: Kafka,
    tmp_path: Path,
) -> NewStreamHome:
    """Makes a home whose source `clicks` reads `topic`, on the tests' engine."""

    def make(
        topic: str, *, name: str = "home", secure: bool = False, **stream: object
    ) -> Workspace:
        folder = tmp_path / name / "sources"
        empty = new_workspace(tmp_path / name)
        folder.mkdir()
        mapping = yaml.safe_load((BUILTIN_DIR / "kafka_raw.yaml").read_text())
        broker = kafka.broker
        block = {"servers": broker.servers, "topics": [topic]}
        if secure:
            block |= {"servers": broker.secure_servers, "security": "event_hubs"}
            stream |= {"connection_strings": {"clicks": SECRET}, "ca_file": kafka.certificate}
        (folder / "clicks.yaml").write_text(
            yaml.safe_dump(mapping | {"name": "clicks", "kafka": block})
        )
        settings = read_settings(
            home=empty.settings.home,
            engine={"remote": Engine(engine_settings).ensure()},
            automation=AT_ONCE,
            source_dirs=[folder],
            stream={"trigger_s": 0.5, "gold_refresh_s": 1.0} | stream,
        )
        return Workspace(settings, lambda: shared_session(engine_settings))

    return make


@pytest.fixture(autouse=True)
def _needs_openssl() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")

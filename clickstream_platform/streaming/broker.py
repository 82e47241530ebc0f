"""A Kafka broker on this machine, for tests and the demo: one KRaft node on loopback.

Data: `<home>/kafka` (topics), `<home>/state/broker` (settings, pid), `<home>/logs/broker.log`.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from filelock import FileLock

from clickstream_platform.engine.jars import ensure_jars, pinned_jars
from clickstream_platform.engine.java import find_java
from clickstream_platform.engine.launch import free_port
from clickstream_platform.engine.logs import rotate, tail
from clickstream_platform.engine.state import process, until
from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.settings import Settings

BROKER_JARS = Path(__file__).with_name("broker_jars.json")
START_TIMEOUT_S = 120.0
STOP_GRACE_S = 30.0
HEAP = "-Xmx512m"
_CLUSTER_ID = "Y2xpY2tzdHJlYW0tbG9jYWw"  # 16 bytes in base64, as Kafka wants it

# Held so that Python does not warn about children that outlive this process on purpose.
_brokers: list[subprocess.Popen[bytes]] = []


class BrokerError(EnvironmentProblemError):
    """The broker did not start, or does not do what was asked."""


@dataclass(frozen=True)
class SecureListener:
    """A second listener that speaks as Azure Event Hubs does: SASL PLAIN over TLS.

    `keystore` is a PEM file with private key and certificate chain.
    """

    keystore: Path
    connection_string: str


@dataclass(frozen=True)
class BrokerRecord:
    """The running broker; `secure_port` is 0 without a secure listener."""

    pid: int
    created: float
    port: int
    controller_port: int
    secure_port: int


class Broker:
    """The broker of one home."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.state / "broker"
        self._data = settings.home / "kafka"
        self.log = settings.logs / "broker.log"

    @property
    def servers(self) -> str:
        """What clients connect to.

        Raises: BrokerError if no broker runs.
        """
        record = self.running()
        if record is None:
            raise BrokerError("No broker runs in this home; `clickstream broker start` starts one.")
        return f"localhost:{record.port}"

    @property
    def secure_servers(self) -> str:
        record = self.running()
        if record is None or not record.secure_port:
            raise BrokerError("No broker with a secure listener runs in this home.")
        return f"localhost:{record.secure_port}"

    def running(self) -> BrokerRecord | None:
        """The broker, if its process is alive."""
        record = self._read()
        if record is None or process(record.pid, record.created) is None:
            return None
        return record

    def start(self, secure: SecureListener | None = None) -> BrokerRecord:
        """Starts the broker unless it runs; a broker that ran before keeps its ports and topics.

        Raises: BrokerError with the end of its log; JavaMissingError; JarError.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._settings.logs.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / "broker.lock"):
            found = self.running()
            if found is not None:
                return found
            before = self._read()
            ports = (
                (before.port, before.controller_port, before.secure_port)
                if before
                else (free_port(), free_port(), 0)
            )
            secure_port = (ports[2] or free_port()) if secure else 0
            properties = self._write_properties(ports[0], ports[1], secure_port, secure)
            if not (self._data / "meta.properties").exists():
                self._format(properties)
            return self._launch(properties, ports[0], ports[1], secure_port)

    def stop(self) -> bool:
        """True if a broker ran and has been stopped; politely first, then by force."""
        record = self.running()
        if record is None:
            return False
        for send in ("terminate", "kill"):
            found = process(record.pid, record.created)
            if found is None:
                break
            getattr(found, send)()
            for _ in until(time.monotonic() + STOP_GRACE_S):
                if process(record.pid, record.created) is None:
                    break
        return True

    def _launch(
        self, properties: Path, port: int, controller_port: int, secure_port: int
    ) -> BrokerRecord:
        rotate(self.log)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [*self._java(), "kafka.Kafka", str(properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _brokers.append(child)
        created = psutil.Process(child.pid).create_time()
        record = BrokerRecord(child.pid, created, port, controller_port, secure_port)
        (self._folder / "broker.json").write_text(json.dumps(asdict(record)))
        admin = AdminClient({"bootstrap.servers": f"localhost:{port}", "log_level": 0})
        for _ in until(time.monotonic() + START_TIMEOUT_S, pause_s=0.3):
            if child.poll() is not None:
                break
            try:
                admin.list_topics(timeout=1.0)
            except KafkaException:
                continue
            return record
        self.stop()
        raise BrokerError(f"The broker did not start. The end of {self.log}:\n{tail(self.log, 20)}")

    def _format(self, properties: Path) -> None:
        """Gives the data folder the cluster's id, as Kafka demands before the first start."""
        done = subprocess.run(
            [
                *(*self._java(), "kafka.tools.StorageTool", "format"),
                *("-t", _CLUSTER_ID, "-c", str(properties)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=START_TIMEOUT_S,
        )
        if done.returncode:
            raise BrokerError(f"The broker's folder was not formatted:\n{done.stdout}{done.stderr}")

    def _java(self) -> list[str]:
        engine = self._settings.engine
        folder = engine.jars_dir / "kafka"
        jars = ensure_jars(engine.model_copy(update={"jars_dir": folder}), pinned_jars(BROKER_JARS))
        class_path = ":".join(map(str, jars))
        level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [str(find_java()), HEAP, level, "-cp", class_path]

    def _write_properties(
        self, port: int, controller_port: int, secure_port: int, secure: SecureListener | None
    ) -> Path:
        listeners = [f"PLAINTEXT://localhost:{port}"]
        protocols = ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"]
        more: dict[str, object] = {}
        if secure is not None:
            listeners.append(f"SECURE://localhost:{secure_port}")
            protocols.append("SECURE:SASL_SSL")
            login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
            user = '"user_$ConnectionString"'
            more = {
                "sasl.enabled.mechanisms": "PLAIN",
                "listener.name.secure.plain.sasl.jaas.config": (
                    f'{login} {user}="{secure.connection_string}";'
                ),
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": secure.keystore,
            }
        properties = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@localhost:{controller_port}",
            "listeners": ",".join([*listeners, f"CONTROLLER://localhost:{controller_port}"]),
            "advertised.listeners": ",".join(listeners),
            "listener.security.protocol.map": ",".join(protocols),
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self._data,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "auto.create.topics.enable": "false",
            **more,
        }
        path = self._folder / "server.properties"
        path.touch(mode=0o600)
        path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        return path

    def _read(self) -> BrokerRecord | None:
        path = self._folder / "broker.json"
        return BrokerRecord(**json.loads(path.read_text())) if path.is_file() else None

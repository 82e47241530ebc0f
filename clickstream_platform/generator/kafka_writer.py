"""Lines as Kafka messages instead of files; the truth names the topic where it names a file."""

from __future__ import annotations

import zlib

from confluent_kafka import KafkaError, Message, Producer

from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.streaming.topics import create_topic

PARTITIONS = 3
ANSWER_S = 30.0


class ProduceError(EnvironmentProblemError):
    """The brokers did not take what was sent, or do not answer."""


class KafkaWriter:
    """Sends each line as one message, over all partitions; every call waits until all are kept."""

    def __init__(self, servers: str, topic: str) -> None:
        self._topic = topic
        self._servers = servers
        create_topic(servers, topic, partitions=PARTITIONS)
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,  # a message that is sent again is stored once
                "linger.ms": 5,
                "log_level": 0,
            }
        )
        self._failed: KafkaError | None = None
        self._calls = 0

    def write(self, hour: str, lines: list[str]) -> str:
        """A name of its own for these lines, once all are stored.

        Raises: ProduceError.
        """
        del hour  # the broker stamps the time of arrival
        self._calls += 1
        for line in lines:
            value = line.encode("utf-8", "surrogateescape")
            # A line that is sent again follows its first copy in the same partition.
            key = zlib.crc32(value).to_bytes(4)
            self._producer.produce(self._topic, value, key, on_delivery=self._delivered)
            self._producer.poll(0)
        left = self._producer.flush(ANSWER_S)
        if left or self._failed is not None:
            raise ProduceError(
                f"{left} messages for {self._topic} did not reach {self._servers}: "
                f"{self._failed or 'no answer'}. See that the broker runs."
            )
        return f"{self._topic}#{self._calls:06d}"

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        del message
        self._failed = error or self._failed

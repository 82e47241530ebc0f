"""Topics at their brokers."""

from __future__ import annotations

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from clickstream_platform.errors import EnvironmentProblemError

ANSWER_S = 30.0


class TopicError(EnvironmentProblemError):
    """The brokers do not answer, or refuse a topic."""


def create_topic(servers: str, topic: str, *, partitions: int) -> bool:
    """True if the topic was made, false if it was there.

    Raises: TopicError.
    """
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    try:
        if topic in admin.list_topics(timeout=ANSWER_S).topics:
            return False
        wanted = NewTopic(topic, num_partitions=partitions, replication_factor=1)
        admin.create_topics([wanted])[topic].result(ANSWER_S)
    except KafkaException as error:
        raise TopicError(
            f"Topic {topic} at {servers}: {error}. See that the brokers run."
        ) from error
    return True

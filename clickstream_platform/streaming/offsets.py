"""Where a stream goes on: what bronze holds, beside what the brokers have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from clickstream_platform.errors import ClickstreamError, EnvironmentProblemError
from clickstream_platform.streaming.plan import StreamPlan

ANSWER_S = 15.0
_EARLIEST = -2  # how Spark writes "the first there is"


class BrokersUnreachableError(EnvironmentProblemError):
    """The brokers do not answer, or do not know the topic."""


class OffsetsError(ClickstreamError):
    """The brokers and bronze do not fit together; going on would lose lines. `rule` names how."""

    rule: str = ""


class OffsetsLostError(OffsetsError):
    """The brokers have deleted lines that bronze never got."""

    rule = "offsets_lost"


class OffsetsWentBackError(OffsetsError):
    """A partition ends before what bronze holds of it: the topic was made anew."""

    rule = "offsets_went_back"


@dataclass(frozen=True)
class Partition:
    """A partition at its broker: the first offset it still has, and the one it will give next."""

    topic: str
    number: int
    low: int
    high: int


class Partitions:
    """Asks the brokers of one stream for their partitions' ends; holds one connection."""

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._client = Consumer(plan.client_options())

    def close(self) -> None:
        self._client.close()

    def now(self) -> dict[str, Partition]:
        """Address -> partition, for every partition of the stream's topics.

        Raises: BrokersUnreachableError.
        """
        plan = self._plan
        found: dict[str, Partition] = {}
        try:
            for topic in plan.kafka.topics if plan.kafka else ():
                described = self._client.list_topics(topic, timeout=ANSWER_S).topics[topic]
                if described.error is not None:
                    raise KafkaException(described.error)
                for number in described.partitions:
                    low, high = self._client.get_watermark_offsets(
                        TopicPartition(topic, number), timeout=ANSWER_S
                    )
                    found[plan.address(topic, number)] = Partition(topic, number, low, high)
        except KafkaException as error:
            servers = plan.kafka.servers if plan.kafka else ""
            raise BrokersUnreachableError(
                f"The stream {plan.source} cannot ask {servers} for its partitions: {error}. Check "
                "`kafka.servers` and `kafka.topics` in the mapping, and that the brokers run."
            ) from error
        return found


def check_offsets(partitions: Mapping[str, Partition], committed: Mapping[str, int]) -> None:
    """Raises: OffsetsLostError or OffsetsWentBackError naming partition and offsets."""
    for address, found in partitions.items():
        last = committed.get(address)
        if last is None:
            continue
        remedy = (
            "Find out why; then raise `kafka.generation` in the source's mapping: the stream reads "
            "what the topic still has, and lines it read before fall out as duplicates."
        )
        if found.high < last + 1:
            raise OffsetsWentBackError(
                f"{address}: bronze holds offset {last:,}, but the partition ends before "
                f"{found.high:,}: it was made anew. {remedy}"
            )
        if found.low > last + 1:
            raise OffsetsLostError(
                f"{address}: bronze ends at offset {last:,}, but the broker's first is "
                f"{found.low:,}: {found.low - last - 1:,} lines were deleted unread. {remedy}"
            )


def lag(partitions: Mapping[str, Partition], committed: Mapping[str, int]) -> int:
    """Lines at the brokers that bronze does not hold yet."""
    return sum(
        max(found.high - max(committed.get(address, -1) + 1, found.low), 0)
        for address, found in partitions.items()
    )


def starting_offsets(partitions: Mapping[str, Partition], committed: Mapping[str, int]) -> str:
    """Spark's JSON: after what bronze holds, else at the first that the broker has."""
    starts: dict[str, dict[str, int]] = {}
    for address, found in partitions.items():
        last = committed.get(address)
        start = _EARLIEST if last is None else last + 1
        starts.setdefault(found.topic, {})[str(found.number)] = start
    return json.dumps(starts)

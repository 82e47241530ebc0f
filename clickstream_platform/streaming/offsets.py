"""Where a stream goes on: what bronze holds, beside what the brokers have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from clickstream_platform import logs
from clickstream_platform.errors import ClickstreamError, EnvironmentProblemError
from clickstream_platform.streaming.plan import StreamPlan

ANSWER_S = 15.0
_EARLIEST = -2  # how Spark writes "the first there is"
_NO_ID = (0, 0)  # of brokers that give their topics none
_REMEDY = (
    "Find out why; then raise `kafka.generation` in the source's mapping: the stream reads what "
    "the topic still has, and lines it read before fall out as duplicates."
)


class BrokersUnreachableError(EnvironmentProblemError):
    """The brokers do not answer, or do not know the topic."""


class OffsetsError(ClickstreamError):
    """The brokers and bronze do not fit together; going on would lose lines. `rule` names how."""

    rule: str = ""


class OffsetsLostError(OffsetsError):
    """The brokers have deleted lines that bronze never got."""

    rule = "offsets_lost"


class OffsetsWentBackError(OffsetsError):
    """The topic was made anew: another id, a partition gone, or an end before bronze's."""

    rule = "offsets_went_back"


class OffsetsForeignError(OffsetsError):
    """Bronze holds another source's lines at the addresses this stream would give."""

    rule = "offsets_foreign"


@dataclass(frozen=True)
class Partition:
    """A partition at its broker: the first offset it still has, and the one it will give next."""

    topic: str
    number: int
    low: int
    high: int
    topic_id: str | None = None  # of the topic as it was made; null where brokers tell none


@dataclass(frozen=True)
class Seen:
    """A partition as the stream found it first: its topic's id, null if untold, and its start."""

    topic_id: str | None
    start: int


class Partitions:
    """Asks the brokers of one stream for their partitions' ends; holds one connection."""

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._client = Consumer(plan.client_options())
        self._admin = AdminClient({**plan.client_options()})
        self._log = logs.get_logger("stream")
        self._without_id: set[str] = set()

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
                topic_id = self._topic_id(topic)
                for number in described.partitions:
                    low, high = self._client.get_watermark_offsets(
                        TopicPartition(topic, number), timeout=ANSWER_S
                    )
                    found[plan.address(topic, number)] = Partition(
                        topic, number, low, high, topic_id
                    )
        except KafkaException as error:
            servers = plan.kafka.servers if plan.kafka else ""
            raise BrokersUnreachableError(
                f"The stream {plan.source} cannot ask {servers} for its partitions: {error}. Check "
                "`kafka.servers` and `kafka.topics` in the mapping, and that the brokers run."
            ) from error
        return found

    def _topic_id(self, topic: str) -> str | None:
        """Null where the brokers tell none, as Event Hubs may: offsets are compared alone then."""
        asked = self._admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_S)
        try:
            found = asked[topic].result(ANSWER_S).topic_id
        except (KafkaException, TimeoutError) as error:
            if topic not in self._without_id:  # asked every few seconds, told once
                self._log.warning("brokers tell no topic id", topic=topic, error=str(error))
                self._without_id.add(topic)
            return None
        halves = (found.get_most_significant_bits(), found.get_least_significant_bits())
        return None if halves == _NO_ID else str(found)


def own_offsets(plan: StreamPlan, held: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Address -> the largest offset bronze holds of it for this stream's source.

    Raises: OffsetsForeignError if lines of another source are `held` at such an address.
    """
    for other in sorted(set(held) - {plan.source}):
        address = min(held[other])
        raise OffsetsForeignError(
            f"{address}: bronze holds offsets up to {held[other][address]:,} of it for the source "
            f"{other}, so the stream {plan.source} would give the same addresses to other lines. "
            f"Give {plan.source} a `kafka.generation` of its own in its mapping."
        )
    return dict(held.get(plan.source, {}))


def topic_of(address: str) -> str:
    return address.partition("/")[0]


def check_offsets(
    partitions: Mapping[str, Partition],
    committed: Mapping[str, int],
    seen: Mapping[str, Seen] | None = None,
) -> None:
    """Compares what the brokers have with what bronze holds and what was `seen` of it before.

    Raises: OffsetsLostError or OffsetsWentBackError naming partition and offsets.
    """
    held = {topic_of(address) for address in committed}
    known = {address: found for address, found in (seen or {}).items() if topic_of(address) in held}
    for address, last in committed.items():
        if address not in partitions:
            raise OffsetsWentBackError(
                f"{address}: bronze holds offset {last:,}, but the topic has no such partition: it "
                f"was made anew. {_REMEDY}"
            )
    for address, found in partitions.items():
        _check_id(address, found, committed.get(address), known.get(address))
        if address in committed:
            _check_ends(address, found, committed[address])
        elif any(topic_of(other) == found.topic for other in known):
            _check_start(address, found, known.get(address))


def _check_id(address: str, found: Partition, last: int | None, seen: Seen | None) -> None:
    if seen is None or seen.topic_id is None or found.topic_id in (None, seen.topic_id):
        return
    held = "nothing" if last is None else f"up to offset {last:,}"
    raise OffsetsWentBackError(
        f"{address}: bronze holds {held} of the topic with the id {seen.topic_id}, but the topic "
        f"at the brokers has the id {found.topic_id} and offsets {found.low:,} to "
        f"{found.high - 1:,}: it was made anew. {_REMEDY}"
    )


def _check_ends(address: str, found: Partition, last: int) -> None:
    if found.high < last + 1:
        raise OffsetsWentBackError(
            f"{address}: bronze holds offset {last:,}, but the partition ends before "
            f"{found.high:,}: it was made anew. {_REMEDY}"
        )
    if found.low > last + 1:
        raise OffsetsLostError(
            f"{address}: bronze ends at offset {last:,}, but the broker's first is "
            f"{found.low:,}: {found.low - last - 1:,} lines were deleted unread. {_REMEDY}"
        )


def _check_start(address: str, found: Partition, seen: Seen | None) -> None:
    """Of a partition bronze has nothing of: a new one begins at 0, another where it was seen."""
    start = 0 if seen is None else seen.start
    if found.low > start:
        raise OffsetsLostError(
            f"{address}: bronze holds nothing of it and would begin at offset {start:,}, but the "
            f"broker's first is {found.low:,}: {found.low - start:,} lines were deleted unread. "
            f"{_REMEDY}"
        )


def lag(
    partitions: Mapping[str, Partition],
    committed: Mapping[str, int],
    read: Mapping[str, int] | None = None,
) -> int:
    """Offsets at the brokers that bronze does not hold yet, and that the query has not `read`.

    The marks of transactions take offsets that no line has: bronze alone would never reach the end.
    """
    known = read or {}
    return sum(
        max(
            found.high - max(committed.get(address, -1) + 1, known.get(address, 0), found.low),
            0,
        )
        for address, found in partitions.items()
    )


def reached(committed: Mapping[str, int], read: Mapping[str, int]) -> dict[str, int]:
    """Address -> the last offset of what bronze has begun that is done with, a line's or a mark's.

    So that retention may delete a mark behind the last line, which is no line deleted unread.
    """
    return {address: max(last, read.get(address, 0) - 1) for address, last in committed.items()}


def read_to(plan: StreamPlan, ends: str | None) -> dict[str, int]:
    """Address -> the next offset to read, by the `ends` that a query reports of its last batch."""
    found: dict[str, dict[str, int]] = json.loads(ends) if ends else {}
    return {
        plan.address(topic, int(number)): end
        for topic, of_topic in (found or {}).items()
        for number, end in of_topic.items()
    }


def starting_offsets(partitions: Mapping[str, Partition], committed: Mapping[str, int]) -> str:
    """Spark's JSON: after what bronze holds, else at the first that the broker has."""
    starts: dict[str, dict[str, int]] = {}
    for address, found in partitions.items():
        last = committed.get(address)
        start = _EARLIEST if last is None else last + 1
        starts.setdefault(found.topic, {})[str(found.number)] = start
    return json.dumps(starts)

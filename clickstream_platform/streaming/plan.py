"""What one stream reads and how: its source's `kafka:` block, settings, clients' options."""

from __future__ import annotations

from dataclasses import dataclass

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.errors import UsageError
from clickstream_platform.setting_groups import StreamSettings
from clickstream_platform.sources.loader import refuse_shared_topics
from clickstream_platform.sources.model import KafkaInput

EVENT_HUBS_USER = "$ConnectionString"  # literally: Event Hubs finds the rest in the password
_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


@dataclass(frozen=True)
class StreamPlan:
    """One stream. `kafka` is null for a source that is streamed from its landing files."""

    source: str
    kafka: KafkaInput | None
    options: StreamSettings

    def address(self, topic: str, partition: int) -> str:
        """The `source_file` of a partition's lines."""
        return f"{topic}/{partition}@{self._kafka.generation}"

    def spark_options(self, starting_offsets: str) -> dict[str, str]:
        """Options of Spark's Kafka source."""
        kafka = self._kafka
        return {
            "kafka.bootstrap.servers": kafka.servers,
            "subscribe": ",".join(kafka.topics),
            "startingOffsets": starting_offsets,
            "maxOffsetsPerTrigger": str(self.options.max_offsets_per_trigger),
            "failOnDataLoss": "true",
            "kafka.isolation.level": "read_committed",  # an aborted transaction never happened
            **{f"kafka.{key}": value for key, value in self._java_security().items()},
        }

    def client_options(self) -> dict[str, str | int]:
        """Options of the Python client, which asks for partitions and offsets."""
        kafka = self._kafka
        plain: dict[str, str | int] = {
            "bootstrap.servers": kafka.servers,
            "group.id": f"clickstream-{self.source}",
            "enable.auto.commit": "false",
            "isolation.level": "read_committed",  # so that both count to the same ends
            "log_level": 0,
        }
        if kafka.security == "plaintext":
            return plain
        secure: dict[str, str | int] = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "PLAIN",
            "sasl.username": EVENT_HUBS_USER,
            "sasl.password": self._connection_string,
        }
        if self.options.ca_file is not None:
            secure["ssl.ca.location"] = str(self.options.ca_file)
        return plain | secure

    def _java_security(self) -> dict[str, str]:
        if self._kafka.security == "plaintext":
            return {}
        password = self._connection_string.replace("\\", "\\\\").replace('"', '\\"')
        secure = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.jaas.config": f'{_LOGIN} username="{EVENT_HUBS_USER}" password="{password}";',
        }
        if self.options.ca_file is not None:
            secure["ssl.truststore.type"] = "PEM"
            secure["ssl.truststore.location"] = str(self.options.ca_file)
        return secure

    @property
    def _kafka(self) -> KafkaInput:
        if self.kafka is None:
            raise UsageError(f"The source {self.source} is streamed from files, not from Kafka.")
        return self.kafka

    @property
    def _connection_string(self) -> str:
        secret = self.options.connection_strings.get(self.source)
        if secret is None:
            raise UsageError(
                f"The source {self.source} reads Event Hubs; set the environment variable "
                f"CLICKSTREAM_STREAM__CONNECTION_STRINGS__{self.source.upper()} to the namespace's "
                "connection string."
            )
        return secret.get_secret_value()


def plan_stream(
    workspace: Workspace,
    source: str,
    *,
    servers: str | None = None,
    topics: list[str] | None = None,
    trigger_s: float | None = None,
    max_offsets_per_trigger: int | None = None,
) -> StreamPlan:
    """The stream of `source`; what is not null goes before its mapping and the settings.

    Raises: UsageError for an unknown source, servers for a source without `kafka:`, or a topic that
        another source reads with the same generation.
    """
    found = workspace.sources.get(source)
    if found is None:
        known = ", ".join(sorted(workspace.sources))
        raise UsageError(f"There is no source {source!r}. Sources: {known}.")
    kafka = found.kafka
    if kafka is None and (servers or topics):
        raise UsageError(f"The mapping {source} has no `kafka:` block; add one with its topics.")
    if kafka is not None:
        given = {"servers": servers, "topics": topics}
        kafka = kafka.model_copy(update={name: val for name, val in given.items() if val})
        refuse_shared_topics(workspace.sources, source, kafka)
    limits = {"trigger_s": trigger_s, "max_offsets_per_trigger": max_offsets_per_trigger}
    options = workspace.settings.stream.model_copy(
        update={name: value for name, value in limits.items() if value is not None}
    )
    return StreamPlan(source, kafka, options)

"""A stream's lines from Kafka: one Structured Streaming query into bronze."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Collection, Mapping

from grpc import RpcError
from pyspark.errors import PySparkException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from clickstream_platform import logs
from clickstream_platform.build.touched import record_touched, record_unnoted
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import connect
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.storage import delta
from clickstream_platform.storage.offsets import added_between, committed_offsets
from clickstream_platform.streaming.feed import Commit
from clickstream_platform.streaming.offsets import (
    BrokersUnreachableError,
    OffsetsLostError,
    Partition,
    Partitions,
    check_offsets,
    lag,
    own_offsets,
    reached,
    read_to,
    starting_offsets,
)
from clickstream_platform.streaming.outage import is_lost, names_brokers
from clickstream_platform.streaming.plan import StreamPlan
from clickstream_platform.streaming.query import kafka_lines
from clickstream_platform.streaming.seen import SeenPartitions
from clickstream_platform.streaming.state import Heartbeat, StreamFolder
from clickstream_platform.tables.bronze import BRONZE_EVENTS

LAG_EVERY_S = 5.0


class QueryFailedError(ClickstreamError):
    """The streaming query ended with an error; its message is the engine's."""


class KafkaFeed:
    """One Structured Streaming query into bronze, and the note of each of its commits.

    Guarantees: a line whose address bronze holds is never appended again. Each start goes on where
        bronze ends, with a new checkpoint: an old one could only say the same, or be wrong.
    """

    def __init__(
        self, workspace: Workspace, plan: StreamPlan, before: Heartbeat | None, *, run_id: str
    ) -> None:
        if plan.kafka is None:
            raise ClickstreamError(f"{plan.source} has no `kafka:` block.")
        self._workspace = workspace
        self._plan = plan
        self._kafka = plan.kafka
        self._run_id = run_id
        self._folder = StreamFolder(workspace.settings, plan.source)
        self._partitions = Partitions(plan)
        self._seen = SeenPartitions(workspace.settings, plan.source)
        self._session: SparkSession | None = None
        self._query: StreamingQuery | None = None
        known = before.bronze_version if before is not None else None
        self._version = -1 if known is None else known
        self._held: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._last: Commit | None = None
        self._looked_at = 0.0
        self._lag: int | None = None
        self._may_run = False
        self._log = logs.get_logger("stream")

    def start(self) -> None:
        """Ends what an earlier process left behind, then goes on where bronze ends.

        Raises: OffsetsError, BrokersUnreachableError.
        """
        workspace, plan = self._workspace, self._plan
        self._session = self._join_session()
        for orphan in self._session.streams.active:
            orphan.stop()  # returns when its last commit is done or given up
        record_unnoted(workspace.lake, run_id=self._run_id, doubtful=self._left_behind())
        self._version = delta.version(workspace.lake, BRONZE_EVENTS)
        kafka = self._kafka
        held = committed_offsets(workspace.lake, kafka.topics, kafka.generation)
        self._held = own_offsets(plan, held)
        partitions = self._partitions.now()
        self._check(partitions)
        shutil.rmtree(self._folder.checkpoint, ignore_errors=True)
        lines = kafka_lines(
            self._session,
            plan,
            workspace.sources[plan.source],
            workspace.limits,
            starting_offsets=starting_offsets(partitions, self._held),
            committed=self._held,
            run_id=self._run_id,
        )
        self._query = delta.append_stream(
            lines,
            workspace.lake,
            BRONZE_EVENTS,
            name=f"stream_{plan.source}",
            checkpoint=self._folder.checkpoint,
            trigger_s=plan.options.trigger_s,
            run_id=self._run_id,
        )

    def _check(self, partitions: Mapping[str, Partition]) -> None:
        check_offsets(partitions, reached(self._held, self._read), self._seen.known())
        self._seen.note(partitions, self._held)

    def _left_behind(self) -> Collection[str] | None:
        """Home hours of the lines committed since the life before last beat; null if unknown."""
        kafka = self._kafka
        if self._version < 0:
            return ()
        try:
            newest = delta.version(self._workspace.lake, BRONZE_EVENTS)
            added = added_between(
                self._workspace.lake, self._version, newest, kafka.topics, kafka.generation
            )
            return {part.home_hour for part in added}
        except FileNotFoundError:  # upkeep removed the log or the files
            return None

    def poll(self) -> Commit | None:
        """Raises: QueryFailedError; OffsetsError if the brokers lost what was not read yet."""
        if self._query is not None and not self._query.isActive:
            said = str(self._query.exception() or "it was ended from outside")
            kind = OffsetsLostError if "DATA_LOSS" in said.upper() else QueryFailedError
            raise kind(f"The stream {self._plan.source} stopped: {said}")
        is_due = time.monotonic() - self._looked_at >= LAG_EVERY_S
        # Asked before the commits are noted: what was read by then is noted when it counts.
        read = self._read_to() if is_due and self._lag != 0 else self._read
        self._note_commits()
        self._read = read
        if time.monotonic() - self._looked_at >= LAG_EVERY_S:
            self._looked_at = time.monotonic()
            self._lag = self._compared()
        return self._last

    def _compared(self) -> int | None:
        """The lag; null while the brokers do not answer, which the query outlives."""
        try:
            partitions = self._partitions.now()
        except BrokersUnreachableError as error:
            self._log.warning("brokers do not answer", error=str(error))
            return None
        self._check(partitions)
        return lag(partitions, self._held, self._read)

    def _note_commits(self) -> None:
        """Tells `ops/hour_state` which home hours the newest versions of bronze touched."""
        lake, kafka = self._workspace.lake, self._kafka
        newest = delta.version(lake, BRONZE_EVENTS)
        added = list(added_between(lake, self._version, newest, kafka.topics, kafka.generation))
        if not added:
            self._version = newest  # of others, or a compaction: nobody need keep them for us
            return
        touched: dict[tuple[str, str], int] = {}
        for part in added:
            key = (part.home_hour, self._plan.source)
            touched[key] = touched.get(key, 0) + part.lines
            self._held[part.address] = max(part.last, self._held.get(part.address, -1))
        record_touched(lake, touched, run_id=self._run_id)
        self._version = added[-1].version
        self._looked_at = 0.0  # the lag is another now
        lines = sum(part.lines for part in added)
        self._last = Commit(
            lines=lines,
            total_lines=lines + (self._last.total_lines if self._last else 0),
            committed_at=added[-1].committed_at.isoformat(timespec="milliseconds"),
            seconds=self._batch_seconds(),
            ingest_hours=tuple(sorted({part.ingest_hour for part in added})),
        )

    def _read_to(self) -> dict[str, int]:
        """Address -> the offset behind the last batch: past what no line of bronze stands for."""
        progress = self._query.lastProgress if self._query is not None else None
        if not progress:
            return self._read
        return read_to(self._plan, progress["sources"][0]["endOffset"])

    def _batch_seconds(self) -> float | None:
        progress = self._query.lastProgress if self._query is not None else None
        spent = progress["durationMs"].get("triggerExecution") if progress else None
        return None if spent is None else spent / 1000

    def lag(self) -> int | None:
        return self._lag

    def position(self) -> str | None:
        return str(sorted(self._held.items()))

    def is_cut_off(self, error: Exception) -> bool:
        if names_brokers(error) or is_lost(self._session, error):
            return True
        try:
            self._partitions.now()
        except BrokersUnreachableError:
            return True
        return False

    def noted_version(self) -> int | None:
        return None if self._version < 0 else self._version

    def catch_up(self) -> Callable[[], bool]:
        """Up to the offsets that the brokers would give next now."""
        there = self._partitions.now()
        return lambda: lag(there, self._held, self._read) == 0

    def stop(self) -> None:
        """Leaves no query in the engine, and none of its commits without a note."""
        query, self._query = self._query, None
        if query is None:
            return
        try:
            if query.isActive:
                query.stop()
        except (PySparkException, RpcError) as error:
            # Without an answer the query may still run: the next start looks into its session.
            self._may_run = True
            self._log.warning("the engine does not answer", error=str(error).splitlines()[0])
        self._note_commits()

    def close(self) -> None:
        """Gives back session and connections; to be called last, the session is the default one."""
        if self._session is not None:
            self._session.release_session_on_close = not self._may_run
            self._session.stop()
            self._session = None
            self._partitions.close()
            if not self._may_run:
                self._folder.note_session(None)

    def _join_session(self) -> SparkSession:
        """The session of a stream that did not end well, which may still run; else a new one."""
        settings = self._workspace.settings
        left = self._folder.session_id()
        if left is not None:
            session = connect(settings, session_id=left)
            try:
                session.conf.get("spark.sql.session.timeZone")
            except SparkConnectGrpcException as error:
                if "SESSION" not in str(error):  # the engine refuses an id whose session it closed
                    raise
            else:
                return session
        fresh = str(uuid.uuid4())
        self._folder.note_session(fresh)
        return connect(settings, session_id=fresh)

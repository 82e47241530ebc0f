"""Where a stream's lines come from: a query on Kafka, or landing files as they appear."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.touched import record_touched, record_unnoted
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import connect
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.storage import delta
from clickstream_platform.storage.offsets import added_since, committed_offsets
from clickstream_platform.streaming.offsets import (
    OffsetsLostError,
    Partitions,
    check_offsets,
    lag,
    starting_offsets,
)
from clickstream_platform.streaming.plan import StreamPlan
from clickstream_platform.streaming.query import kafka_lines
from clickstream_platform.streaming.state import StreamFolder, utc_now
from clickstream_platform.tables.bronze import BRONZE_EVENTS

LAG_EVERY_S = 5.0


class QueryFailedError(ClickstreamError):
    """The streaming query ended with an error; its message is the engine's."""


@dataclass(frozen=True)
class Commit:
    """What came to bronze last: new lines, and how many since the start. Time in ISO 8601, UTC."""

    lines: int
    total_lines: int
    committed_at: str
    seconds: float | None
    ingest_hours: tuple[str, ...]


class Feed(Protocol):
    """Brings a stream's lines to bronze."""

    def start(self) -> None: ...

    def poll(self) -> Commit | None:
        """What was committed last; raises what went wrong."""

    def lag(self) -> int | None: ...

    def position(self) -> str | None:
        """What it is at, to tell whether it fails at the same place again."""

    def catch_up(self) -> Callable[[], bool]:
        """A question, true once everything that is there now has come in."""

    def stop(self) -> None:
        """Nothing comes in after it."""

    def close(self) -> None: ...


class KafkaFeed:
    """One Structured Streaming query into bronze, and the note of each of its commits.

    Guarantees: a line whose address bronze holds is never appended again. Each start goes on where
        bronze ends, with a new checkpoint: an old one could only say the same, or be wrong.
    """

    def __init__(self, workspace: Workspace, plan: StreamPlan, *, run_id: str) -> None:
        if plan.kafka is None:
            raise ClickstreamError(f"{plan.source} has no `kafka:` block.")
        self._workspace = workspace
        self._plan = plan
        self._kafka = plan.kafka
        self._run_id = run_id
        self._folder = StreamFolder(workspace.settings, plan.source)
        self._partitions = Partitions(plan)
        self._session: SparkSession | None = None
        self._query: StreamingQuery | None = None
        self._version = -1
        self._held: dict[str, int] = {}
        self._last: Commit | None = None
        self._looked_at = 0.0
        self._lag: int | None = None

    def start(self) -> None:
        """Ends what an earlier process left behind, then goes on where bronze ends.

        Raises: OffsetsError, BrokersUnreachableError.
        """
        workspace, plan = self._workspace, self._plan
        self._session = self._join_session()
        for orphan in self._session.streams.active:
            orphan.stop()  # returns when its last commit is done or given up
        record_unnoted(workspace.lake, run_id=self._run_id)
        self._version = delta.version(workspace.lake, BRONZE_EVENTS)
        self._held = committed_offsets(workspace.lake, self._kafka.topics, self._kafka.generation)
        partitions = self._partitions.now()
        check_offsets(partitions, self._held)
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

    def poll(self) -> Commit | None:
        """Raises: QueryFailedError; OffsetsError if the brokers lost what was not read yet."""
        if self._query is not None and not self._query.isActive:
            said = str(self._query.exception() or "it was ended from outside")
            kind = OffsetsLostError if "DATA_LOSS" in said.upper() else QueryFailedError
            raise kind(f"The stream {self._plan.source} stopped: {said}")
        self._note_commits()
        if time.monotonic() - self._looked_at >= LAG_EVERY_S:
            self._looked_at = time.monotonic()
            partitions = self._partitions.now()
            check_offsets(partitions, self._held)
            self._lag = lag(partitions, self._held)
        return self._last

    def _note_commits(self) -> None:
        """Tells `ops/hour_state` which home hours the newest versions of bronze touched."""
        lake, kafka = self._workspace.lake, self._kafka
        added = list(added_since(lake, self._version, kafka.topics, kafka.generation))
        if not added:
            return
        touched: dict[tuple[str, str], int] = {}
        for part in added:
            key = (part.home_hour, self._plan.source)
            touched[key] = touched.get(key, 0) + part.lines
            self._held[part.address] = max(part.last, self._held.get(part.address, -1))
        record_touched(lake, touched, run_id=self._run_id)
        self._version = added[-1].version
        lines = sum(part.lines for part in added)
        self._last = Commit(
            lines=lines,
            total_lines=lines + (self._last.total_lines if self._last else 0),
            committed_at=added[-1].committed_at.isoformat(timespec="milliseconds"),
            seconds=self._batch_seconds(),
            ingest_hours=tuple(sorted({part.ingest_hour for part in added})),
        )

    def _batch_seconds(self) -> float | None:
        progress = self._query.lastProgress if self._query is not None else None
        spent = progress["durationMs"].get("triggerExecution") if progress else None
        return None if spent is None else spent / 1000

    def lag(self) -> int | None:
        return self._lag

    def position(self) -> str | None:
        return str(sorted(self._held.items()))

    def catch_up(self) -> Callable[[], bool]:
        """Up to the offsets that the brokers would give next now."""
        there = self._partitions.now()
        return lambda: lag(there, self._held) == 0

    def stop(self) -> None:
        """Leaves no query in the engine, and none of its commits without a note."""
        if self._query is not None:
            if self._query.isActive:
                self._query.stop()
            self._query = None
            self._note_commits()

    def close(self) -> None:
        """Gives back session and connections; to be called last, the session is the default one."""
        if self._session is not None:
            self._session.release_session_on_close = True
            self._session.stop()
            self._session = None
            self._folder.note_session(None)
            self._partitions.close()

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


class FileFeed:
    """Landing files, claimed from the manifest like everybody does: at most one trigger late."""

    def __init__(self, workspace: Workspace, plan: StreamPlan, *, run_id: str) -> None:
        self._workspace = workspace
        self._plan = plan
        self._run_id = run_id
        self._lines = 0
        self._polled_at = 0.0
        self._last: Commit | None = None

    def start(self) -> None:
        self._workspace.init_tables()

    def poll(self) -> Commit | None:
        """Raises: UnreadableFileError of the landing, the engine's errors."""
        if time.monotonic() - self._polled_at < self._plan.options.trigger_s:
            return self._last
        self._polled_at = began = time.monotonic()
        self._workspace.look_at_landing()
        hours = list(self._workspace.manifest.waiting_hours())
        if hours:
            ingested = build_bronze(self._workspace, hours, run_id=self._run_id)
            lines = sum(ingested.lines.values())
            self._lines += lines
            seconds = round(time.monotonic() - began, 3)
            self._last = Commit(lines, self._lines, utc_now(), seconds, tuple(ingested.lines))
        return self._last

    def lag(self) -> int | None:
        """Files that wait; null would mean unknown."""
        return self._workspace.manifest.counts().get("seen", 0)

    def position(self) -> str | None:
        return None

    def catch_up(self) -> Callable[[], bool]:
        """Up to the files that wait now."""
        self._polled_at = 0.0
        self.poll()
        return lambda: True

    def stop(self) -> None:
        """Nothing to end: what was claimed was ingested."""

    def close(self) -> None:
        """Nothing to give back."""


def feed_of(workspace: Workspace, plan: StreamPlan, *, run_id: str) -> Feed:
    """The feed for the plan's kind of source."""
    kind = FileFeed if plan.kafka is None else KafkaFeed
    return kind(workspace, plan, run_id=run_id)

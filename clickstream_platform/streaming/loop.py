"""The life of one stream: one instance per source, heartbeat, progress, refresh, a clean end."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from typing import Any, Protocol

from clickstream_platform import logs
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.storage.owners import this_process
from clickstream_platform.streaming.arrivals import bronze_reports
from clickstream_platform.streaming.failing import counted, may_begin_anew
from clickstream_platform.streaming.feed import Commit, Feed
from clickstream_platform.streaming.file_feed import FileFeed
from clickstream_platform.streaming.kafka_feed import KafkaFeed
from clickstream_platform.streaming.offsets import OffsetsError
from clickstream_platform.streaming.outage import first_line
from clickstream_platform.streaming.plan import StreamPlan
from clickstream_platform.streaming.refresh import Refresher
from clickstream_platform.streaming.rounds import Loop
from clickstream_platform.streaming.starting import alone, beating, note_failed_start
from clickstream_platform.streaming.state import (
    Heartbeat,
    StreamFolder,
    begun,
    utc_now,
    with_death,
)
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.silver import SILVER_QUARANTINE

BEAT_S = 2.0
POLL_S = 0.25
RATE_WINDOW_S = 30.0
MAX_SETTLING_ROUNDS = 200  # a backlog, and late orders that make a later hour stale, once per link
LONGEST_START_S = 300.0
REST_S = 20.0  # for rounds in work, before the next life begins in the same process
LONG_LIFE_S = 10.0  # after a shorter one the keeper waits before the next
FIRST_LINES_S = 30.0  # what waits is in bronze by then, or it takes longer than silver should wait


class StreamUnsettledError(ClickstreamError):
    """A stream's time is over, and hours of it could not be built."""


class Observer(Protocol):
    """Whoever wants to know how the stream is doing."""

    def on_beat(self, heartbeat: Heartbeat) -> None: ...

    def on_built(self, reports: Sequence[HourReport]) -> None: ...


def run_stream(
    workspace: Workspace,
    plan: StreamPlan,
    *,
    run_id: str,
    observer: Observer,
    for_s: float | None = None,
    config: dict[str, Any] | None = None,
) -> Heartbeat:
    """Streams until interrupted or for `for_s` seconds, then ends in good order.

    After `for_s` the lines that came in are brought to gold before it returns; an interrupt ends
    at once and leaves that to the next stream or run. What fails after it ran for a while may begin
    anew at once (`may_begin_anew`): a lost engine costs no new process.

    Raises: StreamBusyError; StreamUnsettledError; whatever ended the stream, after noting it in
        the heartbeat.
    """
    end = None if for_s is None else time.monotonic() + for_s
    with alone(workspace.settings, plan.source, run_id):
        before = with_death(StreamFolder(workspace.settings, plan.source).heartbeat())
        while True:
            try:
                life = _Life(
                    workspace, plan, before, run_id=run_id, observer=observer, config=config or {}
                )
            except Exception as error:
                note_failed_start(workspace.settings, plan.source, run_id, config or {}, error)
                raise
            try:
                with life.noted():
                    life.start()
                    life.live(end)
            except Exception:
                if not life.is_followed:
                    raise
                before = life.heartbeat
            else:
                return life.heartbeat


class _Life:
    def __init__(
        self,
        workspace: Workspace,
        plan: StreamPlan,
        before: Heartbeat | None,
        *,
        run_id: str,
        observer: Observer,
        config: dict[str, Any],
    ) -> None:
        self._workspace = workspace
        self._lake = workspace.lake
        self._observer = observer
        self._folder = StreamFolder(workspace.settings, plan.source)
        feed = FileFeed if plan.kafka is None else KafkaFeed
        self._feed: Feed = feed(workspace, plan, before, run_id=run_id)
        self._refresher = Refresher(workspace, plan.source, plan.options, run_id=run_id)
        self._log = logs.get_logger("stream")
        self.heartbeat = begun(
            before, source=plan.source, run_id=run_id, owner=this_process(run_id), config=config
        )
        self.is_followed = False
        self._runs_since: float | None = None
        self._max_failures = plan.options.max_restarts
        self._has_committed = False
        self._is_under_way = False
        self._seen: deque[tuple[float, int]] = deque()
        self._rejected: dict[str, int] = {}
        self._beaten = 0.0

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Begins and ends the heartbeat; a failure is counted if it is at the same position."""
        self._beat()
        try:
            with ExitStack() as stopping:  # what fails to stop keeps nothing else from it
                stopping.callback(self._tell_built)
                stopping.callback(self._refresher.stop)
                stopping.callback(self._feed.stop)
                yield
        except Exception as error:
            self._fail(error)
            raise
        except BaseException:
            self._beat(phase="stopped")
            raise
        else:
            self._beat(phase="stopped")
        finally:
            self._feed.close()

    def start(self) -> None:
        """Makes the tables and starts the query, a minute's work on a busy machine."""
        with beating(
            lambda: self._folder.beat(self.heartbeat), every_s=BEAT_S, at_most_s=LONGEST_START_S
        ):
            self._workspace.init_tables(ALL)
            self._feed.start()

    def live(self, end: float | None) -> None:
        self._runs_since = time.monotonic()
        self._beat(phase="running", error=None, is_environment=False)
        while end is None or time.monotonic() < end:
            self._turn()
        is_done = self._feed.catch_up()
        while not is_done():
            self._turn()
        self._feed.stop()
        self._take(self._feed.poll())
        self._settle()

    def _settle(self) -> None:
        """Refreshes until nothing is stale; the first rounds in work may not have seen the last."""
        self._refresher.wait_for_busy_hours()
        for loop in self._refresher.loops:
            self._finish(loop)
        for _ in range(MAX_SETTLING_ROUNDS):
            built = 0
            for loop in self._refresher.loops:
                loop.begin(at_once=True)
                built += self._finish(loop)
            if not built:
                break
        if failing := self._refresher.failing():
            hours = "; ".join(f"{hour}: {failing[hour]}" for hour in sorted(failing)[-3:])
            raise StreamUnsettledError(
                f"Hours that came in and could not be built: {len(failing)} ({hours}). Bronze has "
                "all of their lines: mend the cause, then `clickstream run`."
            )

    def _finish(self, loop: Loop) -> int:
        """Waits for the loop's round in work; how much it built."""
        built = 0
        while loop.in_work is not None:
            built += loop.collect() or 0
            self._tell_built()
            self._rest()
        return built

    def _turn(self) -> None:
        self._take(self._feed.poll())
        self._is_under_way = self._is_under_way or self._has_come_in()
        if self._is_under_way:
            self._refresher.turn()
        self._tell_built()
        self._rest()

    def _has_come_in(self) -> bool:
        """Whether silver may begin: its first round, a dear one, is to have what waited."""
        since = time.monotonic() - (self._runs_since or 0.0)
        return self._has_committed or self._feed.lag() == 0 or since >= FIRST_LINES_S

    def _rest(self) -> None:
        if time.monotonic() - self._beaten >= BEAT_S:
            self._beat()
        time.sleep(POLL_S)

    def _take(self, note: Commit | None) -> None:
        now = time.monotonic()
        if note is None or self.heartbeat.committed_at == note.committed_at:
            return
        self._has_committed = True
        self._observer.on_built(bronze_reports(self._lake, note.ingest_hours))
        self._seen.append((now, note.total_lines))
        while now - self._seen[0][0] > RATE_WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()
        (since, lines), (until, total) = self._seen[0], self._seen[-1]
        self.heartbeat = replace(
            self.heartbeat,
            committed_at=note.committed_at,
            waiting_since=None,
            lines=note.total_lines,
            batch_s=note.seconds,
            rate=round((total - lines) / (until - since), 1) if until > since else 0.0,
        )

    def _tell_built(self) -> None:
        """Hands on what silver and gold built; also what a life that fails has built before."""
        reports = self._refresher.drain()
        if not reports:
            return
        for report in reports:
            if report.table == SILVER_QUARANTINE.path:
                self._rejected[report.hour] = report.row_count
        self.heartbeat = replace(self.heartbeat, rejected=sum(self._rejected.values()))
        self._observer.on_built(reports)

    def _beat(self, **changes: Any) -> None:
        self._beaten = time.monotonic()
        lag = self._feed.lag()
        since = self.heartbeat.waiting_since
        if lag is not None:  # else nobody knows, for instance while the brokers are away
            since = (since or utc_now()) if lag else None
        seen: dict[str, Any] = {
            "lag": lag,
            "waiting_since": since,
            "bronze_version": self._feed.noted_version(),
            "given_up": self._refresher.given_up(),
        }
        if self._runs_since is not None:
            seen["reached"] = self._feed.position()
            # It has come through what may have ended the lives before: their number counts no more.
            if (self._has_committed or lag == 0) and self._refresher.has_gone_round:
                seen["outages"] = 0
        self.heartbeat = self._folder.beat(replace(self.heartbeat, **(seen | changes)))
        self._observer.on_beat(self.heartbeat)

    def _fail(self, error: Exception) -> None:
        is_final = isinstance(error, (OffsetsError, StreamUnsettledError))
        position, lag = self._place()
        told = counted(
            replace(self.heartbeat, lag=lag),
            error,
            position=position,
            is_lost=self._refresher.is_cut_off or (not is_final and self._feed.is_cut_off(error)),
            has_run=self._runs_since is not None,
        )
        ran_s = 0.0 if self._runs_since is None else time.monotonic() - self._runs_since
        # A round that outlives its life holds leases in this run's name: no life may share them.
        may_follow = not is_final and ran_s >= LONG_LIFE_S
        may_follow = may_follow and may_begin_anew(told, max_failures=self._max_failures)
        self.is_followed = may_follow and self._refresher.comes_to_rest(within_s=REST_S)
        self._runs_since = None
        self.heartbeat = replace(told, error=first_line(error))
        try:
            self._tell_built()
            # Not `failed` if it goes on: the keeper would start another.
            self._beat(phase="starting" if self.is_followed else "failed")
        except Exception:  # as on a disk that is gone: the failure is what is told, not this
            self._log.exception("the failure could not be noted")
        self._log.error("stream failed", **asdict(self.heartbeat))

    def _place(self) -> tuple[str | None, int | None]:
        """Where it stands, and how much waits there; null if that cannot be told."""
        try:
            return self._feed.position(), self._feed.lag()
        except (OSError, ClickstreamError, sqlite3.Error):  # the failure is what is told, not this
            return None, None

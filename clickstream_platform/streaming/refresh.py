"""The second loop of a stream: silver and gold of the hours it touched, beside the query."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Thread

from grpc import RpcError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from clickstream_platform import logs
from clickstream_platform.build.bronze import count_arrivals
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.lateness import uncounted_hours
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.silver import build_silver
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import hour_state, leases
from clickstream_platform.storage.hour_state import States
from clickstream_platform.tables.bronze import BRONZE_EVENTS

STOP_GRACE_S = 8.0
MAX_HOURS = 24  # newest first, so that a backlog does not keep the running hour waiting


class Refresher:
    """Rebuilds what is stale of one source's hours, one round at a time, in a thread of its own."""

    def __init__(self, workspace: Workspace, source: str, *, run_id: str, every_s: float) -> None:
        self._workspace = workspace
        self._source = source
        self._run_id = run_id
        self._every_s = every_s
        self._round: Future[list[HourReport]] | None = None
        self._began = 0.0
        self._session: SparkSession | None = None

    def begin(self, *, at_once: bool = False) -> None:
        """Begins a round if none is in work and one is due, or `at_once`."""
        is_due = at_once or time.monotonic() - self._began >= self._every_s
        if self._round is None and is_due:
            self._began = time.monotonic()
            self._round = Future()
            # A daemon, so that a round that will not end cannot keep the process from ending.
            Thread(target=self._run, args=(self._round,), name="refresh", daemon=True).start()

    def _run(self, promised: Future[list[HourReport]]) -> None:
        try:
            promised.set_result(self._refresh())
        except BaseException as error:
            promised.set_exception(error)

    def collect(self) -> list[HourReport] | None:
        """What a finished round built; null while there is none. Raises its error."""
        if self._round is None or not self._round.done():
            return None
        finished, self._round = self._round, None
        return self._taken(finished)

    @property
    def is_at_work(self) -> bool:
        return self._round is not None

    def _taken(self, finished: Future[list[HourReport]]) -> list[HourReport]:
        """Its reports; hours that somebody else keeps writing wait for a later round."""
        try:
            return finished.result()
        except leases.HoursBusyError as error:
            logs.get_logger("stream").warning("hours are busy", error=str(error))
            return []

    def stop(self) -> None:
        """Gives up the round in work; what it has committed stays, the rest is stale still.

        An interrupt reaches only what the engine does right then, so it is repeated.
        """
        if self._round is None or self._session is None:
            return
        deadline = time.monotonic() + STOP_GRACE_S
        while not self._round.done() and time.monotonic() < deadline:
            with suppress(PySparkException, RpcError):  # a lost engine ends the round by itself
                self._session.interruptAll()
            wait([self._round], timeout=0.5)

    def _refresh(self) -> list[HourReport]:
        workspace, run_id = self._workspace, self._run_id
        self._session = workspace.spark
        reports: list[HourReport] = []
        if uncounted := uncounted_hours(workspace.lake):
            count_arrivals(workspace, uncounted, run_id=run_id)
        states = hour_state.current(workspace.lake)
        ours = _hours_of(states, self._source)
        silver = _newest(hour for hour in stale_silver(workspace, states) if hour in ours)
        if silver:
            reports += build_silver(workspace, silver, run_id=run_id)
            states = hour_state.current(workspace.lake)
        gold = _newest(hour for hour in stale_gold(workspace, states) if hour in ours)
        if gold:
            reports += build_gold(workspace, gold, run_id=run_id)
        return reports


def _hours_of(states: States, source: str) -> set[str]:
    bronze = hour_state.of_table(states, BRONZE_EVENTS.path)
    return {hour for hour, row in bronze.items() if source in row.sources}


def _newest(hours: Iterable[str]) -> Sequence[str]:
    return sorted(hours)[-MAX_HOURS:]

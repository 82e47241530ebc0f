"""What a stream does beside its query: silver and gold of the hours that it touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Thread

from grpc import RpcError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from clickstream_platform import logs
from clickstream_platform.build.bronze import count_arrivals
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.lateness import COLUMNS as LATENESS_COLUMNS
from clickstream_platform.build.lateness import uncounted_hours
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.silver_append import FollowedHours
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.setting_groups import StreamSettings
from clickstream_platform.storage import hour_state, leases
from clickstream_platform.storage.hour_state import States
from clickstream_platform.tables.bronze import BRONZE_EVENTS

STOP_GRACE_S = 8.0
MAX_HOURS = 24  # newest first, so that a backlog does not keep the running hour waiting


class Loop:
    """Work done again and again in a thread of its own, one round at a time."""

    def __init__(self, name: str, work: Callable[[], list[HourReport]], *, every_s: float) -> None:
        self._name = name
        self._work = work
        self._every_s = every_s
        self._round: Future[list[HourReport]] | None = None
        self._began = 0.0

    def begin(self, *, at_once: bool = False) -> None:
        """Begins a round if none is in work and one is due, or `at_once`."""
        is_due = at_once or time.monotonic() - self._began >= self._every_s
        if self._round is None and is_due:
            self._began = time.monotonic()
            self._round = Future()
            # A daemon, so that a round that will not end cannot keep the process from ending.
            Thread(target=self._run, args=(self._round,), name=self._name, daemon=True).start()

    def _run(self, promised: Future[list[HourReport]]) -> None:
        try:
            promised.set_result(self._work())
        except BaseException as error:
            promised.set_exception(error)

    def collect(self) -> list[HourReport] | None:
        """What a finished round built; null while there is none. Raises its error.

        Hours that somebody else keeps writing wait for a later round.
        """
        if self._round is None or not self._round.done():
            return None
        finished, self._round = self._round, None
        try:
            return finished.result()
        except leases.HoursBusyError as error:
            logs.get_logger("stream").warning("hours are busy", error=str(error))
            return []

    @property
    def in_work(self) -> Future[list[HourReport]] | None:
        return self._round


class Refresher:
    """Keeps silver and gold of one source's hours up to date, in two loops.

    Silver need not wait for gold, whose rounds take longer.
    """

    def __init__(
        self, workspace: Workspace, source: str, options: StreamSettings, *, run_id: str
    ) -> None:
        self._workspace = workspace
        self._source = source
        self._run_id = run_id
        self._followed = FollowedHours()
        self._session: SparkSession | None = None
        self.loops = (
            Loop("silver", self._silver, every_s=options.silver_refresh_s),
            Loop("gold", self._gold, every_s=options.gold_refresh_s),
        )

    def turn(self) -> list[HourReport]:
        """What finished rounds built; begins those that are due."""
        reports: list[HourReport] = []
        for loop in self.loops:
            reports += loop.collect() or ()
            loop.begin()
        return reports

    def stop(self) -> None:
        """Gives up the rounds in work; what they have committed stays, the rest is stale still.

        An interrupt reaches only what the engine does right then, so it is repeated.
        """
        deadline = time.monotonic() + STOP_GRACE_S
        while rounds := [r for loop in self.loops if (r := loop.in_work) and not r.done()]:
            if self._session is None or time.monotonic() > deadline:
                return
            with suppress(PySparkException, RpcError):  # a lost engine ends the round by itself
                self._session.interruptAll()
            wait(rounds, timeout=0.5)

    def _silver(self) -> list[HourReport]:
        workspace, run_id = self._workspace, self._run_id
        # Lateness before silver: whoever proves it looks only at arrivals that silver has judged.
        if uncounted := uncounted_hours(workspace.lake):
            count_arrivals(workspace, uncounted, run_id=run_id, columns=LATENESS_COLUMNS)
        states = hour_state.current(workspace.lake)
        hours = self._ours(stale_silver(workspace, states), states)
        if not hours:
            return []
        self._session = workspace.spark
        return self._followed.refresh(workspace, hours, run_id=run_id)

    def _gold(self) -> list[HourReport]:
        workspace = self._workspace
        states = hour_state.current(workspace.lake)
        hours = self._ours(stale_gold(workspace, states), states)
        if not hours:
            return []
        self._session = workspace.spark
        return build_gold(workspace, hours, run_id=self._run_id)

    def _ours(self, hours: Iterable[str], states: States) -> Sequence[str]:
        """The newest of the hours that have lines of this source."""
        bronze = hour_state.of_table(states, BRONZE_EVENTS.path)
        ours = {hour for hour, row in bronze.items() if self._source in row.sources}
        return sorted(hour for hour in hours if hour in ours)[-MAX_HOURS:]

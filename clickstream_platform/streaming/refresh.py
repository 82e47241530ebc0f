"""What a stream does beside its query: silver and gold of the hours that it touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

from grpc import RpcError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from clickstream_platform import logs
from clickstream_platform.build.followed_lateness import FollowedLateness
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount
from clickstream_platform.build.silver_append import FollowedHours
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.setting_groups import StreamSettings
from clickstream_platform.storage import hour_state, leases
from clickstream_platform.storage.hour_state import States
from clickstream_platform.streaming.outage import first_line, is_lost
from clickstream_platform.streaming.turns import Turns
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.silver import SILVER_EVENTS

STOP_GRACE_S = 8.0
HOUR_BUILDS = "hour_builds"  # the rule that an hour breaks which cannot be built
REMEDY = (
    "The stream leaves the hour to the repair runs; if these fail too, mend the cause and run "
    "`clickstream run`."
)


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
        """What a finished round built; null while there is none. Raises its error."""
        if self._round is None or not self._round.done():
            return None
        finished, self._round = self._round, None
        return finished.result()

    @property
    def in_work(self) -> Future[list[HourReport]] | None:
        return self._round


@dataclass(frozen=True)
class _Layer:
    """What is built hour by hour; `checked` are the tables whose check tells that it cannot be."""

    name: str
    tables: Sequence[Table]
    stale: Callable[[Workspace, States], Iterable[str]]
    build: Callable[[Sequence[str]], list[HourReport]]
    turns: Turns
    checked: Sequence[Table] = ()


class Refresher:
    """Keeps silver and gold of one source's hours up to date, in two loops.

    Silver need not wait for gold, whose rounds take longer.
    Guarantees: an hour that cannot be built keeps no other from being built: it is tried again
        alone, and given up in the end (`Turns`), with a report of a failed check for each of its
        tables. Only a lost engine, or what concerns no single hour, ends a loop.
    """

    def __init__(
        self, workspace: Workspace, source: str, options: StreamSettings, *, run_id: str
    ) -> None:
        self._workspace = workspace
        self._source = source
        self._followed = FollowedHours()
        self._session: SparkSession | None = None
        self._is_ending = False
        self.is_cut_off = False  # true once a round ended because the engine was lost
        self._log = logs.get_logger("stream")

        def turns(*, is_nobody_else: bool = False) -> Turns:
            return Turns(max_failures=options.max_restarts, is_nobody_else=is_nobody_else)

        is_alone = not workspace.settings.automation.enabled  # no sensor asks for repair runs
        arrivals = FollowedLateness()

        def count(hours: Sequence[str]) -> list[HourReport]:
            arrivals.count(workspace, hours, run_id=run_id)
            return []

        self._lateness = _Layer(
            "lateness",
            (),
            lambda of, _: arrivals.uncounted(of.lake),
            count,
            turns(is_nobody_else=True),
        )
        self._silver = _Layer(
            "silver",
            SILVER,
            stale_silver,
            lambda hours: self._followed.refresh(workspace, hours, run_id=run_id),
            turns(is_nobody_else=is_alone),
            checked=[SILVER_EVENTS],
        )
        self._gold = _Layer(
            "gold",
            GOLD,
            stale_gold,
            lambda hours: build_gold(workspace, hours, run_id=run_id),
            turns(is_nobody_else=is_alone),
            checked=GOLD,
        )
        # Lateness before silver: whoever proves it looks only at arrivals that silver has judged.
        self.loops = (
            Loop(
                "silver",
                lambda: [*self._round(self._lateness), *self._round(self._silver)],
                every_s=options.silver_refresh_s,
            ),
            Loop("gold", lambda: self._round(self._gold), every_s=options.gold_refresh_s),
        )

    def turn(self) -> list[HourReport]:
        """What finished rounds built; begins those that are due."""
        reports: list[HourReport] = []
        for loop in self.loops:
            reports += loop.collect() or ()
            loop.begin()
        return reports

    def given_up(self) -> dict[str, str]:
        """Hour -> the layer that cannot be built there, and why; others may try."""
        layers = (self._lateness, self._gold, self._silver)
        return {
            hour: f"{layer.name}: {error}"
            for layer in layers
            for hour, error in layer.turns.given_up.items()
        }

    def failing(self) -> dict[str, str]:
        """Hour -> why it could not be built, of those that were tried last without success."""
        layers = (self._lateness, self._gold, self._silver)
        return {hour: error for layer in layers for hour, error in layer.turns.failing.items()}

    def comes_to_rest(self, *, within_s: float) -> bool:
        """Whether no round is in work, or the last of them ends so soon after a `stop`."""
        rounds = [found for loop in self.loops if (found := loop.in_work)]
        return not wait(rounds, timeout=within_s).not_done

    def stop(self) -> None:
        """Gives up the rounds in work; what they have committed stays, the rest is stale still.

        An interrupt reaches only what the engine does right then, so it is repeated.
        """
        self._is_ending = True
        deadline = time.monotonic() + STOP_GRACE_S
        while rounds := [r for loop in self.loops if (r := loop.in_work) and not r.done()]:
            if self._session is None or time.monotonic() > deadline:
                return
            with suppress(PySparkException, RpcError):  # a lost engine ends the round by itself
                self._session.interruptAll()
            wait(rounds, timeout=0.5)

    def _round(self, layer: _Layer) -> list[HourReport]:
        states = hour_state.current(self._workspace.lake)
        stale = layer.stale(self._workspace, states)
        if layer.tables:
            stale = self._ours(stale, states)
        built_from = {hour: _built_from(states, layer, hour) for hour in stale}
        together, alone = layer.turns.next(built_from)
        reports: list[HourReport] = []
        for hours in (together, *([hour] for hour in alone)):
            reports += self._build(layer, hours, states)
        return reports

    def _build(self, layer: _Layer, hours: Sequence[str], states: States) -> list[HourReport]:
        """Builds the hours; if that fails, halves of them, so that the hour to blame is alone."""
        if not hours or self._is_ending:
            return []
        self._session = self._workspace.spark
        try:
            reports = layer.build(hours)
        except leases.HoursBusyError as error:
            self._log.warning("hours are busy", error=str(error))
            return []
        except Exception as error:
            self.is_cut_off = not self._is_ending and is_lost(self._session, error)
            if self._is_ending or self.is_cut_off:
                raise
            if len(hours) == 1:
                return self._failed(layer, hours[0], states, error)
            half = len(hours) // 2
            newer = self._build(layer, hours[half:], states)
            return [*newer, *self._build(layer, hours[:half], states)]
        layer.turns.built(hours)
        return reports

    def _failed(
        self, layer: _Layer, hour: str, states: States, error: Exception
    ) -> list[HourReport]:
        """Nothing while the hour is to be tried again; else its failed checks."""
        words = first_line(error)
        is_given_up = layer.turns.failed(hour, words, built_from=_built_from(states, layer, hour))
        told = {"layer": layer.name, "hour": hour, "source": self._source, "error": words}
        if not is_given_up:
            self._log.warning("hour failed, to be tried again", **told)
            return []
        tables = ", ".join(table.path for table in layer.checked) or layer.name
        self._log.error("hour given up", tables=tables, remedy=REMEDY, **told)
        return [_cannot_be_built(table, hour, states, words) for table in layer.checked]

    def _ours(self, hours: Iterable[str], states: States) -> list[str]:
        """Those of the hours that have lines of this source."""
        bronze = hour_state.of_table(states, BRONZE_EVENTS.path)
        ours = {hour for hour, row in bronze.items() if self._source in row.sources}
        return [hour for hour in hours if hour in ours]


def _built_from(states: States, layer: _Layer, hour: str) -> int:
    found = (states.get((table.path, hour)) for table in layer.tables)
    return max((row.input_version for row in found if row), default=-1)


def _cannot_be_built(table: Table, hour: str, states: States, error: str) -> HourReport:
    """The failed check of an hour that was given up; readers keep what was there."""
    before = states.get((table.path, hour))
    rule = RuleCount(HOUR_BUILDS, "block", 1, 1, f"{error} {REMEDY}")
    return HourReport(
        table=table.path,
        hour=hour,
        row_count=before.row_count if before else 0,
        version=before.version if before else -1,
        unchanged=True,
        checks=(CheckOutcome("contract", (rule,)),),
        blocked_by=HOUR_BUILDS,
    )

"""What a stream does beside its query: silver and gold of the hours that it touched."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import wait
from contextlib import suppress
from queue import Empty, SimpleQueue

from grpc import RpcError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from clickstream_platform import logs
from clickstream_platform.build.followed_lateness import FollowedLateness
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.silver_append import FollowedHours
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.setting_groups import StreamSettings
from clickstream_platform.storage import hour_state, leases
from clickstream_platform.storage.hour_state import States
from clickstream_platform.storage.owners import this_process
from clickstream_platform.streaming.layers import REMEDY, Layer, built_from, cannot_be_built
from clickstream_platform.streaming.outage import first_line, is_lost
from clickstream_platform.streaming.rounds import Loop
from clickstream_platform.streaming.turns import Turns
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.silver import SILVER_EVENTS

STOP_GRACE_S = 8.0
HEAD_START_S = 30.0  # of silver's first round: in a cold engine gold's would only slow it down
GOLD_AT_ONCE = 2  # tables of gold; more plans at a time would slow silver's down


class Refresher:
    """Keeps silver and gold of one source's hours up to date, in two loops.

    Silver need not wait for gold, whose rounds take longer and whose jobs give way to silver's.
    Guarantees: an hour that cannot be built keeps no other from being built: it is tried again
        alone, and given up in the end (`Turns`), with a report of a failed check for each of its
        tables. Only a lost engine, or what concerns no single hour, ends a loop.
        An hour that somebody else holds is left to a later round, and keeps no other waiting.
        What was built is told (`drain`) also if its round fails later, or is given up.
    """

    def __init__(
        self, workspace: Workspace, source: str, options: StreamSettings, *, run_id: str
    ) -> None:
        self._workspace = workspace
        self._source = source
        self._followed = FollowedHours()
        self._sessions: dict[str, SparkSession] = {}  # by layer, once it was built
        self._run_id = run_id
        self._told: SimpleQueue[HourReport] = SimpleQueue()
        self._wait_s = 0.0  # for hours that others hold
        self._is_ending = False
        self.is_cut_off = False  # true once a round ended because the engine was lost
        self._log = logs.get_logger("stream")

        def turns(*, is_nobody_else: bool = False) -> Turns:
            return Turns(max_failures=options.max_restarts, is_nobody_else=is_nobody_else)

        is_alone = not workspace.settings.automation.enabled  # no sensor asks for repair runs
        arrivals = FollowedLateness()

        def count(hours: Sequence[str], wait_s: float) -> int:
            arrivals.count(workspace, hours, run_id=run_id, wait_s=wait_s)
            return 0

        def silver(hours: Sequence[str], wait_s: float) -> int:
            built = self._followed.refresh(
                workspace, hours, run_id=run_id, wait_s=wait_s, on_built=self._tell
            )
            return len(built)

        def gold(hours: Sequence[str], wait_s: float) -> int:
            built = build_gold(
                workspace.in_background,
                hours,
                run_id=run_id,
                wait_s=wait_s,
                on_built=self._tell,
                at_once=GOLD_AT_ONCE,
            )
            return len(built)

        self._lateness = Layer(
            workspace,
            "lateness",
            "bronze",
            (),
            lambda of, _: arrivals.uncounted(of.lake),
            count,
            turns(is_nobody_else=True),
        )
        self._silver = Layer(
            workspace,
            "silver",
            "silver",
            SILVER,
            lambda of, states: [
                hour
                for hour in stale_silver(of, states)
                if not self._followed.is_waiting(hour, states)
            ],
            silver,
            turns(is_nobody_else=is_alone),
            checked=[SILVER_EVENTS],
        )
        self._gold = Layer(
            workspace.in_background,
            "gold",
            "gold",
            GOLD,
            stale_gold,
            gold,
            turns(is_nobody_else=is_alone),
            checked=GOLD,
        )
        # Lateness before silver: whoever proves it looks only at arrivals that silver has judged.
        self.loops = (
            Loop(
                "silver",
                lambda: self._round(self._lateness) + self._round(self._silver),
                every_s=options.silver_refresh_s,
            ),
            Loop("gold", lambda: self._round(self._gold), every_s=options.gold_refresh_s),
        )

    def turn(self) -> None:
        """Begins the rounds that are due, gold's after silver's first. Raises what ended one."""
        silver, gold = self.loops
        for loop in self.loops:
            loop.collect()
        silver.begin()
        if silver.has_gone_round or time.monotonic() - silver.began >= HEAD_START_S:
            gold.begin()

    def drain(self) -> list[HourReport]:
        """What was built since the last time, also by rounds in work or that failed."""
        reports: list[HourReport] = []
        with suppress(Empty):
            while True:
                reports.append(self._told.get_nowait())
        return reports

    def _tell(self, reports: Iterable[HourReport]) -> None:
        for report in reports:
            self._told.put(report)

    @property
    def has_gone_round(self) -> bool:
        """True once each loop has ended a round: what they had to build kills no engine."""
        return all(loop.has_gone_round for loop in self.loops)

    def wait_for_busy_hours(self) -> None:
        """From now on, as at the end of a timed stream: no later round would come back to them, or
        to lines in dispute."""
        self._wait_s = leases.WAIT_S
        self._followed.settle()

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
            if not self._sessions or time.monotonic() > deadline:
                return
            for session in {*self._sessions.values()}:
                with suppress(PySparkException, RpcError):  # a lost engine ends a round by itself
                    session.interruptAll()
            wait(rounds, timeout=0.5)

    def _round(self, layer: Layer) -> int:
        """How many reports of what was built it has told."""
        states = hour_state.current(self._workspace.lake)
        stale = layer.stale(self._workspace, states)
        if layer.tables:
            stale = self._ours(stale, states)
        versions = {hour: built_from(states, layer, hour) for hour in stale}
        together, alone = layer.turns.next(versions)
        parts = (together, *([hour] for hour in alone))
        return sum(self._build(layer, self._free(layer, hours), states) for hours in parts)

    def _free(self, layer: Layer, hours: Sequence[str]) -> Sequence[str]:
        """Those of the hours that nobody else holds; all of them if we wait for these."""
        if self._wait_s or not hours:
            return hours
        state, me = self._workspace.settings.state, this_process(self._run_id)
        busy = {
            lease.hour
            for lease in leases.living(state)
            if lease.layer == layer.lease and lease.owner != me
        }
        return [hour for hour in hours if hour not in busy]

    def _build(self, layer: Layer, hours: Sequence[str], states: States) -> int:
        """Builds the hours; if that fails, halves of them, so that the hour to blame is alone."""
        if not hours or self._is_ending:
            return 0
        session = self._sessions[layer.name] = layer.workspace.spark
        try:
            built = layer.build(hours, self._wait_s)
        except leases.HoursBusyError as error:  # taken since we looked
            self._log.warning("hours are busy", error=str(error))
            return 0
        except Exception as error:
            self.is_cut_off = not self._is_ending and is_lost(session, error)
            if self._is_ending or self.is_cut_off:
                raise
            if len(hours) == 1:
                return self._failed(layer, hours[0], states, error)
            half = len(hours) // 2
            newer = self._build(layer, hours[half:], states)
            return newer + self._build(layer, hours[:half], states)
        layer.turns.built(hours)
        return built

    def _failed(self, layer: Layer, hour: str, states: States, error: Exception) -> int:
        """Tells nothing while the hour is to be tried again; else its failed checks."""
        words = first_line(error)
        is_given_up = layer.turns.failed(hour, words, built_from=built_from(states, layer, hour))
        told = {"layer": layer.name, "hour": hour, "source": self._source, "error": words}
        if not is_given_up:
            self._log.warning("hour failed, to be tried again", **told)
            return 0
        tables = ", ".join(table.path for table in layer.checked) or layer.name
        self._log.error("hour given up", tables=tables, remedy=REMEDY, **told)
        self._tell(cannot_be_built(table, hour, states, words) for table in layer.checked)
        return len(layer.checked)

    def _ours(self, hours: Iterable[str], states: States) -> list[str]:
        """Those of the hours that have lines of this source."""
        bronze = hour_state.of_table(states, BRONZE_EVENTS.path)
        ours = {hour for hour, row in bronze.items() if self._source in row.sources}
        return [hour for hour in hours if hour in ours]

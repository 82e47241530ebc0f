"""The human events in order of time: from plan and walk, with outliers and repeated orders."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from clickstream_platform.generator.behaviour import ORDERS_PER_SESSION, walk
from clickstream_platform.generator.block import EventBlock, concatenated, new_block
from clickstream_platform.generator.catalogue import Shop
from clickstream_platform.generator.faults import OUTLIER, REPEAT
from clickstream_platform.generator.options import MAX_SESSION_EVENTS, MEAN_SESSION_EVENTS, Options
from clickstream_platform.generator.plan import (
    IDLE_MS,
    REPEAT_WITHIN_MS,
    plan_minutes,
    plan_sessions,
)
from clickstream_platform.generator.randomness import stream
from clickstream_platform.generator.shapes.shape import Shape
from clickstream_platform.generator.vocabulary import CODE

DRIP_PART_MS = 120_000
DRIP_MARGIN_MS = 50
OUTLIER_FACTOR = 50


class Source(Protocol):
    """Gives every event once, in order of time."""

    def until(self, time_ms: int) -> EventBlock:
        """The events before `time_ms` that were not given yet, in order of time."""

    def signed_up(self) -> dict[int, int]:
        """When the users that are new to the shop came first, in milliseconds."""


class BatchSource:
    """Plans all sessions at once (small), and makes their events when their time comes."""

    def __init__(self, options: Options, shop: Shop, shape: Shape) -> None:
        self._options, self._shop, self._shape = options, shop, shape
        self.sessions = plan_sessions(options, identity=shape.identity)
        self._next = 0
        self._waiting = new_block(np.empty(0), cart_slots=shape.cart_slots)

    def until(self, time_ms: int) -> EventBlock:
        end = int(np.searchsorted(self.sessions.start, time_ms, side="left"))
        if end > self._next:
            rng = stream(self._options.seed, "walk", self._options.start_ms, self._next)
            begun = self.sessions.take(slice(self._next, end))
            events = _visited(
                walk(
                    begun,
                    self._shop,
                    rng,
                    cart_slots=self._shape.cart_slots,
                    max_quantity=self._shape.max_quantity,
                ),
                self._options,
                rng,
                repeats=self._shape.has_transaction_id,
                tail_ms=REPEAT_WITHIN_MS,
            )
            self._waiting = concatenated([self._waiting, events]).by_time()
            self._next = end
        given, self._waiting = self._waiting.split_at(time_ms)
        return given

    def signed_up(self) -> dict[int, int]:
        new = self.sessions.take(self.sessions.signs_up)
        return dict(zip(new.user.tolist(), new.start.tolist(), strict=True))


class DripSource:
    """Events at an even rate, planned two minutes at a time.

    Guarantees: exactly rate x duration human events, repeated orders not counted; a browser comes
        back only after more than 30 minutes.
    """

    def __init__(self, options: Options, shop: Shop, shape: Shape) -> None:
        self._options, self._shop, self._shape = options, shop, shape
        self._part = 0
        self._first_session = 0
        self._guests = options.users
        self._new_users: list[int] = []
        self._free_from = np.full(options.users, options.start_ms, dtype=np.int64)
        self._waiting = new_block(np.empty(0), cart_slots=shape.cart_slots)

    def until(self, time_ms: int) -> EventBlock:
        while self._part_start() < min(time_ms, self._options.end_ms):
            self._waiting = concatenated([self._waiting, self._next_part()])
        given, self._waiting = self._waiting.split_at(time_ms)
        return given

    def signed_up(self) -> dict[int, int]:
        return dict.fromkeys(self._new_users, self._options.start_ms)

    def _part_start(self) -> int:
        return self._options.start_ms + self._part * DRIP_PART_MS

    def _next_part(self) -> EventBlock:
        start = self._part_start()
        end = min(start + DRIP_PART_MS, self._options.end_ms)
        rate = self._options.rate or 0.0
        due = [round(rate * (moment - self._options.start_ms) / 1000) for moment in (start, end)]
        events = due[1] - due[0]
        part, self._part = self._part, self._part + 1
        if events == 0:
            return new_block(np.empty(0), cart_slots=self._shape.cart_slots)
        sessions = plan_minutes(
            self._options,
            identity=self._shape.identity,
            part=part,
            events=events,
            range_ms=end - start,
            browser=self._take_browsers(events, start),
        )
        sessions.number += self._first_session
        self._first_session += len(sessions)
        self._new_users += sessions.user[sessions.signs_up].tolist()
        rng = stream(self._options.seed, "walk", self._options.start_ms, part)
        walked = walk(
            sessions,
            self._shop,
            rng,
            cart_slots=self._shape.cart_slots,
            max_quantity=self._shape.max_quantity,
        )
        walked.time = start + _even_times(walked, end - start)
        walked.arrival = walked.time.copy()
        return _visited(
            walked, self._options, rng, repeats=self._shape.has_transaction_id, tail_ms=0
        )

    def _take_browsers(self, events: int, start: int) -> np.ndarray:
        """A browser per session: users that were away long enough for up to 70 %, else guests."""
        count = max(1, round(events / MEAN_SESSION_EVENTS))
        free = np.flatnonzero(self._free_from <= start)[: int(0.7 * count)]
        self._free_from[free] = start + DRIP_PART_MS + IDLE_MS + 1
        guests = self._guests + np.arange(count - len(free))
        self._guests += len(guests)
        return np.concatenate([free, guests])


def _even_times(events: EventBlock, range_ms: int) -> np.ndarray:
    """Times spread evenly in the order of the events, strictly rising within each session."""
    count = len(events)
    times = (np.arange(count) * max(range_ms - DRIP_MARGIN_MS, 1) / count).astype(np.int64)
    order = np.lexsort((np.arange(count), events.session))
    session, rising = events.session[order], times[order]
    rank = np.arange(count) - np.searchsorted(session, session, side="left")
    for number in range(1, int(rank.max(initial=0)) + 1):
        rows = np.flatnonzero(rank == number)
        rising[rows] = np.maximum(rising[rows], rising[rows - 1] + 1)
    times[order] = rising
    return times


def _visited(
    events: EventBlock,
    options: Options,
    rng: np.random.Generator,
    *,
    repeats: bool,
    tail_ms: int,
) -> EventBlock:
    """The events with outliers set and repeated orders added, in order of time."""
    priced = (events.product >= 0) & (rng.random(len(events)) < options.rates.anomaly_rate)
    events.factor[priced] = OUTLIER_FACTOR
    events.faults[priced] |= OUTLIER
    if repeats:
        events = concatenated([events, _repeats(events, options, rng, tail_ms=tail_ms)])
    return events.by_time()


def _repeats(
    events: EventBlock, options: Options, rng: np.random.Generator, *, tail_ms: int
) -> EventBlock:
    """Reloads of the thank-you page: a session's first purchase again, before its next event."""
    order = np.lexsort((events.time, events.session))
    session, time = events.session[order], events.time[order]
    is_last = np.append(session[1:] != session[:-1], True)
    room = np.where(is_last, tail_ms, np.append(time[1:], 0) - time)
    length = np.searchsorted(session, session, side="right") - np.searchsorted(session, session)
    chosen = (events.name[order] == CODE["purchase"]) & (room > 20)
    chosen &= events.order[order] % ORDERS_PER_SESSION == 1
    chosen &= (length < MAX_SESSION_EVENTS) & (rng.random(len(events)) < options.rates.repeats)
    repeats = events.take(order[chosen])
    share = rng.uniform(0.1, 0.9, len(repeats))
    repeats.time += (room[chosen] * share).astype(np.int64)
    repeats.arrival = repeats.time.copy()
    repeats.faults = np.full(len(repeats), REPEAT, dtype=np.int32)
    return repeats

"""Which events get which fault, and when a line arrives; what a broken line looks like is
`malformed`."""

from __future__ import annotations

import numpy as np

from clickstream_platform.generator.block import EventBlock
from clickstream_platform.generator.options import HOUR_MS, Options

FAULT_NAMES = (
    "late",
    "outlier",
    "repeat",
    "duplicate",
    "id_collision",
    "future",
    "truncated",
    "binary_garbage",
    "invalid_utf8",
    "missing_event_id",
    "missing_event_type",
    "missing_timestamp",
    "wrong_type",
    "negative_price",
    "bad_timestamp",
    "empty_record",
    "not_json",
)
BIT = {name: 1 << number for number, name in enumerate(FAULT_NAMES)}
# A broken line that a platform keeps: its price cannot be read, and nothing depends on it.
RESCUED = 1 << len(FAULT_NAMES)
LATE, OUTLIER, REPEAT = BIT["late"], BIT["outlier"], BIT["repeat"]
DUPLICATE, COLLISION, FUTURE = BIT["duplicate"], BIT["id_collision"], BIT["future"]
# Broken lines that still say when, and which event they were.
TIME_SURVIVES = frozenset(
    {"missing_event_id", "missing_event_type", "wrong_type", "negative_price"}
)
ID_SURVIVES = TIME_SURVIVES - {"missing_event_id"} | {"missing_timestamp", "bad_timestamp"}

MAX_LATE_HOURS = 72
COLLISION_SHARE = 0.05
SAME_FILE_SHARE = 0.5
RESENT_WITHIN_MS = 6 * HOUR_MS
FUTURE_SKEW_MS = 300_000


def hour_start(time: np.ndarray) -> np.ndarray:
    return time - time % HOUR_MS


def delay_some(events: EventBlock, options: Options, rng: np.random.Generator) -> None:
    """Sets `arrival` and the fault of late events: 1 to 72 hours later, mostly few.

    An arrival after the range moves into its last hour; if that is the event's own, it is on time.
    """
    rows = np.flatnonzero(rng.random(len(events)) < options.rates.late)
    hours = 1 + (rng.random(len(rows)) ** 3 * MAX_LATE_HOURS).astype(np.int64)
    event_hour = hour_start(events.time[rows])
    arrival_hour = np.minimum(event_hour + hours * HOUR_MS, options.end_ms - HOUR_MS)
    within = (rng.random(len(rows)) * HOUR_MS).astype(np.int64)
    is_late = arrival_hour > event_hour
    rows = rows[is_late]
    events.arrival[rows] = (arrival_hour + within)[is_late]
    events.faults[rows] |= LATE


def resends(
    events: EventBlock, options: Options, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows to send again, when they arrive, and rows whose id another event will carry.

    Half of the resends follow within a second, the others within six hours.
    """
    drawn = rng.random(len(events)) < options.rates.duplicates
    collides = rng.random(len(events)) < COLLISION_SHARE
    resent = np.flatnonzero(drawn & ~collides)
    soon = rng.random(len(resent)) < SAME_FILE_SHARE
    wait = np.where(soon, 1000, RESENT_WITHIN_MS) * rng.random(len(resent))
    arrival = np.minimum(events.arrival[resent] + 1 + wait.astype(np.int64), options.end_ms - 1)
    return resent, arrival, np.flatnonzero(drawn & collides)


def collisions(
    events: EventBlock, rows: np.ndarray, options: Options, rng: np.random.Generator
) -> EventBlock:
    """Other events with the ids of `rows`, later in the same hour; none where the hour is over."""
    room = hour_start(events.time[rows]) + HOUR_MS - 1 - events.time[rows]
    rows, room = rows[room > 0], room[room > 0]
    others = events.take(rows)
    others.time += 1 + (rng.random(len(rows)) * np.minimum(room, 60_000) * 0.999).astype(np.int64)
    others.time = np.minimum(others.time, hour_start(events.time[rows]) + HOUR_MS - 1)
    arrival = np.maximum(others.time, events.arrival[rows])
    others.arrival = np.minimum(arrival, options.end_ms - 1)
    others.faults = np.full(len(rows), COLLISION, dtype=np.int32)
    return others


def from_the_future(events: EventBlock, options: Options, rng: np.random.Generator) -> EventBlock:
    """Extra events with a clock up to a day ahead: over 5 minutes past the end of their arrival's
    hour."""
    rows = np.flatnonzero(rng.random(len(events)) < options.rates.future)
    others = events.take(rows)
    others.arrival = others.time.copy()
    ahead = rng.integers(1_000, 24 * HOUR_MS, len(rows))
    others.time = hour_start(others.arrival) + HOUR_MS + FUTURE_SKEW_MS + ahead
    others.faults = np.full(len(rows), FUTURE, dtype=np.int32)
    return others


def to_be_broken(
    events: EventBlock, options: Options, rng: np.random.Generator, *, can_break: np.ndarray
) -> EventBlock:
    """Extra events whose lines will be broken; they arrive on time.

    The rate holds over all events, taken from those that `can_break`.
    """
    rate = options.rates.malformed * len(events) / max(int(can_break.sum()), 1)
    rows = np.flatnonzero(can_break & (rng.random(len(events)) < rate))
    others = events.take(rows)
    others.arrival = others.time.copy()
    others.faults = np.zeros(len(rows), dtype=np.int32)
    return others

"""Who visits when, and for how long: one row per session, before any event exists."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from clickstream_platform.generator.block import NONE
from clickstream_platform.generator.catalogue import CAMPAIGNS, HUMAN_AGENTS, REFERRERS
from clickstream_platform.generator.options import (
    HOUR_MS,
    MAX_SESSION_EVENTS,
    MEAN_SESSION_EVENTS,
    MIN_SESSION_EVENTS,
    Options,
)
from clickstream_platform.generator.randomness import scrambled, stream

IDLE_MS = 1_800_000
SEPARATION_MS = IDLE_MS + 60_000
REPEAT_WITHIN_MS = 600_000
GAP_SPREAD = (0.25, 1.75)
MEAN_GAP_MS = 25_000
MEAN_GAP_LIMITS_MS = (3_000, 240_000)
SECOND_DEVICES = 0.3
NEW_USERS = 0.08
HOUR_WEIGHTS = np.array(  # midnight to 23 h UTC: quiet at four, busiest at eight in the evening
    [6, 4, 3, 2, 2, 2, 3, 5, 7, 9, 11, 12, 13, 12, 12, 12, 13, 14, 16, 18, 19, 17, 13, 9]
)
WEEKEND_FACTOR = 1.2


@dataclass
class Sessions:
    """One row per session, in order of `start`.

    Guarantees: every event of a session lies in [`start`, `start` + `room`); the rooms of one
        `browser` are more than 30 minutes apart.
    Units: milliseconds; `user` is -1 for a guest.
    """

    number: np.ndarray
    start: np.ndarray
    room: np.ndarray
    length: np.ndarray
    mean_gap: np.ndarray
    browser: np.ndarray
    user: np.ndarray
    is_known: np.ndarray
    signs_up: np.ndarray
    agent: np.ndarray
    referrer: np.ndarray
    campaign: np.ndarray

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: np.ndarray | slice) -> Sessions:
        return Sessions(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def lengths(rng: np.random.Generator, *, events: int, sessions: int) -> np.ndarray:
    """Events per session: 3 to 20 each and `events` in all.

    Fewer than 3 events become one short session.
    """
    if events < MIN_SESSION_EVENTS:
        return np.array([events])
    span = MAX_SESSION_EVENTS - MIN_SESSION_EVENTS
    mean = min(max((events / sessions - MIN_SESSION_EVENTS) / span, 1e-3), 1 - 1e-3)
    drawn = rng.beta(2.5 * mean, 2.5 * (1 - mean), sessions) * span + rng.random(sessions)
    length = np.minimum(MIN_SESSION_EVENTS + drawn.astype(np.int64), MAX_SESSION_EVENTS)
    while (missing := events - int(length.sum())) != 0:
        can_change = length < MAX_SESSION_EVENTS if missing > 0 else length > MIN_SESSION_EVENTS
        rows = rng.permutation(np.flatnonzero(can_change))[: abs(missing)]
        length[rows] += 1 if missing > 0 else -1
    return length


def session_count(events: int, sessions: int | None) -> int:
    """As asked for, else one session per 8 events; always at least one."""
    return sessions if sessions is not None else max(1, round(events / MEAN_SESSION_EVENTS))


def gaps(
    rng: np.random.Generator, length: np.ndarray, *, range_ms: int, tail_ms: int
) -> tuple[np.ndarray, np.ndarray]:
    """The mean gap of each session, and the room that its events can need at most.

    `tail_ms` is left free after the last event for repeats of a purchase.
    """
    mean = np.clip(MEAN_GAP_MS * rng.lognormal(0.0, 0.7, len(length)), *MEAN_GAP_LIMITS_MS)
    steps = np.maximum(length - 1, 1) * GAP_SPREAD[1]
    mean = np.minimum(mean, 0.9 * (range_ms - tail_ms) / steps)
    room = (length - 1) * mean * GAP_SPREAD[1] + tail_ms + 2
    return mean, room.astype(np.int64)


def rhythm(rng: np.random.Generator, count: int, *, start_ms: int, hours: int) -> np.ndarray:
    """`count` shares (0 to 1) of the range, denser in the evening and at the weekend."""
    hour_number = start_ms // HOUR_MS + np.arange(hours)
    weekday = (hour_number // 24 + 3) % 7
    weight = HOUR_WEIGHTS[hour_number % 24] * np.where(weekday >= 5, WEEKEND_FACTOR, 1.0)
    edges = np.concatenate([[0.0], np.cumsum(weight)]) / weight.sum()
    return np.interp(rng.random(count), edges, np.linspace(0.0, 1.0, hours + 1))


def plan_sessions(options: Options, *, identity: str) -> Sessions:
    """All sessions of a batch."""
    rng = stream(options.seed, "sessions", options.start_ms)
    range_ms = options.end_ms - options.start_ms
    sessions = session_count(options.events, options.sessions)
    length = lengths(rng, events=options.events, sessions=sessions)
    count = len(length)
    mean_gap, room = gaps(rng, length, range_ms=range_ms, tail_ms=REPEAT_WITHIN_MS)
    share = rhythm(rng, count, start_ms=options.start_ms, hours=options.hours)
    start = (share * (range_ms - room)).astype(np.int64)
    browser, known = _browsers(rng, count, options, identity=identity)
    browser, start = _kept_apart(browser, start, room, range_ms)
    user = np.where(browser < known, browser % options.users, NONE)
    order = np.argsort(start, kind="stable")
    user = user[order]
    signs_up = _signs_up(user, options.seed)
    referrer, campaign = _arrivals(rng, count)
    return Sessions(
        number=np.arange(count),
        start=start[order] + options.start_ms,
        room=room[order],
        length=length[order],
        mean_gap=mean_gap[order],
        browser=browser[order],
        user=browser[order] if identity == "always" else user,
        is_known=_is_known(rng, user, signs_up, identity=identity),
        signs_up=signs_up,
        agent=agents(browser[order], options.seed),
        referrer=referrer,
        campaign=campaign,
    )


def plan_minutes(
    options: Options, *, identity: str, part: int, events: int, range_ms: int, browser: np.ndarray
) -> Sessions:
    """The sessions of one part of a drip, from 0 to `range_ms`; each takes one of `browser`."""
    rng = stream(options.seed, "drip", options.start_ms, part)
    length = lengths(rng, events=events, sessions=len(browser))
    count = len(length)
    mean_gap, room = gaps(rng, length, range_ms=range_ms, tail_ms=0)
    start = np.sort((rng.random(count) * np.maximum(range_ms - room, 1)).astype(np.int64))
    start = np.minimum(start, np.maximum(range_ms - room, 0))
    browser = rng.permutation(browser)[:count]
    user = np.where(browser < options.users, browser, NONE)
    referrer, campaign = _arrivals(rng, count)
    nobody = np.zeros(count, dtype=bool)
    return Sessions(
        number=np.arange(count),
        start=start,
        room=room,
        length=length,
        mean_gap=mean_gap,
        browser=browser,
        user=browser if identity == "always" else user,
        is_known=_is_known(rng, user, nobody, identity=identity),
        signs_up=nobody if part else _signs_up(user, options.seed),
        agent=agents(browser, options.seed),
        referrer=referrer,
        campaign=campaign,
    )


def agents(browser: np.ndarray, seed: int) -> np.ndarray:
    """The user agent number of each browser; it never changes."""
    return (scrambled(browser, seed + 11) % np.uint64(HUMAN_AGENTS)).astype(np.int16)


def _browsers(
    rng: np.random.Generator, count: int, options: Options, *, identity: str
) -> tuple[np.ndarray, int]:
    """A browser per session, and how many browsers belong to a known user.

    Users have up to 70 % of the sessions, but on average no more than one per browser in six
    hours; the rest are guests, with one or two sessions each.
    """
    seconds = int(SECOND_DEVICES * options.users) if identity == "cookie" else 0
    known = options.users + seconds
    known_sessions = min(int(0.7 * count), int(known * max(options.hours / 6, 0.5)))
    active = (rng.random(known_sessions) ** 1.3 * known).astype(np.int64)
    guests = count - known_sessions
    guest = known + rng.integers(0, max(1, int(guests / 1.5)), guests)
    return rng.permutation(np.concatenate([active, guest])), known


def _kept_apart(
    browser: np.ndarray, start: np.ndarray, room: np.ndarray, range_ms: int
) -> tuple[np.ndarray, np.ndarray]:
    """Starts moved on until the sessions of a browser are apart.

    A session that then ends after the range keeps its start and gets a browser of its own.
    """
    order = np.lexsort((start, browser))
    who, moved, needed = browser[order], start[order].copy(), room[order]
    first = np.searchsorted(who, who, side="left")
    rank = np.arange(len(who)) - first
    by_rank = np.argsort(rank, kind="stable")
    edges = np.searchsorted(rank[by_rank], np.arange(1, int(rank.max(initial=0)) + 2))
    for begin, end in pairwise(edges.tolist()):
        rows = by_rank[begin:end]
        moved[rows] = np.maximum(moved[rows], moved[rows - 1] + needed[rows - 1] + SEPARATION_MS)
    is_outside = moved + needed > range_ms
    new_browser, new_start = browser.copy(), start.copy()
    new_start[order] = np.where(is_outside, start[order], moved)
    spare = browser.max(initial=0) + 1 + np.arange(int(is_outside.sum()))
    new_browser[order[is_outside]] = spare
    return new_browser, new_start


def _signs_up(user: np.ndarray, seed: int) -> np.ndarray:
    """True at the first session of the users that are new to the shop."""
    is_new = (scrambled(user, seed + 13) % np.uint64(1000)) < np.uint64(1000 * NEW_USERS)
    is_first = np.zeros(len(user), dtype=bool)
    is_first[np.unique(user, return_index=True)[1]] = True
    return is_first & is_new & (user != NONE)


def _is_known(
    rng: np.random.Generator, user: np.ndarray, signs_up: np.ndarray, *, identity: str
) -> np.ndarray:
    """True where the user is shown from the first event on."""
    remembered = rng.random(len(user)) < 0.25
    if identity != "cookie":
        return np.ones(len(user), dtype=bool)
    return remembered & (user != NONE) & ~signs_up


def _arrivals(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Referrer and campaign of each session; a fifth come by a campaign."""
    referrer = rng.choice(len(REFERRERS), count, p=[weight for _, weight in REFERRERS])
    campaign = np.where(rng.random(count) < 0.2, rng.integers(0, len(CAMPAIGNS), count), NONE)
    of_campaign = np.array([number for *_, number in CAMPAIGNS])
    referrer = np.where(campaign != NONE, of_campaign[campaign], referrer)
    return referrer.astype(np.int16), campaign.astype(np.int16)

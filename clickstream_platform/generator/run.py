"""One call of the generator, slice of time by slice of time: events, faults, files, truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from threading import Event
from typing import Any

import numpy as np

from clickstream_platform.generator import faults
from clickstream_platform.generator.block import EventBlock, concatenated
from clickstream_platform.generator.bots import BotSource
from clickstream_platform.generator.catalogue import (
    catalogue_of,
    open_shop,
    write_catalogue,
    write_feeds,
)
from clickstream_platform.generator.delivery import Lines, Mailbox
from clickstream_platform.generator.kafka_writer import KafkaWriter
from clickstream_platform.generator.malformed import PRICE_KINDS, break_line, kinds
from clickstream_platform.generator.options import HOUR_MS, Options
from clickstream_platform.generator.organic import BatchSource, DripSource
from clickstream_platform.generator.randomness import stream, uuid_texts
from clickstream_platform.generator.shapes import find_shape
from clickstream_platform.generator.truth import Truth
from clickstream_platform.generator.vocabulary import CODE
from clickstream_platform.generator.writer import LandingWriter
from clickstream_platform.hours import hour_key

SLICE_EVENTS = 50_000
MIN_TICK_EVENTS = 10
Advance = Callable[[int], None]


class Generation:
    """The state of one call."""

    def __init__(self, options: Options, *, prefix: str) -> None:
        self.options = options
        self.shape, self.format = find_shape(options.shape, options.format)
        self.shop = open_shop(options.seed, users=options.users, products=options.products)
        self.truth = Truth(self.shape, self.shop)
        self._kinds = kinds(self.shape, self.format)
        self._mailbox = Mailbox()
        self._writer = self._open_writer(prefix)
        self._bots = BotSource(options, self.shop, self.shape)
        self._slices = 0
        self.humans = (DripSource if options.is_drip else BatchSource)(
            options, self.shop, self.shape
        )

    def _open_writer(self, prefix: str) -> LandingWriter | KafkaWriter:
        options = self.options
        if options.kafka is not None:
            return KafkaWriter(options.kafka, options.topic)
        if options.out is None:
            raise TypeError("lines go to a folder or to brokers")
        return LandingWriter(options.out, self.shape, self.format, prefix=prefix)

    def write_until(self, time_ms: int) -> int:
        """Writes what arrives before `time_ms` and was not written; the human events in it.

        The span since the last call lies within one hour.
        """
        rng = stream(self.options.seed, "faults", self.options.start_ms, self._slices)
        self._slices += 1
        humans, bots = self.humans.until(time_ms), self._bots.until(time_ms)
        for events in (humans, bots):
            events.event_id = uuid_texts(rng, len(events))
        self._bots.reuse_ids(bots)
        if not self.options.is_drip:
            faults.delay_some(humans, self.options, rng)
        self._post(humans, bots, rng)
        self.truth.add_events(concatenated([humans, bots]))
        due = self._mailbox.due(time_ms)
        if len(due):
            hour = hour_key(datetime.fromtimestamp((time_ms - 1) / 1000, UTC))
            self.truth.add_file(self._writer.write(hour, due.text), due)
        return len(humans)

    def _post(self, humans: EventBlock, bots: EventBlock, rng: np.random.Generator) -> None:
        resent, arrival, shared = faults.resends(humans, self.options, rng)
        if self.shape.id_path is None:
            shared = shared[:0]
        colliding = faults.collisions(humans, shared, self.options, rng)
        future = faults.from_the_future(humans, self.options, rng)
        broken = faults.to_be_broken(
            humans, self.options, rng, can_break=self.shape.can_break(humans)
        )
        for events in (future, broken):
            events.event_id = uuid_texts(rng, len(events))
        valid = self._lines(concatenated([humans, bots, colliding, future]))
        copies = valid.take(resent)
        copies.arrival = arrival
        copies.faults = np.full(len(copies), faults.DUPLICATE, dtype=np.int32)
        self._mailbox.put(valid)
        self._mailbox.put(copies)
        self._mailbox.put(self._broken_lines(broken, rng))

    def _lines(self, events: EventBlock) -> Lines:
        text = self.shape.render(events, self.shop, self.format)
        return Lines(text, events.arrival, events.time, events.faults, events.event_id)

    def _broken_lines(self, events: EventBlock, rng: np.random.Generator) -> Lines:
        """The lines of `events`, each broken in one of the ways that its format knows."""
        lines = self._lines(events)
        has_price = self.shape.can_break_price(events)
        any_kind = [kind for kind in self._kinds if kind not in PRICE_KINDS]
        for row in range(len(lines)):
            possible = self._kinds if has_price[row] else any_kind
            kind = possible[int(rng.integers(len(possible)))]
            lines.text[row] = break_line(lines.text[row], kind, self.shape, self.format, rng)
            lines.faults[row] = faults.BIT[kind]
            if kind == "wrong_type" and events.name[row] != CODE["purchase"]:
                lines.faults[row] |= faults.RESCUED
            if kind not in faults.TIME_SURVIVES:
                lines.time[row] = -1
            if kind not in faults.ID_SURVIVES or self.shape.id_path is None:
                lines.event_id[row] = None
        return lines

    def finish(self, *, is_complete: bool) -> dict[str, Any]:
        """The summary, after writing truth and catalogue where they were asked for."""
        options = self.options
        arguments = asdict(options)
        for place in ("out", "truth", "catalogue", "feeds", "kafka"):
            del arguments[place]
        summary = self.truth.summary(arguments, is_complete=is_complete)
        if options.truth is not None:
            self.truth.write(options.truth, summary)
        catalogue = catalogue_of(
            self.shop, start_ms=options.start_ms, signed_up=self.humans.signed_up()
        )
        if options.catalogue is not None:
            write_catalogue(catalogue, options.catalogue)
        if options.feeds and options.out is not None:
            start = datetime.fromtimestamp(options.start_ms / 1000, UTC)
            write_feeds(catalogue, options.out, hour=hour_key(start))
        return summary


def generate_batch(options: Options, advance: Advance) -> dict[str, Any]:
    """Writes the whole range at once; the summary."""
    generation = Generation(options, prefix="events")
    for end_ms in _batch_ends(generation):
        advance(generation.write_until(end_ms))
    return generation.finish(is_complete=True)


def _batch_ends(generation: Generation) -> Iterator[int]:
    """Ends of slices: every full hour, and between them so that a slice stays small."""
    options, source = generation.options, generation.humans
    if not isinstance(source, BatchSource):
        raise TypeError("a batch has its sessions planned")
    hour = (source.sessions.start - options.start_ms) // HOUR_MS
    events = np.bincount(hour, weights=source.sessions.length, minlength=options.hours)
    for number, expected in enumerate(events.tolist()):
        parts = max(1, -(-int(expected) // SLICE_EVENTS))
        for part in range(1, parts + 1):
            yield options.start_ms + number * HOUR_MS + part * HOUR_MS // parts


def drip(options: Options, advance: Advance, stop: Event) -> dict[str, Any]:
    """Writes a small file every second or so until the time is over or `stop` is set."""
    began = datetime.fromtimestamp(options.start_ms / 1000, UTC)
    began_text = f"{began:%Y%m%dT%H%M%S}{began.microsecond // 1000:03d}Z"
    generation = Generation(options, prefix=f"drip-{began_text}")
    for end_ms in _drip_ends(options):
        if stop.wait(max(0.0, end_ms / 1000 - time.time())):
            return generation.finish(is_complete=False)
        advance(generation.write_until(end_ms))
    return generation.finish(is_complete=True)


def _drip_ends(options: Options) -> Iterator[int]:
    """Ends of slices: every second or, at low rates, every ten events; and every full hour."""
    tick_ms = 1000 * max(1, -(-MIN_TICK_EVENTS // max(int(options.rate or 1), 1)))
    moment = options.start_ms
    while moment < options.end_ms:
        next_hour = moment - moment % HOUR_MS + HOUR_MS
        moment = min(moment + tick_ms, next_hour, options.end_ms)
        yield moment

"""Six kinds of robot visitors; each is one session on a browser of its own."""

from __future__ import annotations

import numpy as np

from clickstream_platform.generator.block import EventBlock, concatenated, new_block
from clickstream_platform.generator.catalogue import (
    CRAWLER_AGENT,
    HEADLESS_AGENT,
    PAGE_PRODUCT,
    Shop,
)
from clickstream_platform.generator.options import Options
from clickstream_platform.generator.plan import agents
from clickstream_platform.generator.randomness import stream, uuid_texts
from clickstream_platform.generator.shapes.shape import Shape
from clickstream_platform.generator.vocabulary import CODE

BEHAVIOURS = ("burst", "crawler", "headless", "no_dwell", "id_reuse", "card_tester")
LINES = (400, 120, 80, 150, 80, 60)
GAP_MS = (
    (500, 700),
    (8_000, 24_000),
    (2_000, 20_000),
    (1_500, 1_500),
    (5_000, 15_000),
    (3_000, 9_000),
)
FIRST_BROWSER = 10**9
FIRST_SESSION = 10**12
ORDERS_FROM = 10**14
ORDERS_PER_BOT = 1000


def behaviour(bot: int) -> str:
    return BEHAVIOURS[bot % len(BEHAVIOURS)]


class BotSource:
    """The robots' events; few enough to be made at once."""

    def __init__(self, options: Options, shop: Shop, shape: Shape) -> None:
        rng = stream(options.seed, "bots", options.start_ms)
        bots = [_visit(number, options, shop, shape, rng) for number in range(options.bots)]
        nobody = new_block(np.empty(0), cart_slots=shape.cart_slots)
        events = concatenated([nobody, *bots]).by_time()
        self._waiting, _ = events.split_at(options.end_ms)
        numbers = np.arange(options.bots)
        self._reused = uuid_texts(stream(options.seed, "bot ids", options.start_ms), options.bots)
        self._reuses = numbers % len(BEHAVIOURS) == BEHAVIOURS.index("id_reuse")

    def until(self, time_ms: int) -> EventBlock:
        given, self._waiting = self._waiting.split_at(time_ms)
        return given

    def reuse_ids(self, events: EventBlock) -> None:
        """Gives the events of each id-reusing robot its one id."""
        rows = np.flatnonzero(events.bot >= 0)
        rows = rows[self._reuses[events.bot[rows]]]
        events.event_id[rows] = self._reused[events.bot[rows]]


def _visit(
    bot: int, options: Options, shop: Shop, shape: Shape, rng: np.random.Generator
) -> EventBlock:
    """The session of one robot, starting where it fits into the range, if it can."""
    kind = behaviour(bot)
    at = BEHAVIOURS.index(kind)
    gaps = rng.integers(GAP_MS[at][0], GAP_MS[at][1] + 1, LINES[at])
    since_start = np.cumsum(gaps) - gaps[0]
    room = max(options.end_ms - options.start_ms - int(since_start[-1]) - 1, 1)
    events = new_block(
        options.start_ms + rng.integers(0, room) + since_start, cart_slots=shape.cart_slots
    )
    events.bot[:] = bot
    events.session[:] = FIRST_SESSION + bot
    events.browser[:] = FIRST_BROWSER + bot
    if shape.identity == "always":
        events.user[:] = FIRST_BROWSER + bot
    declared = {"crawler": CRAWLER_AGENT, "headless": HEADLESS_AGENT}
    events.agent[:] = declared.get(kind, agents(events.browser[:1], options.seed)[0])
    if kind == "card_tester":
        _test_cards(events, bot, shop)
    else:
        events.name[:] = CODE["click"] if kind == "no_dwell" else CODE["view_item"]
        events.product = rng.integers(0, len(shop.product_ids), len(events)).astype(np.int32)
        events.page = PAGE_PRODUCT + events.product
        if kind == "no_dwell":
            events.product[:] = -1
    return events


def _test_cards(events: EventBlock, bot: int, shop: Shop) -> None:
    """Payment, purchase, payment, purchase: the cheapest product, a new order each time."""
    cheapest = int(np.argmin(shop.price_cents))
    pays = np.arange(len(events)) % 2 == 1
    events.name = np.where(pays, CODE["purchase"], CODE["add_payment_info"]).astype(np.int8)
    events.product[pays] = cheapest
    events.cart_product[:, 0] = cheapest
    events.cart_quantity[:, 0] = 1
    events.order[pays] = ORDERS_FROM + bot * ORDERS_PER_BOT + np.flatnonzero(pays)

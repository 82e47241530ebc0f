"""What a visitor does: the funnel walked by many sessions at once, one step of all at a time."""

from __future__ import annotations

import numpy as np

from clickstream_platform.generator.block import NONE, EventBlock, concatenated, new_block
from clickstream_platform.generator.catalogue import (
    CATEGORIES,
    EXPERIMENTS,
    INTERNAL_REFERRER,
    PAGE_CATEGORY,
    PAGE_FIXED,
    PAGE_HOME,
    PAGE_PRODUCT,
    PAGE_SEARCH,
    SEARCHES,
    Shop,
)
from clickstream_platform.generator.plan import GAP_SPREAD, Sessions
from clickstream_platform.generator.randomness import scrambled
from clickstream_platform.generator.vocabulary import (
    CODE,
    NAMES_CART,
    NAMES_NEED_CART,
    NAMES_ONE_PRODUCT,
    NEXT_CUMULATED,
)

SIGN_UP_STEP = 2
ORDERS_PER_SESSION = 32
_PAGE_OF_NAME = {
    "add_to_cart": "cart",
    "remove_from_cart": "cart",
    "view_cart": "cart",
    "begin_checkout": "checkout",
    "add_shipping_info": "checkout/shipping",
    "add_payment_info": "checkout/payment",
    "purchase": "thank-you",
    "refund": "account",
    "sign_up": "account",
    "login": "account",
}


def walk(
    sessions: Sessions,
    shop: Shop,
    rng: np.random.Generator,
    *,
    cart_slots: int,
    max_quantity: int,
) -> EventBlock:
    """The events of `sessions`, in order of time; each event a step of its session's walk."""
    by_length = sessions.take(np.argsort(-sessions.length, kind="stable"))
    walkers = _Walkers(by_length, shop, rng, cart_slots, max_quantity)
    steps = [
        walkers.step(step, int(np.count_nonzero(by_length.length > step)))
        for step in range(int(by_length.length[0]))
    ]
    return concatenated(steps).by_time()


class _Walkers:
    """Where each session stands; sessions still walking are always the first rows."""

    def __init__(
        self,
        sessions: Sessions,
        shop: Shop,
        rng: np.random.Generator,
        cart_slots: int,
        max_quantity: int,
    ) -> None:
        count = len(sessions)
        self.sessions, self.shop, self.rng = sessions, shop, rng
        self.cart_slots, self.max_quantity = cart_slots, max_quantity
        self.time = sessions.start.astype(np.int64)
        self.name = np.zeros(count, dtype=np.int8)
        self.user = np.where(sessions.is_known, sessions.user, NONE)
        self.product = shop.draw_products(rng, count)
        self.cart = np.full((count, cart_slots), NONE, dtype=np.int32)
        self.cart_quantity = np.zeros((count, cart_slots), dtype=np.int16)
        self.bought, self.bought_quantity = self.cart.copy(), self.cart_quantity.copy()
        self.filled = np.zeros(count, dtype=np.int64)
        self.orders = np.zeros(count, dtype=np.int64)

    def step(self, step: int, count: int) -> EventBlock:
        """The next event of the first `count` sessions."""
        if step == 0:
            name = np.full(count, CODE["session_start"], dtype=np.int8)
        else:
            name = self._next_names(step, count)
            spread = self.rng.uniform(*GAP_SPREAD, count)
            self.time[:count] += np.maximum(self.sessions.mean_gap[:count] * spread, 1).astype(int)
        self._look(name)
        block = new_block(self.time[:count].copy(), cart_slots=self.cart_slots)
        block.name = name
        self._fill_cart(name, block)
        self._identify(name, block)
        self._place(step, name, block)
        self.name[:count] = name
        return block

    def _next_names(self, step: int, count: int) -> np.ndarray:
        drawn = self.rng.random(count)[:, None]
        name = (NEXT_CUMULATED[self.name[:count]] <= drawn).sum(axis=1).astype(np.int8)
        if step == SIGN_UP_STEP:
            name[self.sessions.signs_up[:count]] = CODE["sign_up"]
        no_cart = NAMES_NEED_CART[name] & (self.filled[:count] == 0)
        name[no_cart] = CODE["view_item"]
        can_log_in = (self.sessions.user[:count] != NONE) & (self.user[:count] == NONE)
        can_log_in |= self.sessions.is_known[:count] & (self.sessions.user[:count] != NONE)
        waits = self.sessions.signs_up[:count] & (step < SIGN_UP_STEP)
        name[(name == CODE["login"]) & (~can_log_in | waits)] = CODE["page_view"]
        return name

    def _look(self, name: np.ndarray) -> None:
        """A listing's choice or a view brings another product; a view after a choice keeps it."""
        count = len(name)
        viewed = (name == CODE["view_item"]) & (self.name[:count] != CODE["select_item"])
        rows = np.flatnonzero(viewed | (name == CODE["select_item"]))
        self.product[rows] = self.shop.draw_products(self.rng, len(rows))

    def _fill_cart(self, name: np.ndarray, block: EventBlock) -> None:
        block.product = np.where(NAMES_ONE_PRODUCT[name], self.product[: len(name)], NONE)
        added = np.flatnonzero(name == CODE["add_to_cart"])
        slot = self.filled[added] % self.cart_slots
        quantity = 1 + np.searchsorted([0.8, 0.95], self.rng.random(len(added)))
        quantity = np.minimum(quantity, self.max_quantity)
        self.cart[added, slot], self.cart_quantity[added, slot] = self.product[added], quantity
        block.quantity[added] = quantity
        self.filled[added] = np.minimum(self.filled[added] + 1, self.cart_slots)

        removed = np.flatnonzero(name == CODE["remove_from_cart"])
        slot = self.filled[removed] - 1
        block.product[removed] = self.cart[removed, slot]
        block.quantity[removed] = self.cart_quantity[removed, slot]
        self.cart[removed, slot], self.cart_quantity[removed, slot] = NONE, 0
        self.filled[removed] -= 1

        shown = np.flatnonzero(NAMES_CART[name] | (name == CODE["purchase"]))
        block.cart_product[shown] = self.cart[shown]
        block.cart_quantity[shown] = self.cart_quantity[shown]
        self._order(name, block)

    def _order(self, name: np.ndarray, block: EventBlock) -> None:
        bought = np.flatnonzero(name == CODE["purchase"])
        self.bought[bought], self.bought_quantity[bought] = (
            self.cart[bought],
            self.cart_quantity[bought],
        )
        self.cart[bought], self.cart_quantity[bought], self.filled[bought] = NONE, 0, 0
        self.orders[bought] += 1
        refunded = np.flatnonzero(name == CODE["refund"])
        both = np.concatenate([bought, refunded])
        block.cart_product[both] = self.bought[both]
        block.cart_quantity[both] = self.bought_quantity[both]
        block.product[both] = self.bought[both, 0]
        block.quantity[both] = self.bought_quantity[both, 0]
        number = self.sessions.number[both] * ORDERS_PER_SESSION
        block.order[both] = number + self.orders[both]

    def _identify(self, name: np.ndarray, block: EventBlock) -> None:
        count = len(name)
        enters = (name == CODE["login"]) | (name == CODE["sign_up"])
        self.user[:count] = np.where(enters, self.sessions.user[:count], self.user[:count])
        block.user = self.user[:count].copy()
        block.session = self.sessions.number[:count].copy()
        block.browser = self.sessions.browser[:count].copy()
        block.agent = self.sessions.agent[:count].copy()
        seen = np.flatnonzero(name == CODE["experiment_viewed"])
        variant = scrambled(block.browser[seen], self.shop.seed + 17) % np.uint64(
            2 * len(EXPERIMENTS)
        )
        block.experiment[seen] = variant.astype(np.int8)

    def _place(self, step: int, name: np.ndarray, block: EventBlock) -> None:
        """Page, referrer and campaign; the latter two belong to the first page of a session."""
        count = len(name)
        page = np.full(count, PAGE_HOME, dtype=np.int32)
        for of_name, path in _PAGE_OF_NAME.items():
            page[name == CODE[of_name]] = PAGE_FIXED[path]
        listed = (name == CODE["view_item_list"]) | (name == CODE["select_item"])
        listed |= name == CODE["click"]
        page[listed] = PAGE_CATEGORY + self.rng.integers(0, len(CATEGORIES), int(listed.sum()))
        searched = name == CODE["view_search_results"]
        page[searched] = PAGE_SEARCH + self.rng.integers(0, len(SEARCHES), int(searched.sum()))
        on_product = (name == CODE["view_item"]) | (name == CODE["add_to_wishlist"])
        page[on_product] = PAGE_PRODUCT + self.product[:count][on_product]
        block.page = page
        if step <= 1:
            block.referrer = self.sessions.referrer[:count].copy()
            block.campaign = self.sessions.campaign[:count].copy()
        else:
            block.referrer = np.full(count, INTERNAL_REFERRER, dtype=np.int16)

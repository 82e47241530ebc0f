"""What the generator must know about a shape, and the column texts that shapes are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

from clickstream_platform.generator.block import NONE, EventBlock
from clickstream_platform.generator.catalogue import (
    CAMPAIGNS,
    CATEGORIES,
    INTERNAL_REFERRER,
    PAGE_PRODUCT,
    PAGE_SEARCH,
    REFERRERS,
    SITE,
    Shop,
    price_text,
    user_text,
)
from clickstream_platform.generator.randomness import scrambled
from clickstream_platform.generator.vocabulary import CODE, EVENT_NAMES

Path = tuple[str | int, ...]
Identity = Literal["cookie", "account", "always"]


@dataclass(frozen=True)
class Shape:
    """One shape of NAMES.md.

    `render` gives one line per event, without line end. `identity` says who the visitor is:
    `cookie` an anonymous id on every line and a user after login; `account` the user, and for
    guests the client's session; `always` a user on every line. Paths lead to the fields that
    faults break; `id_path` is None where a line has no id. `cart_slots` and `max_quantity` bound
    an order to what a line can say. `has_arrival_time`: a line without its event time still
    carries a time. Lines of the `unnamed` events carry no name of their own. `sources` names
    the mapping of a format that has one of its own; `has_header` and `delimiter` are of CSV.
    """

    letter: str
    source: str
    formats: tuple[str, ...]
    render: Callable[[EventBlock, Shop, str], list[str]]
    identity: Identity
    name_path: Path
    time_paths: tuple[Path, ...]
    price_paths: tuple[Path, ...]
    id_path: Path | None = None
    cart_slots: int = 1
    max_quantity: int = 3
    has_transaction_id: bool = False
    has_arrival_time: bool = False
    columns: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    priced_names: tuple[str, ...] = ("view_item", "add_to_cart", "purchase")
    words: Mapping[str, str] = field(default_factory=dict)
    parquet: pa.Schema | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    has_header: bool = True
    delimiter: str = ","

    def source_of(self, file_format: str) -> str:
        """The source mapping that reads files of this format."""
        return self.sources.get(file_format, self.source)

    def can_break(self, events: EventBlock) -> np.ndarray:
        """True for events whose line has all the fields that faults break."""
        return ~np.isin(events.name, [CODE[name] for name in self.unnamed])

    def can_break_price(self, events: EventBlock) -> np.ndarray:
        """True for events whose line has a price."""
        return np.isin(events.name, [CODE[name] for name in self.priced_names])

    def visitors(self, browser: np.ndarray, user: np.ndarray, session: np.ndarray) -> list[str]:
        """Who the platform should see as visitor, for sessions given by these columns."""
        if self.identity == "cookie":
            return anonymous_texts(browser)
        sessions = session_texts(session)
        return [
            user_text(u) if u != NONE else s for u, s in zip(user.tolist(), sessions, strict=True)
        ]


def words(events: EventBlock, own: Mapping[str, str]) -> list[str]:
    """Event names, in the shape's `own` words where it has some."""
    table = np.array([own.get(name, name) for name in EVENT_NAMES], dtype=object)
    return table[events.name].tolist()


def times(moments: np.ndarray) -> list[str]:
    """ISO 8601 UTC with milliseconds and `Z`."""
    return np.datetime_as_string(
        moments.astype("datetime64[ms]"), unit="ms", timezone="UTC"
    ).tolist()


def session_texts(session: np.ndarray) -> list[str]:
    return [f"s-{bits:016x}" for bits in scrambled(session, 101).tolist()]


def anonymous_texts(browser: np.ndarray) -> list[str]:
    return [f"a-{bits:016x}" for bits in scrambled(browser, 211).tolist()]


def order_texts(order: np.ndarray) -> list[str]:
    return [f"T-{bits:016x}" for bits in scrambled(order, 307).tolist()]


def address_texts(browser: np.ndarray) -> list[str]:
    """Addresses of the networks set aside for tests (198.18.0.0/15)."""
    return [
        f"198.{18 + (bits >> 16 & 1)}.{bits >> 8 & 255}.{bits & 255}"
        for bits in scrambled(browser, 401).tolist()
    ]


def by_distinct(values: np.ndarray, texts: Callable[[np.ndarray], list[str]]) -> list[str]:
    """`texts` of a column with few distinct values, each made once."""
    distinct, place = np.unique(values, return_inverse=True)
    table = np.empty(len(distinct), dtype=object)
    table[:] = texts(distinct)
    return table[place].tolist()


def user_texts(user: np.ndarray, *, null: str) -> list[str]:
    return by_distinct(user, lambda users: [null if u == NONE else user_text(u) for u in users])


def product_texts(events: EventBlock, shop: Shop) -> list[str]:
    """Product ids, empty where the event has no product."""
    table = np.array([*shop.product_ids, ""], dtype=object)
    return table[events.product].tolist()


def prices(events: EventBlock, shop: Shop) -> list[str]:
    """Price of one piece with two decimals, empty where the event has no product."""
    cents = np.where(events.product == NONE, NONE, shop.price_cents[events.product] * events.factor)
    return by_distinct(cents, lambda c: ["" if p == NONE else price_text(p) for p in c.tolist()])


def urls(events: EventBlock, shop: Shop) -> list[str]:
    """Page addresses; the first pages of a session carry its campaign."""
    pages = np.array(shop.pages, dtype=object)[events.page].tolist()
    for row in np.flatnonzero(events.campaign != NONE).tolist():
        _, campaign, source, medium, _ = CAMPAIGNS[events.campaign[row]]
        joint = "&" if PAGE_SEARCH <= events.page[row] < PAGE_PRODUCT else "?"
        pages[row] += f"{joint}utm_source={source}&utm_medium={medium}&utm_campaign={campaign}"
    return pages


def referrers(events: EventBlock) -> list[str]:
    """Where the visitor came from, empty if typed in."""
    table = np.array([*(address for address, _ in REFERRERS), f"{SITE}/"], dtype=object)
    if len(table) != INTERNAL_REFERRER + 1:
        raise AssertionError("the internal referrer is the last of the table")
    return table[events.referrer].tolist()


def category_names(shop: Shop) -> list[str]:
    """The category of each product."""
    return [CATEGORIES[number][0] for number in shop.category]


def cart_cents(events: EventBlock, shop: Shop) -> np.ndarray:
    """What the lines of each event's cart come to."""
    lines = shop.price_cents[events.cart_product] * events.cart_quantity
    return np.where(events.cart_product == NONE, 0, lines).sum(axis=1) * events.factor

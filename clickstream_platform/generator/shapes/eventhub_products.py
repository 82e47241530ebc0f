"""Shape B `eventhub_products`: messages with nested products and the broker's enqueue time."""

from __future__ import annotations

import numpy as np

from clickstream_platform.generator.block import NONE, EventBlock
from clickstream_platform.generator.catalogue import AGENTS, Shop, price_text
from clickstream_platform.generator.shapes import shape as text
from clickstream_platform.generator.shapes.shape import Shape

WORDS = {"view_item": "product_view"}


def render(events: EventBlock, shop: Shop, file_format: str) -> list[str]:
    """One JSON object per event; `enqueuedTime` is when the line arrived."""
    del file_format
    devices = np.array([device for _, device, _ in AGENTS], dtype=object)[events.agent]
    browsers = np.array([browser for *_, browser in AGENTS], dtype=object)[events.agent]
    return [
        f'{{"user":{user},"session":"{session}","event":"{word}","timestamp":"{time}",'
        f'"url":"{url}","referrer":{referrer},"device":"{device}","browser":"{browser}",'
        f'"products":[{products}],"enqueuedTime":"{enqueued}"}}'
        for user, session, word, time, url, referrer, device, browser, products, enqueued in zip(
            [f'"{user}"' if user else "null" for user in text.user_texts(events.user, null="")],
            text.by_distinct(events.session, text.session_texts),
            text.words(events, WORDS),
            text.times(events.time),
            text.urls(events, shop),
            [f'"{address}"' if address else "null" for address in text.referrers(events)],
            devices.tolist(),
            browsers.tolist(),
            product_lists(events, shop, id_name="id"),
            text.times(events.arrival),
            strict=True,
        )
    ]


def product_lists(events: EventBlock, shop: Shop, *, id_name: str, prefix: str = "") -> list[str]:
    """The lines of the cart, or the one product looked at, as JSON objects with commas between."""
    heads = [
        f'{{"{id_name}":"{product_id}","{prefix}name":"{name}","{prefix}category":"{category}"'
        for product_id, name, category in zip(
            shop.product_ids, shop.product_names, text.category_names(shop), strict=True
        )
    ]
    cents = shop.price_cents

    def one(product: int, quantity: int, factor: int) -> str:
        price = price_text(int(cents[product]) * factor)
        return f'{heads[product]},"price":{price},"quantity":{quantity}}}'

    lists = [""] * len(events)
    has_cart = (events.cart_product != NONE).any(axis=1)
    for row in np.flatnonzero((events.product != NONE) & ~has_cart).tolist():
        lists[row] = one(
            int(events.product[row]), int(events.quantity[row]), int(events.factor[row])
        )
    for row in np.flatnonzero(has_cart).tolist():
        lists[row] = ",".join(
            one(product, quantity, int(events.factor[row]))
            for product, quantity in zip(
                events.cart_product[row].tolist(), events.cart_quantity[row].tolist(), strict=True
            )
            if product != NONE
        )
    return lists


EVENTHUB_PRODUCTS = Shape(
    letter="B",
    source="eventhub_products",
    formats=("json", "parquet"),
    render=render,
    identity="account",
    name_path=("event",),
    time_paths=(("timestamp",), ("enqueuedTime",)),
    price_paths=(("products", 0, "price"),),
    cart_slots=3,
    has_arrival_time=True,
    words=WORDS,
)

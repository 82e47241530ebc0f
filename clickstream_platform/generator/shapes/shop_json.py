"""Shape A `shop_json`: the shop's own events, flat JSON lines or Parquet."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from clickstream_platform.generator.block import NONE, EventBlock
from clickstream_platform.generator.catalogue import AGENTS, CURRENCY, EXPERIMENTS, Shop
from clickstream_platform.generator.shapes import shape as text
from clickstream_platform.generator.shapes.shape import Shape

SHOP_WORDS = {"view_item": "product_view"}


def render(events: EventBlock, shop: Shop, file_format: str) -> list[str]:
    """One JSON object per event; Parquet is made from the same lines."""
    del file_format
    products = _products(events, shop)
    agents = np.array([agent for agent, *_ in AGENTS], dtype=object)[events.agent].tolist()
    return [
        f'{{"event_id":"{event_id}","user_id":{user},"anonymous_id":"{anonymous}",'
        f'"session_id":"{session}","event_type":"{word}","timestamp":"{time}"{product}{more},'
        f'"page_url":"{url}","referrer":{referrer},"user_agent":"{agent}","ip_address":"{address}"}}'
        for (
            event_id,
            user,
            anonymous,
            session,
            word,
            time,
            product,
            more,
            url,
            referrer,
            agent,
            address,
        ) in zip(
            events.event_id.tolist(),
            _quoted_users(events),
            text.by_distinct(events.browser, text.anonymous_texts),
            text.by_distinct(events.session, text.session_texts),
            text.words(events, SHOP_WORDS),
            text.times(events.time),
            products,
            _rare(events),
            text.urls(events, shop),
            [f'"{address}"' if address else "null" for address in text.referrers(events)],
            agents,
            text.by_distinct(events.browser, text.address_texts),
            strict=True,
        )
    ]


def _quoted_users(events: EventBlock) -> list[str]:
    users = text.user_texts(events.user, null="")
    return [f'"{user}"' if user else "null" for user in users]


def _products(events: EventBlock, shop: Shop) -> list[str]:
    """The product fields, nothing where the event has no product."""
    table = np.array(
        [
            f',"product_id":"{product_id}","category":"{category}"'
            for product_id, category in zip(
                shop.product_ids, text.category_names(shop), strict=True
            )
        ]
        + [""],
        dtype=object,
    )
    return [
        f'{product},"price":{price},"quantity":{quantity},"currency":"{CURRENCY}"' if price else ""
        for product, price, quantity in zip(
            table[events.product].tolist(),
            text.prices(events, shop),
            events.quantity.tolist(),
            strict=True,
        )
    ]


def _rare(events: EventBlock) -> list[str]:
    """Order and experiment fields, of the few events that have some."""
    fields = [""] * len(events)
    ordered = np.flatnonzero(events.order != NONE)
    for row, order in zip(ordered.tolist(), text.order_texts(events.order[ordered]), strict=True):
        fields[row] = f',"transaction_id":"{order}"'
    for row in np.flatnonzero(events.experiment != NONE).tolist():
        experiment, variants = EXPERIMENTS[events.experiment[row] // 2]
        variant = variants[events.experiment[row] % 2]
        fields[row] = f',"experiment_id":"{experiment}","variant_id":"{variant}"'
    return fields


SHOP_JSON = Shape(
    letter="A",
    source="shop_json",
    formats=("json", "parquet"),
    render=render,
    identity="cookie",
    id_path=("event_id",),
    name_path=("event_type",),
    time_paths=(("timestamp",),),
    price_paths=(("price",),),
    has_transaction_id=True,
    words=SHOP_WORDS,
    parquet=pa.schema(
        [
            *(
                (name, pa.string())
                for name in (
                    "event_id",
                    "user_id",
                    "anonymous_id",
                    "session_id",
                    "event_type",
                    "timestamp",
                    "product_id",
                    "category",
                )
            ),
            ("price", pa.float64()),
            ("quantity", pa.int64()),
            *(
                (name, pa.string())
                for name in (
                    "currency",
                    "transaction_id",
                    "experiment_id",
                    "variant_id",
                    "page_url",
                    "referrer",
                    "user_agent",
                    "ip_address",
                )
            ),
        ]
    ),
)

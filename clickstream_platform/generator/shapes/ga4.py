"""Shape F `ga4`: the GA4 export of BigQuery, JSON lines or Parquet."""

from __future__ import annotations

import json

import numpy as np

from clickstream_platform.generator.block import NONE, EventBlock
from clickstream_platform.generator.catalogue import CURRENCY, EXPERIMENTS, Shop
from clickstream_platform.generator.shapes import shape as text
from clickstream_platform.generator.shapes.eventhub_products import product_lists
from clickstream_platform.generator.shapes.shape import Shape


def render(events: EventBlock, shop: Shop, file_format: str) -> list[str]:
    """One export row per event; `event_timestamp` in microseconds, parameters as a list."""
    del file_format
    lists = product_lists(events, shop, id_name="item_id", prefix="item_")
    days = np.datetime_as_string(events.time.astype("datetime64[ms]"), unit="D").tolist()
    return [
        f'{{"event_date":"{day.replace("-", "")}","event_timestamp":{moment}000,'
        f'"event_name":"{word}","user_id":{user},"user_pseudo_id":"{anonymous}",'
        f'"event_params":[{parameters}],"ecommerce":{{"transaction_id":{order}}},'
        f'"items":[{items}]}}'
        for day, moment, word, user, anonymous, parameters, order, items in zip(
            days,
            events.time.tolist(),
            text.words(events, {}),
            [f'"{user}"' if user else "null" for user in text.user_texts(events.user, null="")],
            text.by_distinct(events.browser, text.anonymous_texts),
            _parameters(events, shop),
            _orders(events),
            lists,
            strict=True,
        )
    ]


def _orders(events: EventBlock) -> list[str]:
    found = ["null"] * len(events)
    ordered = np.flatnonzero(events.order != NONE)
    for row, order in zip(ordered.tolist(), text.order_texts(events.order[ordered]), strict=True):
        found[row] = f'"{order}"'
    return found


def _parameters(events: EventBlock, shop: Shop) -> list[str]:
    """The inner objects of `event_params`, with commas between."""
    has_product = (events.product != NONE) | (events.cart_product != NONE).any(axis=1)
    columns = zip(
        text.by_distinct(events.session, text.session_texts),
        text.urls(events, shop),
        text.referrers(events),
        has_product.tolist(),
        _experiments(events),
        strict=True,
    )
    return [
        ",".join(
            _parameter(key, value)
            for key, value in (
                ("ga_session_id", session),
                ("page_location", url),
                ("page_referrer", referrer),
                ("currency", CURRENCY if is_sold else ""),
                *tested,
            )
            if value
        )
        for session, url, referrer, is_sold, tested in columns
    ]


def _experiments(events: EventBlock) -> list[tuple[tuple[str, str], ...]]:
    found: list[tuple[tuple[str, str], ...]] = [()] * len(events)
    for row in np.flatnonzero(events.experiment != NONE).tolist():
        experiment, variants = EXPERIMENTS[events.experiment[row] // 2]
        variant = variants[events.experiment[row] % 2]
        found[row] = (("experiment_id", experiment), ("variant_id", variant))
    return found


def _parameter(key: str, value: str) -> str:
    return f'{{"key":"{key}","value":{{"string_value":{json.dumps(value)}}}}}'


GA4 = Shape(
    letter="F",
    source="ga4",
    formats=("json", "parquet"),
    render=render,
    identity="cookie",
    name_path=("event_name",),
    time_paths=(("event_timestamp",),),
    price_paths=(("items", 0, "price"),),
    cart_slots=3,
    has_transaction_id=True,
)

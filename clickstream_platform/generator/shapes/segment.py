"""Shape G `segment`: Segment and RudderStack track and page calls, JSON lines."""

from __future__ import annotations

import json

import numpy as np

from clickstream_platform.generator.block import NONE, EventBlock
from clickstream_platform.generator.catalogue import (
    AGENTS,
    CAMPAIGNS,
    CURRENCY,
    EXPERIMENTS,
    PAGE_SEARCH,
    SEARCHES,
    Shop,
    price_text,
)
from clickstream_platform.generator.shapes import shape as text
from clickstream_platform.generator.shapes.eventhub_products import product_lists
from clickstream_platform.generator.shapes.shape import Shape
from clickstream_platform.generator.vocabulary import CODE

# Names of Segment's e-commerce specification; the others are ours in title case.
WORDS = {
    "page_view": "Page Viewed",
    "session_start": "Session Start",
    "view_item_list": "Product List Viewed",
    "select_item": "Product Clicked",
    "view_item": "Product Viewed",
    "view_search_results": "Products Searched",
    "add_to_wishlist": "Product Added to Wishlist",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "view_cart": "Cart Viewed",
    "begin_checkout": "Checkout Started",
    "add_shipping_info": "Add Shipping Info",
    "add_payment_info": "Payment Info Entered",
    "purchase": "Order Completed",
    "refund": "Order Refunded",
    "sign_up": "Sign Up",
    "login": "Login",
    "experiment_viewed": "Experiment Viewed",
    "click": "Click",
}


def render(events: EventBlock, shop: Shop, file_format: str) -> list[str]:
    """A page call per page view, a track call per other event.

    `timestamp` and `originalTimestamp` are the event's time, `sentAt` and `receivedAt` the
    arrival.
    """
    del file_format
    is_page = (events.name == CODE["page_view"]).tolist()
    agents = np.array([agent for agent, *_ in AGENTS], dtype=object)[events.agent].tolist()
    calls = [
        '"type":"page","name":"Shop"' if page else f'"type":"track","event":"{word}"'
        for page, word in zip(is_page, text.words(events, WORDS), strict=True)
    ]
    return [
        f'{{"messageId":"{message}",{call},"userId":{user},"anonymousId":"{anonymous}",'
        f'"timestamp":"{time}","originalTimestamp":"{time}","sentAt":"{arrival}",'
        f'"receivedAt":"{arrival}","properties":{{{properties}}},"context":{{'
        f'"sessionId":"{session}","userAgent":"{agent}","ip":"{address}",'
        f'"page":{{"url":"{url}","referrer":{referrer}}}{campaign}}}}}'
        for (
            message,
            call,
            user,
            anonymous,
            time,
            arrival,
            properties,
            session,
            agent,
            address,
            url,
            referrer,
            campaign,
        ) in zip(
            events.event_id.tolist(),
            calls,
            [f'"{user}"' if user else "null" for user in text.user_texts(events.user, null="")],
            text.by_distinct(events.browser, text.anonymous_texts),
            text.times(events.time),
            text.times(events.arrival),
            _properties(events, shop),
            text.by_distinct(events.session, text.session_texts),
            agents,
            text.by_distinct(events.browser, text.address_texts),
            text.urls(events, shop),
            [f'"{address}"' if address else "null" for address in text.referrers(events)],
            _campaigns(events),
            strict=True,
        )
    ]


def _campaigns(events: EventBlock) -> list[str]:
    table = [
        f',"campaign":{{"name":"{name}","source":"{source}","medium":"{medium}"}}'
        for _, name, source, medium, _ in CAMPAIGNS
    ]
    return np.array([*table, ""], dtype=object)[events.campaign].tolist()


def _properties(events: EventBlock, shop: Shop) -> list[str]:
    """The inner fields of `properties`: a product, a cart with its value, a search or a test."""
    lines = product_lists(events, shop, id_name="product_id")
    has_cart = (events.cart_product != NONE).any(axis=1)
    values = _values(events, shop)
    properties = [f'{line[1:-1]},"currency":"{CURRENCY}"' if line else "" for line in lines]
    for row in np.flatnonzero(has_cart).tolist():
        properties[row] = f'"value":{values[row]},"currency":"{CURRENCY}","products":[{lines[row]}]'
    ordered = np.flatnonzero(events.order != NONE)
    for row, order in zip(ordered.tolist(), text.order_texts(events.order[ordered]), strict=True):
        properties[row] = f'"order_id":"{order}","revenue":{values[row]},{properties[row]}'
    for row in np.flatnonzero(events.name == CODE["view_search_results"]).tolist():
        properties[row] = f'"query":{json.dumps(SEARCHES[events.page[row] - PAGE_SEARCH])}'
    for row in np.flatnonzero(events.experiment != NONE).tolist():
        experiment, variants = EXPERIMENTS[events.experiment[row] // 2]
        variant = variants[events.experiment[row] % 2]
        properties[row] = f'"experiment_id":"{experiment}","variation_id":"{variant}"'
    return properties


def _values(events: EventBlock, shop: Shop) -> list[str]:
    return [price_text(cents) for cents in text.cart_cents(events, shop).tolist()]


SEGMENT = Shape(
    letter="G",
    source="segment",
    formats=("json",),
    render=render,
    identity="cookie",
    id_path=("messageId",),
    name_path=("event",),
    time_paths=(("timestamp",), ("originalTimestamp",)),
    price_paths=(("properties", "price"), ("properties", "products", 0, "price")),
    cart_slots=3,
    has_transaction_id=True,
    has_arrival_time=True,
    unnamed=("page_view",),
    words=WORDS,
)

"""Shape C `star_csv`: the event table of a star schema, CSV or JSON lines."""

from __future__ import annotations

import json

import numpy as np

from clickstream_platform.generator.block import NONE, EventBlock
from clickstream_platform.generator.catalogue import AGENTS, Shop
from clickstream_platform.generator.shapes import shape as text
from clickstream_platform.generator.shapes.shape import Shape

COLUMNS = (
    "event_id",
    "user_id",
    "session_id",
    "timestamp",
    "event_type",
    "product_id",
    "page_url",
    "referrer",
    "device_type",
    "browser",
    "quantity",
    "price",
)
WORDS = {"view_item": "product_view"}
_TEXT_COLUMNS = len(COLUMNS) - 2


def render(events: EventBlock, shop: Shop, file_format: str) -> list[str]:
    """One CSV record or JSON object per event; an unknown value is empty or null."""
    devices = np.array([device for _, device, _ in AGENTS], dtype=object)[events.agent]
    browsers = np.array([browser for *_, browser in AGENTS], dtype=object)[events.agent]
    quantities = np.where(events.product == NONE, NONE, events.quantity)
    rows = zip(
        events.event_id.tolist(),
        text.user_texts(events.user, null=""),
        text.by_distinct(events.session, text.session_texts),
        text.times(events.time),
        text.words(events, WORDS),
        text.product_texts(events, shop),
        text.urls(events, shop),
        text.referrers(events),
        devices.tolist(),
        browsers.tolist(),
        ["" if quantity == NONE else str(quantity) for quantity in quantities.tolist()],
        text.prices(events, shop),
        strict=True,
    )
    return [",".join(row) for row in rows] if file_format == "csv" else [_object(r) for r in rows]


def _object(row: tuple[str, ...]) -> str:
    fields = [
        f"{json.dumps(name)}:{json.dumps(value) if value else 'null'}"
        for name, value in zip(COLUMNS[:_TEXT_COLUMNS], row[:_TEXT_COLUMNS], strict=True)
    ]
    fields += [
        f'"{name}":{value or "null"}'
        for name, value in zip(COLUMNS[_TEXT_COLUMNS:], row[_TEXT_COLUMNS:], strict=True)
    ]
    return "{" + ",".join(fields) + "}"


STAR_CSV = Shape(
    letter="C",
    source="star_csv",
    formats=("csv", "json"),
    sources={"json": "star_json"},
    render=render,
    identity="account",
    id_path=("event_id",),
    name_path=("event_type",),
    time_paths=(("timestamp",),),
    price_paths=(("price",),),
    columns=COLUMNS,
    words=WORDS,
)

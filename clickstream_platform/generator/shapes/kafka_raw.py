"""Shape E `kafka_raw`: the six fields of the topic `ecom_clickstream_raw`, JSON lines."""

from __future__ import annotations

from clickstream_platform.generator.block import EventBlock
from clickstream_platform.generator.catalogue import Shop
from clickstream_platform.generator.shapes import shape as text
from clickstream_platform.generator.shapes.shape import Shape

WORDS = {"view_item": "product_view"}


def render(events: EventBlock, shop: Shop, file_format: str) -> list[str]:
    """One JSON object per event; one piece per purchase, since there is no quantity."""
    del file_format
    return [
        f'{{"event_id":"{event_id}","user_id":"{user}","product_id":{product},'
        f'"event_type":"{word}","price":{price},"timestamp":"{time}"}}'
        for event_id, user, product, word, price, time in zip(
            events.event_id.tolist(),
            text.user_texts(events.user, null=""),
            [f'"{product}"' if product else "null" for product in text.product_texts(events, shop)],
            text.words(events, WORDS),
            [price or "null" for price in text.prices(events, shop)],
            text.times(events.time),
            strict=True,
        )
    ]


KAFKA_RAW = Shape(
    letter="E",
    source="kafka_raw",
    formats=("json", "parquet"),
    render=render,
    identity="always",
    id_path=("event_id",),
    name_path=("event_type",),
    time_paths=(("timestamp",),),
    price_paths=(("price",),),
    max_quantity=1,
    words=WORDS,
)

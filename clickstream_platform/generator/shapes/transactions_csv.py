"""Shape D `transactions_csv`: a user's actions with amount and outcome, CSV."""

from __future__ import annotations

import numpy as np

from clickstream_platform.generator.block import EventBlock
from clickstream_platform.generator.catalogue import Shop, price_text
from clickstream_platform.generator.randomness import scrambled
from clickstream_platform.generator.shapes import shape as text
from clickstream_platform.generator.shapes.shape import Shape
from clickstream_platform.generator.vocabulary import CODE

COLUMNS = ("UserID", "SessionID", "Timestamp", "EventType", "ProductID", "Amount", "Outcome")
WORDS = {"view_item": "product_view", "select_item": "product_click"}
DECLINED_IN = 20


def render(events: EventBlock, shop: Shop, file_format: str) -> list[str]:
    """One CSV record per event; an amount on purchases, an outcome on purchases and payments."""
    del file_format
    is_purchase = events.name == CODE["purchase"]
    cents = shop.price_cents[events.product] * events.factor * events.quantity
    amounts = [
        price_text(amount) if bought else ""
        for amount, bought in zip(cents.tolist(), is_purchase.tolist(), strict=True)
    ]
    declined = scrambled(events.time, 503) % np.uint64(DECLINED_IN) == 0
    payment = np.where(declined, "failure", "success")
    outcome = np.where(events.name == CODE["add_payment_info"], payment, "")
    outcome = np.where(is_purchase, "success", outcome)
    return [
        ",".join(row)
        for row in zip(
            text.user_texts(events.user, null=""),
            text.by_distinct(events.session, text.session_texts),
            [f"{time[:10]} {time[11:23]}" for time in text.times(events.time)],
            text.words(events, WORDS),
            text.product_texts(events, shop),
            amounts,
            outcome.tolist(),
            strict=True,
        )
    ]


TRANSACTIONS_CSV = Shape(
    letter="D",
    source="transactions_csv",
    formats=("csv",),
    render=render,
    identity="always",
    name_path=("EventType",),
    time_paths=(("Timestamp",),),
    price_paths=(("Amount",),),
    columns=COLUMNS,
    priced_names=("purchase",),
    words=WORDS,
)

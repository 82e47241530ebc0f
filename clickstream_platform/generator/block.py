"""Events as columns: one array per field, row i of each being event i."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

NONE = -1


@dataclass
class EventBlock:
    """One row per event; -1 (`NONE`) stands for null in the number columns.

    Units: `time` and `arrival` in milliseconds since 1970 UTC. `factor` multiplies the price of
        the catalogue. `cart_*` have one column per line of the cart, unused lines are -1.
    """

    time: np.ndarray
    arrival: np.ndarray
    name: np.ndarray
    session: np.ndarray
    browser: np.ndarray
    user: np.ndarray
    agent: np.ndarray
    product: np.ndarray
    quantity: np.ndarray
    factor: np.ndarray
    order: np.ndarray
    cart_product: np.ndarray
    cart_quantity: np.ndarray
    page: np.ndarray
    referrer: np.ndarray
    campaign: np.ndarray
    experiment: np.ndarray
    bot: np.ndarray
    faults: np.ndarray
    event_id: np.ndarray

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: np.ndarray | slice) -> EventBlock:
        """The rows named by index, mask or slice; later changes do not touch this block."""
        columns = {field.name: getattr(self, field.name)[rows] for field in fields(self)}
        if isinstance(rows, slice):
            columns = {name: column.copy() for name, column in columns.items()}
        return replace(self, **columns)

    def by_time(self) -> EventBlock:
        """The rows in order of time; equal times keep their order."""
        return self.take(np.argsort(self.time, kind="stable"))

    def split_at(self, time_ms: int) -> tuple[EventBlock, EventBlock]:
        """Rows before `time_ms` and rows from it on, of a block in order of time."""
        cut = int(np.searchsorted(self.time, time_ms, side="left"))
        return self.take(slice(None, cut)), self.take(slice(cut, None))


def concatenated(blocks: Sequence[EventBlock]) -> EventBlock:
    """The rows of all blocks, one after the other."""
    if len(blocks) == 1:
        return blocks[0]
    return EventBlock(
        **{
            field.name: np.concatenate([getattr(block, field.name) for block in blocks])
            for field in fields(EventBlock)
        }
    )


def new_block(time: np.ndarray, *, cart_slots: int) -> EventBlock:
    """Events at these times with every other column empty."""
    count = len(time)

    def column(dtype: type, value: int = NONE) -> np.ndarray:
        return np.full(count, value, dtype=dtype)

    return EventBlock(
        time=time.astype(np.int64),
        arrival=time.astype(np.int64),
        name=column(np.int8, 0),
        session=column(np.int64),
        browser=column(np.int64),
        user=column(np.int64),
        agent=column(np.int16, 0),
        product=column(np.int32),
        quantity=column(np.int16, 1),
        factor=column(np.int16, 1),
        order=column(np.int64),
        cart_product=np.full((count, cart_slots), NONE, dtype=np.int32),
        cart_quantity=np.full((count, cart_slots), 0, dtype=np.int16),
        page=column(np.int32, 0),
        referrer=column(np.int16, 0),
        campaign=column(np.int16),
        experiment=column(np.int8),
        bot=column(np.int32),
        faults=column(np.int32, 0),
        event_id=np.empty(count, dtype=object),
    )

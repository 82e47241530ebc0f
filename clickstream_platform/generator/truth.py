"""What is really in the files: sessions, orders, bots and faults, counted while they are written.

Written as `sessions.parquet`, `orders.parquet`, `bots.parquet`, `faults.parquet`, `summary.json`.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_platform.generator.block import EventBlock
from clickstream_platform.generator.bots import FIRST_SESSION, behaviour
from clickstream_platform.generator.catalogue import Shop
from clickstream_platform.generator.delivery import Lines
from clickstream_platform.generator.faults import (
    BIT,
    DUPLICATE,
    FAULT_NAMES,
    LATE,
    OUTLIER,
    REPEAT,
    RESCUED,
)
from clickstream_platform.generator.options import HOUR_MS
from clickstream_platform.generator.shapes.shape import (
    Shape,
    anonymous_texts,
    cart_cents,
    order_texts,
    session_texts,
)
from clickstream_platform.generator.vocabulary import CODE, EVENT_NAMES
from clickstream_platform.hours import hour_key

MOMENT = pa.timestamp("ms", tz="UTC")
MONEY = pa.decimal128(12, 2)
ACCEPTED = LATE | OUTLIER | REPEAT
QUARANTINED = tuple(name for name in FAULT_NAMES if not BIT[name] & (ACCEPTED | DUPLICATE))


class Truth:
    """Collects the truth; small beside the events (one row per session, purchase and fault)."""

    def __init__(self, shape: Shape, shop: Shop) -> None:
        self._shape, self._shop = shape, shop
        self._sessions: list[np.ndarray] = []
        self._purchases: list[dict[str, np.ndarray]] = []
        self._names: Counter[str] = Counter()
        self._bot_lines: Counter[int] = Counter()
        self._reused: set[tuple[int, int]] = set()
        self._reusing_lines = 0
        self._repeats = 0
        self._rescued = 0
        self.files: dict[str, int] = {}
        self._faults: list[tuple[str, str, int, str | None, str | None]] = []

    def add_events(self, events: EventBlock) -> None:
        """Counts events whose lines are valid and no copies: humans' and bots'."""
        if not len(events):
            return
        is_bot = events.bot >= 0
        is_repeat = events.faults & REPEAT > 0
        self._repeats += int(is_repeat.sum())
        organic = np.bincount(events.name[~is_bot & ~is_repeat], minlength=len(EVENT_NAMES))
        self._names.update(dict(zip(EVENT_NAMES, organic.tolist(), strict=True)))
        self._add_sessions(events)
        self._add_purchases(events)
        bot, hour = events.bot[is_bot], events.time[is_bot] // HOUR_MS
        self._bot_lines.update(bot.tolist())
        if self._shape.id_path is None:
            return
        for number, of_hour in zip(bot.tolist(), hour.tolist(), strict=True):
            if behaviour(number) == "id_reuse":
                self._reused.add((number, of_hour))
                self._reusing_lines += 1

    def _add_sessions(self, events: EventBlock) -> None:
        order = np.argsort(events.session, kind="stable")
        session, first = np.unique(events.session[order], return_index=True)
        time = events.time[order]
        self._sessions.append(
            np.column_stack(
                [
                    session,
                    np.minimum.reduceat(time, first),
                    np.maximum.reduceat(time, first),
                    np.diff(np.append(first, len(order))),
                    events.browser[order][first],
                    np.maximum.reduceat(events.user[order], first),
                ]
            )
        )

    def _add_purchases(self, events: EventBlock) -> None:
        bought = events.take(events.name == CODE["purchase"])
        self._purchases.append(
            {
                "order": bought.order,
                "time": bought.time,
                "event_id": bought.event_id,
                "cents": cart_cents(bought, self._shop),
                "browser": bought.browser,
                "user": bought.user,
                "session": bought.session,
            }
        )

    def add_file(self, path: str, lines: Lines) -> None:
        """Counts a file that has been written, and the faults in it."""
        self.files[path] = len(lines)
        for row in np.flatnonzero(lines.faults).tolist():
            bits, time = int(lines.faults[row]), int(lines.time[row])
            self._rescued += bits & RESCUED > 0
            hour = hour_key(datetime.fromtimestamp(time / 1000, UTC)) if time >= 0 else None
            for kind in FAULT_NAMES:
                if bits & BIT[kind]:
                    self._faults.append((kind, path, row, lines.event_id[row], hour))

    def summary(self, arguments: dict[str, Any], *, is_complete: bool) -> dict[str, Any]:
        """The counts; `expected` is what a platform should find.

        Guarantees: lines = accepted + duplicates + the sum of quarantined + bot_id_reuse_lines;
            `rescued` of the accepted have a price that cannot be read and are no purchases.
        """
        orders = self.orders()
        is_bot = np.array(orders["is_bot"].to_pylist(), dtype=bool)
        values = np.array([int(value * 100) for value in orders["value"].to_pylist()], dtype=int)
        kinds = Counter(kind for kind, *_ in self._faults)
        organic = sum(self._names.values())
        bot_lines = sum(self._bot_lines.values())
        reuse = self._reusing_lines - len(self._reused)
        return {
            "arguments": arguments,
            "is_complete": is_complete,
            "source": self._shape.source_of(str(arguments["format"])),
            "lines": sum(self.files.values()),
            "files": dict(sorted(self.files.items())),
            "organic_events": organic,
            "faults": {kind: kinds[kind] for kind in FAULT_NAMES},
            "bot_visitors": len(self._bot_lines),
            "bot_lines": bot_lines,
            "expected": {
                "lines": sum(self.files.values()),
                "accepted": organic + self._repeats + bot_lines - reuse + self._rescued,
                "rescued": self._rescued,
                "duplicates": kinds["duplicate"],
                "quarantined": {kind: kinds[kind] for kind in QUARANTINED}
                | {"wrong_type": kinds["wrong_type"] - self._rescued},
                "bot_id_reuse_lines": reuse,
                "events_by_name": {name: self._names[name] for name in EVENT_NAMES},
                "sessions": int(np.count_nonzero(self._merged_sessions()[:, 0] < FIRST_SESSION)),
                "orders": int((~is_bot).sum()),
                "order_value": int(values[~is_bot].sum()) / 100,
                "bot_orders": int(is_bot.sum()),
                "bot_order_value": int(values[is_bot].sum()) / 100,
            },
        }

    def write(self, folder: Path, summary: dict[str, Any]) -> None:
        """All five files in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(self.sessions(), folder / "sessions.parquet")
        pq.write_table(self.orders(), folder / "orders.parquet")
        pq.write_table(self.bots(), folder / "bots.parquet")
        pq.write_table(self.faults(), folder / "faults.parquet")
        (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", "utf-8")

    def _merged_sessions(self) -> np.ndarray:
        if not self._sessions:
            return np.empty((0, 6), dtype=np.int64)
        parts = np.concatenate(self._sessions)
        parts = parts[np.argsort(parts[:, 0], kind="stable")]
        _, first = np.unique(parts[:, 0], return_index=True)
        merged = parts[first].copy()
        merged[:, 1] = np.minimum.reduceat(parts[:, 1], first)
        merged[:, 2] = np.maximum.reduceat(parts[:, 2], first)
        merged[:, 3] = np.add.reduceat(parts[:, 3], first)
        merged[:, 5] = np.maximum.reduceat(parts[:, 5], first)
        self._sessions = [merged]
        return merged

    def sessions(self) -> pa.Table:
        """One row per session: a visitor's events with no gap over 30 minutes."""
        merged = self._merged_sessions()
        return pa.table(
            {
                "visitor": pa.array(
                    self._shape.visitors(merged[:, 4], merged[:, 5], merged[:, 0]), pa.string()
                ),
                "client_session_id": pa.array(session_texts(merged[:, 0]), pa.string()),
                "started_at": pa.array(merged[:, 1], MOMENT),
                "ended_at": pa.array(merged[:, 2], MOMENT),
                "event_count": pa.array(merged[:, 3], pa.int64()),
                "is_bot": pa.array(merged[:, 0] >= FIRST_SESSION, pa.bool_()),
            }
        )

    def orders(self) -> pa.Table:
        """One row per order; `repeats` counts its purchase events after the first."""
        columns: dict[str, np.ndarray] = {
            name: np.concatenate([part[name] for part in self._purchases] or [np.empty(0, int)])
            for name in ("order", "time", "event_id", "cents", "browser", "user", "session")
        }
        order = np.lexsort((columns["time"], columns["order"]))
        number, first, count = np.unique(
            columns["order"][order], return_index=True, return_counts=True
        )
        rows = order[first]
        identified = self._shape.has_transaction_id
        has_id = self._shape.id_path is not None
        transactions = order_texts(number) if identified else [None] * len(number)
        ids = columns["event_id"][rows].tolist() if has_id else [None] * len(number)
        session = columns["session"][rows]
        visitors = self._shape.visitors(columns["browser"][rows], columns["user"][rows], session)
        return pa.table(
            {
                "transaction_id": pa.array(transactions, pa.string()),
                "visitor": pa.array(visitors, pa.string()),
                "first_event_id": pa.array(ids, pa.string()),
                "ordered_at": pa.array(columns["time"][rows], MOMENT),
                "value": pa.array(
                    [Decimal(cents).scaleb(-2) for cents in columns["cents"][rows].tolist()], MONEY
                ),
                "repeats": pa.array(count - 1, pa.int64()),
                "is_bot": pa.array(session >= FIRST_SESSION, pa.bool_()),
            }
        )

    def bots(self) -> pa.Table:
        """One row per robot that sent a line."""
        merged = self._merged_sessions()
        rows = merged[merged[:, 0] >= FIRST_SESSION]
        kinds = [behaviour(int(session) - FIRST_SESSION) for session in rows[:, 0]]
        return pa.table(
            {
                "visitor": pa.array(
                    self._shape.visitors(rows[:, 4], rows[:, 5], rows[:, 0]), pa.string()
                ),
                "anonymous_id": pa.array(anonymous_texts(rows[:, 4]), pa.string()),
                "behaviour": pa.array(kinds, pa.string()),
                "event_count": pa.array(rows[:, 3], pa.int64()),
            }
        )

    def faults(self) -> pa.Table:
        """One row per fault: `line` counts from 0 in `file`, a CSV header is no line."""
        columns: list[list[Any]] = [list(c) for c in zip(*self._faults, strict=True)] or [[]] * 5
        return pa.table(
            {
                "kind": pa.array(columns[0], pa.string()),
                "file": pa.array(columns[1], pa.string()),
                "line": pa.array(columns[2], pa.int64()),
                "event_id": pa.array(columns[3], pa.string()),
                "event_hour": pa.array(columns[4], pa.string()),
            }
        )

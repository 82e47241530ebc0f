"""Dagster's SQLite event log with connections that are kept, and transactions of many events.

As it comes, each event makes SQLAlchemy engines, connections and compiled statements anew, three or
four times over, and waits for the disk at each commit: 20 ms of CPU for one event, and a month of
hours tells over 30,000. Here each database keeps one connection, and what Dagster calls a batch
(the planned events of a run, the hours of a table, their checks) is written in transactions of
BATCH events: each page of the file is written once for many of them. `synchronous = NORMAL` waits
for the disk at checkpoints only; a power cut may lose the last events, never the file, and what a
commit of ours lacks in Dagster is reported again by `automation/bookkeeping.py`.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

_PATCHED = ("_connect", "has_table", "store_event_batch", "_store_asset_event")
ORIGINAL = {name: getattr(SqliteEventLogStorage, name) for name in _PATCHED}
KEPT = 4  # databases: the index, and those of the last runs
BATCH = 200  # events: nobody else can write for as long as it takes to store them


def keep_connections() -> None:
    """From now on this process's event logs work as said above; called twice, the same.

    Dagster has no setting but for the size of a batch. The version is pinned, and a test compares
    the events.
    """
    os.environ["DAGSTER_EVENT_BATCH_SIZE"] = str(BATCH)
    all_ours = (_connect, _has_table, _store_event_batch, _store_asset_event)
    for name, ours in zip(_PATCHED, all_ours, strict=True):
        setattr(SqliteEventLogStorage, name, ours)


@dataclass
class _Batch:
    """The open transactions of the thread that stores a batch."""

    thread: int
    stack: ExitStack
    connections: dict[str, Connection] = field(default_factory=dict)
    newest: dict[tuple[object, ...], tuple[Any, ...]] = field(default_factory=dict)


@contextmanager
def _connect(self: Any, shard: str) -> Iterator[Connection]:
    """As Dagster's: one thread at a time, one transaction; within a batch, the batch's."""
    batch = _batch_of(self)
    if batch is not None:
        if shard not in batch.connections:
            batch.connections[shard] = batch.stack.enter_context(_transaction(self, shard))
        yield batch.connections[shard]
    else:
        with self._db_lock, _transaction(self, shard) as connection:
            yield connection


def _batch_of(storage: Any) -> _Batch | None:
    """The one that this thread stores."""
    batch: _Batch | None = storage.__dict__.get("_batch")
    return batch if batch is not None and batch.thread == threading.get_ident() else None


@contextmanager
def _transaction(storage: Any, shard: str) -> Iterator[Connection]:
    if shard not in storage._initialized_dbs:
        storage._initdb(_new_engine(storage, shard, poolclass=NullPool))  # it needs two at a time
        storage._initialized_dbs.add(shard)
    with _engine(storage, shard).connect() as connection, connection.begin():
        yield connection


def _store_event_batch(self: Any, events: Sequence[EventLogEntry]) -> None:
    """All of the events, or none: Dagster then stores them one by one."""
    with self._db_lock, ExitStack() as stack:
        self._batch = _Batch(threading.get_ident(), stack)
        stack.callback(self.__dict__.pop, "_batch")
        for one in events:
            self.store_event(one)
        for arguments in self._batch.newest.values():
            ORIGINAL["_store_asset_event"](self, *arguments)


def _store_asset_event(self: Any, connection: Connection, one: EventLogEntry, number: int) -> None:
    """Notes on the asset what it told last; of a batch, the last event of each kind."""
    batch, told = _batch_of(self), one.dagster_event
    if batch is None or told is None:
        ORIGINAL["_store_asset_event"](self, connection, one, number)
    else:
        kind = told.asset_key, told.event_type
        batch.newest.pop(kind, None)  # so that the kinds stay in the order of their last events
        batch.newest[kind] = connection, one, number


def _has_table(self: Any, table_name: str) -> bool:
    """Asked for each materialisation; a table that was there stays."""
    known: set[str] = self.__dict__.setdefault("_known_tables", set())
    if table_name not in known and ORIGINAL["has_table"](self, table_name):
        known.add(table_name)
    return table_name in known


def _engine(storage: Any, shard: str) -> Engine:
    kept: OrderedDict[str, Engine] = storage.__dict__.setdefault("_kept_engines", OrderedDict())
    if shard not in kept:
        kept[shard] = _new_engine(storage, shard, poolclass=QueuePool, pool_size=1, max_overflow=0)
        event.listen(kept[shard], "connect", _on_connect)
    kept.move_to_end(shard)
    while len(kept) > KEPT:
        _, oldest = kept.popitem(last=False)
        oldest.dispose()
    return kept[shard]


def _new_engine(storage: Any, shard: str, **pool: Any) -> Engine:
    return create_engine(
        storage.conn_string_for_shard(shard),
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        **pool,
    )


def _on_connect(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")

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
from pathlib import Path
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from clickstream_platform.automation import schemas

KEPT = 4  # databases: the index, and those of the last runs
BATCH = 200  # events: nobody else can write for as long as it takes to store them


@dataclass
class _Batch:
    """The open transactions of the thread that stores a batch."""

    thread: int
    stack: ExitStack
    connections: dict[str, Connection] = field(default_factory=dict)
    newest: dict[tuple[object, ...], tuple[Any, ...]] = field(default_factory=dict)


class QuickEventLog(SqliteEventLogStorage):
    """The files and events of Dagster's own event log, read and written as said above.

    The version of Dagster is pinned, and a test compares the events.
    """

    def __init__(self, base_dir: str) -> None:
        # Dagster has no other setting for the size of a batch.
        os.environ["DAGSTER_EVENT_BATCH_SIZE"] = str(BATCH)
        self._batch: _Batch | None = None
        self.kept: OrderedDict[str, Engine] = OrderedDict()  # the least used comes first
        self._known_tables: set[str] = set()
        super().__init__(base_dir)

    def dispose(self) -> None:
        while self.kept:
            self.kept.popitem()[1].dispose()
        super().dispose()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """All of the events, or none: Dagster then stores them one by one."""
        with self._db_lock, ExitStack() as stack:
            batch = self._batch = _Batch(threading.get_ident(), stack)
            stack.callback(setattr, self, "_batch", None)
            for one in events:
                self.store_event(one)
            for arguments in batch.newest.values():
                super()._store_asset_event(*arguments)

    def has_table(self, table_name: str) -> bool:
        """Asked for each materialisation; a table that was there stays."""
        if table_name not in self._known_tables and super().has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        """Notes on the asset what it told last; of a batch, the last event of each kind."""
        batch, told = self._batch_of_this_thread(), event.dagster_event
        if batch is None or told is None:
            super()._store_asset_event(conn, event, event_id)
        else:
            kind = told.asset_key, told.event_type
            batch.newest.pop(kind, None)  # so that the kinds stay in the order of their last events
            batch.newest[kind] = conn, event, event_id

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """As Dagster's: one thread at a time, one transaction; within a batch, the batch's."""
        batch = self._batch_of_this_thread()
        if batch is not None:
            if shard not in batch.connections:
                batch.connections[shard] = batch.stack.enter_context(self._transaction(shard))
            yield batch.connections[shard]
        else:
            with self._db_lock, self._transaction(shard) as connection:
                yield connection

    def _batch_of_this_thread(self) -> _Batch | None:
        batch = self._batch
        return batch if batch is not None and batch.thread == threading.get_ident() else None

    @contextmanager
    def _transaction(self, shard: str) -> Iterator[Connection]:
        if shard not in self._initialized_dbs:
            file = Path(self.path_for_shard(shard))
            if not schemas.is_newest(file):
                self._initdb(self._new_engine(shard, poolclass=NullPool))  # it needs two at a time
                schemas.note_newest(file)
            self._initialized_dbs.add(shard)
        with self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        if shard not in self.kept:
            one = self._new_engine(shard, poolclass=QueuePool, pool_size=1, max_overflow=0)
            event.listen(one, "connect", _on_connect)
            self.kept[shard] = one
        self.kept.move_to_end(shard)
        while len(self.kept) > KEPT:
            _, oldest = self.kept.popitem(last=False)
            oldest.dispose()
        return self.kept[shard]

    def _new_engine(self, shard: str, **pool: Any) -> Engine:
        return create_engine(
            self.conn_string_for_shard(shard),
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            **pool,
        )


def _on_connect(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")

"""Dagster's SQLite event log with connections that are kept.

As it comes, each event makes SQLAlchemy engines, connections and compiled statements anew, three or
four times over, and waits for the disk at each commit: 20 ms of CPU for one event, and a month of
hours tells over 20,000. Here each database keeps one connection. `synchronous = NORMAL` waits for
the disk at checkpoints only; a power cut may lose the last events, never the file, and what a
commit of ours lacks in Dagster is reported again by `automation/bookkeeping.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

ORIGINAL = SqliteEventLogStorage._connect
KEPT = 4  # databases: the index, and those of the last runs


def keep_connections() -> None:
    """From now on this process's event logs keep their connections; called twice, the same.

    Dagster has no setting for it. The version is pinned, and a test compares the events.
    """
    SqliteEventLogStorage._connect = _connect  # type: ignore[method-assign]


@contextmanager
def _connect(self: Any, shard: str) -> Iterator[Connection]:
    """As Dagster's: one thread at a time, one transaction."""
    with self._db_lock:
        if shard not in self._initialized_dbs:
            self._initdb(_new_engine(self, shard, poolclass=NullPool))  # it needs two at a time
            self._initialized_dbs.add(shard)
        engine = _engine(self, shard)
        with engine.connect() as connection, connection.begin():
            yield connection


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

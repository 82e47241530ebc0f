"""Leases: one writer per home hour at a time, across processes (`<home>/state/leases.sqlite`)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.storage.owners import is_alive

WAIT_S = 600.0
_POLL_S = 0.5


class HoursBusyError(ClickstreamError):
    """Another process kept writing the same hours for longer than we wait."""


@dataclass(frozen=True)
class Lease:
    """An hour of a layer that a living process holds; `since` in seconds since 1970."""

    layer: str
    hour: str
    owner: str
    since: float


@contextmanager
def held(
    state: Path, layer: str, hours: Sequence[str], *, owner: str, wait_s: float = WAIT_S
) -> Iterator[None]:
    """Holds every hour of `layer` alone; all are taken at once, so that two owners cannot cross.

    The lease of a process that is gone does not count.
    Raises: HoursBusyError naming the holder after `wait_s` seconds.
    """
    state.mkdir(parents=True, exist_ok=True)
    path = state / "leases.sqlite"
    deadline = time.monotonic() + wait_s
    while (busy := _try_take(path, layer, hours, owner)) is not None:
        if time.monotonic() > deadline:
            hour, holder = busy
            raise HoursBusyError(
                f"{layer} {hour} has been written by {holder.split('|')[0]} "
                f"(process {holder.split('|')[1]}) for over {wait_s:.0f} s; end that run first."
            )
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        with closing(_open(path)) as connection:
            connection.executemany(
                "DELETE FROM leases WHERE layer = ? AND hour = ? AND owner = ?",
                [(layer, hour, owner) for hour in hours],
            )


def living(state: Path) -> list[Lease]:
    """What living processes hold now, in order of layer and hour."""
    path = state / "leases.sqlite"
    if not path.is_file():
        return []
    with closing(_open(path)) as connection:
        rows = connection.execute(
            "SELECT layer, hour, owner, since FROM leases ORDER BY layer, hour"
        ).fetchall()
    alive = {owner: is_alive(owner) for owner in {row[2] for row in rows}}
    return [Lease(*row) for row in rows if alive[row[2]]]


def release_dead(state: Path) -> int:
    """Removes the leases of processes that are gone; returns how many such owners there were."""
    path = state / "leases.sqlite"
    if not path.is_file():
        return 0
    with closing(_open(path)) as connection:
        owners = [row[0] for row in connection.execute("SELECT DISTINCT owner FROM leases")]
        dead = [(owner,) for owner in owners if not is_alive(owner)]
        connection.executemany("DELETE FROM leases WHERE owner = ?", dead)
    return len(dead)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS leases "
        "(layer TEXT, hour TEXT, owner TEXT NOT NULL, since REAL NOT NULL DEFAULT 0, "
        "PRIMARY KEY (layer, hour))"
    )
    if "since" not in {row[1] for row in connection.execute("PRAGMA table_info(leases)")}:
        # Two processes may find it missing at once; the later one has nothing left to do.
        with suppress(sqlite3.OperationalError):
            connection.execute("ALTER TABLE leases ADD COLUMN since REAL NOT NULL DEFAULT 0")
    return connection


def _try_take(path: Path, layer: str, hours: Sequence[str], owner: str) -> tuple[str, str] | None:
    """Takes all hours, or none and tells who holds one."""
    with closing(_open(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        held_by_others = connection.execute(
            "SELECT hour, owner FROM leases WHERE layer = ? AND owner <> ?", (layer, owner)
        ).fetchall()
        wanted = set(hours)
        for hour, holder in held_by_others:
            if hour in wanted and is_alive(holder):
                connection.execute("ROLLBACK")
                return hour, holder
        connection.executemany(
            "INSERT OR REPLACE INTO leases (layer, hour, owner, since) VALUES (?, ?, ?, ?)",
            [(layer, hour, owner, time.time()) for hour in hours],
        )
        connection.execute("COMMIT")
    return None

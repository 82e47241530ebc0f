"""Leases: one writer per home hour at a time, across processes (`<home>/state/leases.sqlite`)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.storage.owners import is_alive

WAIT_S = 600.0
_POLL_S = 0.5


class HoursBusyError(ClickstreamError):
    """Another process kept writing the same hours for longer than we wait."""


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
        "(layer TEXT, hour TEXT, owner TEXT NOT NULL, PRIMARY KEY (layer, hour))"
    )
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
            "INSERT OR REPLACE INTO leases VALUES (?, ?, ?)",
            [(layer, hour, owner) for hour in hours],
        )
        connection.execute("COMMIT")
    return None

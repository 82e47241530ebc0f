"""Hours whose newest commits may lack their note (`<home>/state/doubts.sqlite`).

A writer puts its hours in doubt before it commits, and settles them when `ops/hour_state` names
what it committed. Hours that a crash left in doubt may hold rows that no state knows of.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path


def begin(state: Path, layer: str, hours: Iterable[str], *, writer: str) -> None:
    """Puts the hours in doubt; `writer` is what their commits are signed with."""
    with closing(_open(state)) as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO doubts (layer, hour, writer) VALUES (?, ?, ?)",
            [(layer, hour, writer) for hour in hours],
        )


def settle(state: Path, layer: str, hours: Iterable[str]) -> None:
    """The newest commits of the hours have their note."""
    with closing(_open(state)) as connection:
        connection.executemany(
            "DELETE FROM doubts WHERE layer = ? AND hour = ?", [(layer, hour) for hour in hours]
        )


def among(state: Path, layer: str, hours: Iterable[str]) -> dict[str, set[str]]:
    """Those of `hours` that are in doubt, and who wrote them."""
    wanted = {*hours}
    with closing(_open(state)) as connection:
        rows = connection.execute(
            "SELECT hour, writer FROM doubts WHERE layer = ?", (layer,)
        ).fetchall()
    found: dict[str, set[str]] = {}
    for hour, writer in rows:
        if hour in wanted:
            found.setdefault(hour, set()).add(writer)
    return found


def _open(state: Path) -> sqlite3.Connection:
    state.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(state / "doubts.sqlite", timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS doubts "
        "(layer TEXT, hour TEXT, writer TEXT, PRIMARY KEY (layer, hour, writer))"
    )
    return connection

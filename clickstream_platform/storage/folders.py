"""What the last looks saw of landing's folders (`<home>/state/landing_folders.sqlite`)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folder:
    """A folder when it was last listed; `mtime_ns` is 0 if it must be listed again anyway."""

    path: str
    mtime_ns: int
    listed_at: float
    files: int
    subfolders: tuple[str, ...]


class Folders:
    """The folders of one home's landing; a hint that saves listing, never the truth."""

    def __init__(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.path = state / "landing_folders.sqlite"

    def all(self) -> dict[str, Folder]:
        """Every noted folder by its path under landing."""
        with closing(self._open()) as connection:
            rows = connection.execute("SELECT * FROM folders").fetchall()
        return {
            path: Folder(path, mtime_ns, listed_at, files, tuple(json.loads(subfolders)))
            for path, mtime_ns, listed_at, files, subfolders in rows
        }

    def note(self, folders: Sequence[Folder], *, gone: Sequence[str]) -> None:
        """Keeps what a look saw, and forgets folders that are gone, in one transaction."""
        with closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM folders WHERE path = ?", [(path,) for path in gone])
            connection.executemany(
                "INSERT OR REPLACE INTO folders VALUES (?, ?, ?, ?, ?)",
                [
                    (f.path, f.mtime_ns, f.listed_at, f.files, json.dumps(f.subfolders))
                    for f in folders
                ],
            )
            connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS folders (path TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL, "
            "listed_at REAL NOT NULL, files INTEGER NOT NULL, subfolders TEXT NOT NULL)"
        )
        return connection

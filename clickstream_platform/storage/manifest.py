"""The manifest: the only truth about landing files, from first sight to their bronze commit.

`<home>/state/manifest.sqlite`. A file is seen, then claimed by one run, then committed; a claim
whose process is gone is free again. It can be rebuilt from landing and bronze.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from clickstream_platform.storage.landing import LandingFile
from clickstream_platform.storage.owners import is_alive

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
  path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  source TEXT NOT NULL, ingest_hour TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('seen', 'claimed', 'committed', 'unchanged', 'failed')),
  sha8 TEXT, header TEXT, lines INTEGER, bronze_version INTEGER, error TEXT,
  owner TEXT, attempt INTEGER NOT NULL DEFAULT 0,
  first_seen REAL NOT NULL, retry_at REAL,
  PRIMARY KEY (path, size, mtime_ns)
);
CREATE INDEX IF NOT EXISTS files_by_status ON files (status, ingest_hour);
CREATE INDEX IF NOT EXISTS files_by_source ON files (source, status);
CREATE INDEX IF NOT EXISTS files_by_version ON files (bronze_version);
"""
_FREE = "(status = 'seen' OR (status = 'failed' AND retry_at <= ?))"
_OF_SOURCE = "source = ifnull(?, source)"
FIRST_RETRY_S, LONGEST_RETRY_S = 60.0, 6 * 3600.0


@dataclass(frozen=True)
class Claim:
    """A file this owner alone may ingest now; `attempt` above 1 means that an earlier one died."""

    path: str
    size: int
    mtime_ns: int
    source: str
    ingest_hour: str
    attempt: int


@dataclass(frozen=True)
class Waiting:
    """The files of one ingest hour that no one has claimed.

    `digest` names these files and their attempts; `newest_at` is when the last one was first seen.
    """

    files: int
    size: int
    newest_at: float
    digest: str


@dataclass(frozen=True)
class Ingested:
    """The committed files of one ingest hour; `bronze_version` holds the newest of them."""

    bronze_version: int
    files: int
    lines: int


class Manifest:
    """What is known about every landing file of one home."""

    def __init__(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.path = state / "manifest.sqlite"
        with self._open() as connection:
            known = {row["name"] for row in connection.execute("PRAGMA table_info(files)")}
            if known and "retry_at" not in known:
                connection.execute("ALTER TABLE files ADD COLUMN retry_at REAL")
            connection.executescript(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def register(self, files: Sequence[LandingFile], *, running_hour: str) -> int:
        """Notes files not seen before, by path, size and time; returns how many were new."""
        rows = [
            (f.path, f.size, f.mtime_ns, f.source, f.hour or running_hour, "seen", time.time())
            for f in files
        ]
        with self._transaction() as connection:
            before = connection.total_changes
            connection.executemany(
                "INSERT OR IGNORE INTO files "
                "(path, size, mtime_ns, source, ingest_hour, status, first_seen) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            return connection.total_changes - before

    def waiting_hours(self) -> dict[str, int]:
        """Bytes that wait for ingestion by ingest hour; see `waiting`."""
        return {hour: found.size for hour, found in self.waiting().items()}

    def waiting(self, source: str | None = None) -> dict[str, Waiting]:
        """What waits by ingest hour: new files, those of dead processes, failed ones to retry."""
        self.free_dead_claims()
        with self._open() as connection:
            found = connection.execute(
                "SELECT ingest_hour, path, size, mtime_ns, attempt, first_seen FROM files "  # noqa: S608 (ours)
                f"WHERE {_FREE} AND {_OF_SOURCE} ORDER BY ingest_hour, path, size, mtime_ns",
                (time.time(), source),
            )
            return {
                hour: _waiting(list(rows))
                for hour, rows in groupby(found, key=itemgetter("ingest_hour"))
            }

    def claim(
        self, hours: Sequence[str], *, owner: str, source: str | None = None, limit: int = -1
    ) -> list[Claim]:
        """Takes every free file of `hours`, in order of path. Atomic between processes.

        `owner` comes from `owners.this_process`. Only so many of this `source`, if given.
        """
        self.free_dead_claims()
        with self._transaction() as connection:
            marks = ",".join("?" * len(hours))
            wanted = f"ingest_hour IN ({marks})"
            free = connection.execute(
                f"SELECT * FROM files WHERE {_FREE} AND {_OF_SOURCE} AND {wanted} "  # noqa: S608 (only question marks)
                "ORDER BY path LIMIT ?",
                (time.time(), source, *hours, limit),
            ).fetchall()
            connection.executemany(
                "UPDATE files SET status = 'claimed', owner = ?, attempt = attempt + 1 "
                "WHERE path = ? AND size = ? AND mtime_ns = ?",
                [(owner, row["path"], row["size"], row["mtime_ns"]) for row in free],
            )
        return [
            Claim(
                row["path"],
                row["size"],
                row["mtime_ns"],
                row["source"],
                row["ingest_hour"],
                row["attempt"] + 1,
            )
            for row in free
        ]

    def describe(self, claim: Claim, *, sha8: str, header: str | None) -> None:
        """Notes what inspection found."""
        self._set(claim, sha8=sha8, header=header)

    def commit(self, claim: Claim, *, bronze_version: int | None, lines: int) -> None:
        """The file's lines are in bronze: at a version of `bronze/events`, or in another table."""
        self._set(claim, status="committed", bronze_version=bronze_version, lines=lines, error=None)

    def unchanged(self, claim: Claim) -> None:
        """The same bytes under the same path are in bronze already."""
        self._set(claim, status="unchanged")

    def fail(self, claim: Claim, error: str) -> None:
        """The file could not be read. It is tried again when it changes, or after a pause.

        The pause is a minute after the first attempt and four times longer after each further one,
        up to six hours.
        """
        pause = min(FIRST_RETRY_S * 4 ** (claim.attempt - 1), LONGEST_RETRY_S)
        self._set(claim, status="failed", error=error, retry_at=time.time() + pause)

    def forget(self, claim: Claim) -> None:
        """The file is not what the look saw: gone or changed. The next look registers what is."""
        with self._transaction() as connection:
            connection.execute(
                "DELETE FROM files WHERE path = ? AND size = ? AND mtime_ns = ?",
                (claim.path, claim.size, claim.mtime_ns),
            )

    def release(self, owner: str) -> None:
        """Gives this owner's unfinished claims back."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE files SET status = 'seen', owner = NULL "
                "WHERE owner = ? AND status = 'claimed'",
                (owner,),
            )

    def is_committed(self, path: str, sha8: str) -> bool:
        """True if these bytes came in under this path before."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT 1 FROM files WHERE path = ? AND sha8 = ? AND status = 'committed'",
                (path, sha8),
            )
            return found.fetchone() is not None

    def committed_since(self, version: int) -> dict[str, Ingested]:
        """What bronze holds of each ingest hour with files committed after bronze's `version`."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT ingest_hour, MAX(bronze_version) AS version, COUNT(*) AS files, "
                "SUM(lines) AS lines FROM files WHERE bronze_version IS NOT NULL "
                "AND ingest_hour IN (SELECT ingest_hour FROM files WHERE bronze_version > ?) "
                "GROUP BY ingest_hour",
                (version,),
            )
            return {
                row["ingest_hour"]: Ingested(row["version"], row["files"], row["lines"])
                for row in found
            }

    def headers(self) -> dict[str, list[str]]:
        """The distinct CSV headers by source, over all files that were ever inspected."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT DISTINCT source, header FROM files WHERE header IS NOT NULL "
                "ORDER BY source, header"
            )
            headers: dict[str, list[str]] = {}
            for row in found:
                headers.setdefault(row["source"], []).append(row["header"])
            return headers

    def counts(self, source: str | None = None) -> dict[str, int]:
        """Files by status."""
        counted = f"SELECT status, COUNT(*) AS n FROM files WHERE {_OF_SOURCE} GROUP BY status"  # noqa: S608 (ours)
        with self._open() as connection:
            found = connection.execute(counted, (source,))
            return {row["status"]: row["n"] for row in found}

    def failures(self) -> list[tuple[str, str]]:
        """(path, error) of the files that could not be read."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT path, error FROM files WHERE status = 'failed' ORDER BY path"
            )
            return [(row["path"], row["error"]) for row in found]

    def free_dead_claims(self) -> None:
        """Gives back what processes claimed that are gone."""
        with self._open() as connection:
            owners = [
                row["owner"]
                for row in connection.execute(
                    "SELECT DISTINCT owner FROM files WHERE status = 'claimed'"
                )
            ]
        for owner in owners:
            if not is_alive(owner):
                self.release(owner)

    def _set(self, claim: Claim, **values: object) -> None:
        assignments = ", ".join(f"{name} = ?" for name in values)
        with self._transaction() as connection:
            connection.execute(
                f"UPDATE files SET {assignments} WHERE path = ? AND size = ? AND mtime_ns = ?",  # noqa: S608 (names are ours)
                (*values.values(), claim.path, claim.size, claim.mtime_ns),
            )


def _waiting(rows: Sequence[sqlite3.Row]) -> Waiting:
    """The rows of one ingest hour, in order of path."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row['path']}|{row['size']}|{row['mtime_ns']}|{row['attempt']}\n".encode())
    return Waiting(
        files=len(rows),
        size=sum(row["size"] for row in rows),
        newest_at=max(row["first_seen"] for row in rows),
        digest=digest.hexdigest()[:16],
    )

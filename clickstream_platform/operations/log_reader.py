"""Log lines of all services as entries, from files that grow and rotate.

Data: `<home>/logs/<service>.jsonl` with `.1` to `.5`, and the engine's plain `engine.log`.
"""

from __future__ import annotations

import io
import json
import os
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clickstream_platform.errors import UsageError

LEVELS = ("debug", "info", "warning", "error", "critical")
ENGINE = "engine"
_JAVA_LEVELS = {"TRACE": "debug", "DEBUG": "debug", "INFO": "info", "WARN": "warning",
                "ERROR": "error", "FATAL": "critical"}  # fmt: skip
_ENGINE_LINE = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([A-Z]+) (.*)$")
_AGO = re.compile(r"^(\d+)\s*([smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_OWN_FIELDS = ("ts", "level", "service", "run_id", "event")
_NUMBERED = re.compile(r"\.(\d+)$")


@dataclass(frozen=True)
class Entry:
    """One log line; `fields` are those beyond the common ones."""

    ts: datetime
    level: str
    service: str
    run_id: str | None
    event: str
    fields: dict[str, Any] = field(default_factory=dict)

    def as_object(self) -> dict[str, Any]:
        """As in the file."""
        ts = self.ts.isoformat(timespec="microseconds").replace("+00:00", "Z")
        own = {name: getattr(self, name) for name in _OWN_FIELDS}
        return {**own, "ts": ts, **self.fields}


@dataclass(frozen=True)
class Wanted:
    """Which entries to keep; null means all."""

    service: str | None = None
    run_id: str | None = None
    level: str | None = None
    since: datetime | None = None

    def takes(self, entry: Entry) -> bool:
        """A run is named by its id or the first part of it; a level includes the worse ones."""
        return (
            (self.service is None or entry.service == self.service)
            and (self.run_id is None or (entry.run_id or "").startswith(self.run_id))
            and (self.level is None or LEVELS.index(entry.level) >= LEVELS.index(self.level))
            and (self.since is None or entry.ts >= self.since)
        )


class GrowingLog:
    """One service's log; each `read` gives the entries since the last one, rotations included."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.service = path.name.split(".")[0]
        self._is_plain = path.suffix == ".log"
        self._file: io.BufferedReader | None = None
        self._rest = b""
        self._last: Entry | None = None

    def read(self) -> list[Entry]:
        """The new entries, in the order of the file."""
        if self._file is None:
            lines = [line for older in _rotated(self.path) for line in _lines(older.read_bytes())]
        else:
            lines = self._new_lines()
            if not self._is_moved():
                return self._entries(lines)
            self._file.close()
        if self.path.is_file():
            self._file = self.path.open("rb")
            lines += self._new_lines()
        else:
            self._file = None
        return self._entries(lines)

    def _is_moved(self) -> bool:
        if self._file is None or not self.path.exists():
            return self._file is not None
        return not os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))

    def _new_lines(self) -> list[str]:
        """Whole lines only; a line that is being written waits for the next call."""
        if self._file is None:
            return []
        whole, end, rest = (self._rest + self._file.read()).rpartition(b"\n")
        self._rest = rest
        return _lines(whole + end)

    def _entries(self, lines: list[str]) -> list[Entry]:
        return self._plain(lines) if self._is_plain else [self._structured(line) for line in lines]

    def _structured(self, line: str) -> Entry:
        try:
            found = json.loads(line)
            ts = datetime.fromisoformat(found["ts"])
            level = str(found.get("level", "info"))
        except (ValueError, KeyError, TypeError):  # torn by a full disk, or not ours
            return Entry(self._fallback_ts(), "warning", self.service, None, line)
        return Entry(
            ts,
            level if level in LEVELS else "info",
            str(found.get("service", self.service)),
            found.get("run_id"),
            str(found.get("event", "")),
            {key: value for key, value in found.items() if key not in _OWN_FIELDS},
        )

    def _plain(self, lines: list[str]) -> list[Entry]:
        """Lines without a time, such as stack traces, belong to the entry before them."""
        entries: list[Entry] = []
        for line in lines:
            match = _ENGINE_LINE.match(line)
            if match:
                ts, level, event = match.groups()
                moment = datetime.fromisoformat(ts)
                known = _JAVA_LEVELS.get(level, "info")
                entries.append(Entry(moment, known, self.service, None, event))
            elif entries:
                entries[-1] = replace(entries[-1], event=f"{entries[-1].event}\n{line}")
            else:
                before = self._last
                ts_of = before.ts if before else self._fallback_ts()
                level = before.level if before else "info"
                entries.append(Entry(ts_of, level, self.service, None, line))
        if entries:
            self._last = entries[-1]
        return entries

    def _fallback_ts(self) -> datetime:
        moment = self.path.stat().st_mtime if self.path.exists() else 0.0
        return datetime.fromtimestamp(moment, tz=UTC)


def log_files(folder: Path) -> list[Path]:
    """The newest file of each service, whether or not older ones exist."""
    return [*sorted(folder.glob("*.jsonl")), *sorted(folder.glob(f"{ENGINE}.log"))]


def parse_since(text: str, now: datetime) -> datetime:
    """`10m`, `2h`, `1d`, `30s` ago, or an ISO 8601 time (UTC if it names no zone).

    Raises: UsageError.
    """
    match = _AGO.match(text.strip())
    if match:
        return now - timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--since {text!r} is neither like 10m, 2h or 1d nor a time like 2026-11-20T10:30."
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _rotated(path: Path) -> list[Path]:
    """Older files of `path`, oldest first."""
    older = [p for p in path.parent.glob(f"{path.name}.*") if _NUMBERED.search(p.name)]
    return sorted(older, key=lambda p: -int(p.name.rsplit(".", 1)[1]))


def _lines(content: bytes) -> list[str]:
    return [line for line in content.decode("utf-8", errors="replace").splitlines() if line]

"""What processes leave behind in a home's own folders, and its removal. Links are not followed."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from clickstream_platform.settings import Settings
from clickstream_platform.storage.owners import is_alive
from clickstream_platform.streaming.state import StreamFolder, known_streams

_ROTATED = re.compile(r"^(.+\.jsonl|engine\.log)\.\d+$")
_UNFINISHED_AGE = timedelta(days=1)  # a name with .tmp lives for seconds


@dataclass(frozen=True)
class Leftover:
    """A file or folder that nobody needs any more; `size` in bytes."""

    kind: str
    path: Path
    size: int


def leftovers(settings: Settings, *, now: datetime) -> list[Leftover]:
    """Everything that may go at `now`; nothing is changed."""
    logs_until = now - timedelta(days=settings.maintenance.keep_logs_days)
    runs_until = now - timedelta(days=settings.maintenance.keep_runs_days)
    return [
        *_rotated_logs(settings, logs_until),
        *_unfinished(settings, now - _UNFINISHED_AGE),
        *_checkpoints(settings, logs_until),
        *_printed(settings, runs_until),
    ]


def remove(found: Leftover) -> None:
    """Removes it; what is gone already is no error."""
    if found.path.is_dir() and not found.path.is_symlink():
        shutil.rmtree(found.path, ignore_errors=True)
        if _is_run_id(found.path.parent.name) and not any(found.path.parent.iterdir()):
            found.path.parent.rmdir()
    else:
        found.path.unlink(missing_ok=True)


def _rotated_logs(settings: Settings, until: datetime) -> Iterator[Leftover]:
    for path in _inside(settings.logs, "*"):
        if _ROTATED.match(path.name) and _is_older(path, until):
            yield Leftover("rotated log", path, path.stat().st_size)


def _unfinished(settings: Settings, until: datetime) -> Iterator[Leftover]:
    """Files that a process was to rename when they were whole, and did not live to."""
    folders = (settings.state, settings.state / "ticks", settings.state / "engine")
    streams = sorted(path for path in _inside(settings.state / "stream", "*") if path.is_dir())
    for folder in (*folders, *streams, settings.reports):
        for path in _inside(folder, "*.tmp"):
            if path.is_file() and _is_older(path, until):
                yield Leftover("unfinished file", path, path.stat().st_size)


def _checkpoints(settings: Settings, until: datetime) -> Iterator[Leftover]:
    """Checkpoints of streams that do not run; each start makes a new one anyway."""
    for beat in known_streams(settings):
        folder = StreamFolder(settings, beat.source).checkpoint
        if is_alive(beat.owner) or datetime.fromisoformat(beat.beat_at) >= until:
            continue
        if folder.is_dir() and not folder.is_symlink():
            yield Leftover("stream checkpoint", folder, _size(folder))


def _printed(settings: Settings, until: datetime) -> Iterator[Leftover]:
    """What Dagster's runs printed: `<storage>/<run id>/compute_logs`."""
    for path in _inside(settings.dagster_home / "storage", "*"):
        printed = path / "compute_logs"
        if _is_run_id(path.name) and printed.is_dir() and _newest(printed) < until.timestamp():
            yield Leftover("output of a run", printed, _size(printed))


def _inside(folder: Path, pattern: str) -> list[Path]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    return sorted(path for path in folder.glob(pattern) if not path.is_symlink())


def _is_run_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _is_older(path: Path, until: datetime) -> bool:
    return path.stat().st_mtime < until.timestamp()


def _newest(folder: Path) -> float:
    return max([folder.stat().st_mtime, *(path.stat().st_mtime for path in folder.rglob("*"))])


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

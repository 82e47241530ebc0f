"""Which of Dagster's SQLite files this process has found to have the newest schema.

Dagster asks whenever it opens its instance, which is for each tick of a sensor and for each run.
To know the newest revision, Alembic executes every migration script there is.
"""

from __future__ import annotations

from pathlib import Path

_Identity = tuple[str, int, int]
_known: set[_Identity] = set()


def is_newest(file: Path) -> bool:
    """Whether this very file was found so; another one in its place was not."""
    return _identity(file) in _known


def note_newest(file: Path) -> None:
    if (found := _identity(file)) is not None:
        _known.add(found)


def _identity(file: Path) -> _Identity | None:
    try:
        info = file.stat()
    except FileNotFoundError:
        return None
    return str(file), info.st_dev, info.st_ino

"""The engine's log file: its end for error messages, its rotation at start."""

from __future__ import annotations

from pathlib import Path

LOG_ROTATE_BYTES = 10 * 1024 * 1024
LOGS_KEPT = 3


def tail(path: Path, lines: int) -> str:
    """The last lines of a log."""
    if not path.is_file():
        return "(no log)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def rotate(path: Path) -> None:
    """Moves a log of over 10 MB to `.1`, older ones up to `.3`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.stat().st_size <= LOG_ROTATE_BYTES:
        return
    for number in range(LOGS_KEPT, 0, -1):
        older = path if number == 1 else path.with_name(f"{path.name}.{number - 1}")
        if older.is_file():
            older.replace(path.with_name(f"{path.name}.{number}"))

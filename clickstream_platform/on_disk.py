"""Whether code that a process has imported is still the code on the disk."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

PACKAGE = Path(__file__).parent


def state(*more: Path) -> tuple[int, float]:
    """How many files the package and `more` have, and when one of them was last changed."""
    times = []
    for file in (*PACKAGE.rglob("*.*"), *more):
        with suppress(FileNotFoundError):  # an editor's, gone since the folder was listed
            if "__pycache__" not in file.parts:
                times.append(file.stat().st_mtime)
    return len(times), max(times)

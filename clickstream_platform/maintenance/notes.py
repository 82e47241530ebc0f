"""When each table was last compacted and vacuumed (`<home>/state/maintenance.json`)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Note:
    """Times in ISO 8601, UTC; null for never."""

    optimized_at: str | None = None
    vacuumed_at: str | None = None


def read(state: Path) -> dict[str, Note]:
    """The notes by table; the log would tell too, but forgets after its retention."""
    path = state / "maintenance.json"
    if not path.is_file():
        return {}
    return {table: Note(**note) for table, note in json.loads(path.read_text()).items()}


def write(state: Path, notes: Mapping[str, Note]) -> None:
    """Replaces the notes whole."""
    state.mkdir(parents=True, exist_ok=True)
    unfinished = state / f"maintenance.json.{os.getpid()}.tmp"
    text = json.dumps({table: asdict(note) for table, note in sorted(notes.items())}, indent=1)
    unfinished.write_text(text)
    unfinished.replace(state / "maintenance.json")

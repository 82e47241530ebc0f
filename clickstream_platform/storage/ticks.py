"""What each sensor said at its last tick (`<home>/state/ticks/<sensor>.json`), for `status`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Tick:
    """The newest tick of a sensor; `given_up` are hours it no longer asks for."""

    sensor: str
    at: str
    said: str
    given_up: tuple[str, ...]


def write(state: Path, sensor: str, said: str, *, given_up: Sequence[str] = ()) -> None:
    """Replaces the sensor's note whole."""
    folder = state / "ticks"
    folder.mkdir(parents=True, exist_ok=True)
    tick = Tick(sensor, datetime.now(UTC).isoformat(timespec="seconds"), said, tuple(given_up))
    path = folder / f"{sensor}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(tick)))
    temporary.replace(path)


def read(state: Path) -> list[Tick]:
    """The notes of all sensors, by name."""
    found = [json.loads(path.read_text()) for path in sorted((state / "ticks").glob("*.json"))]
    return [Tick(**{**row, "given_up": tuple(row["given_up"])}) for row in found]

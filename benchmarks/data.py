"""Seeded landing files for the benchmarks, made once per size and kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

START = "2024-11-01T00"
SEED = 7


def landing(folder: Path, *, events: int, hours: int, seed: int = SEED, start: str = START) -> Path:
    """A landing folder with `events` clicks of shape A over `hours`, faults included."""
    out = folder / "data" / f"{events}-{hours}-{seed}-{start}"
    done = out / ".made"
    if not done.exists():
        users, products = max(events // 50, 100), 500
        options = {
            "out": out, "start": start, "hours": hours, "events": events, "seed": seed,
            "users": users, "products": products, "bots": 6,
        }  # fmt: skip
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        subprocess.run(
            [sys.executable, "-m", "clickstream_platform.cli", "generate", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        done.touch()
    return out


def raw_bytes(place: Path) -> int:
    """Uncompressed bytes of all landing files."""
    return sum(path.stat().st_size for path in place.glob("*/*/*.jsonl"))


def last_hour(place: Path) -> str:
    return max(path.name for path in place.glob("*/*") if path.is_dir())

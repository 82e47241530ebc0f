"""What a run will cost, by what this home's last runs did (`<home>/state/rates.json`)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clickstream_platform.running.plan import Span

KEPT = 20  # runs of each phase


@dataclass(frozen=True)
class Rates:
    """Bytes of lines and seconds of the last runs, by phase."""

    path: Path

    @classmethod
    def of(cls, state: Path) -> Rates:
        return cls(state / "rates.json")

    def seconds(self, phase: str, size: int) -> float | None:
        """As long as the run of the nearest size took, in proportion; a smaller run is not
        taken to be faster than half of it, since much of a small run is fixed. Null without any."""
        known = self._read().get(phase, [])
        if not known:
            return None
        bytes_then, seconds_then = min(known, key=lambda run: abs(_log(run[0]) - _log(size)))
        return seconds_then * max(size / max(bytes_then, 1), 0.5)

    def note(self, phase: str, size: int, seconds: float) -> None:
        """Remembers a run that worked."""
        known = self._read()
        known[phase] = [*known.get(phase, []), (size, round(seconds, 1))][-KEPT:]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_suffix(".tmp")
        scratch.write_text(json.dumps(known))
        scratch.replace(self.path)

    def _read(self) -> dict[str, list[tuple[int, float]]]:
        if not self.path.is_file():
            return {}
        found = json.loads(self.path.read_text())
        return {phase: [(size, s) for size, s in runs] for phase, runs in found.items()}


def _log(size: int) -> float:
    return math.log(max(size, 1))


def estimate(rates: Rates, phase: str, spans: Sequence[Span], sizes: dict[str, int]) -> str:
    """One line for people: hours, megabytes, runs, and how long that may take."""
    hours = sum(len(span.wanted) for span in spans)
    by_run = [sum(sizes.get(hour, 0) for hour in span.wanted) for span in spans]
    parts = [
        f"{hours:,} hour{'s' * (hours != 1)}",
        f"{sum(by_run) / 1e6:,.1f} MB of lines",
        f"{len(spans)} run{'s' * (len(spans) != 1)}",
    ]
    times = [rates.seconds(phase, size) for size in by_run]
    known = [seconds for seconds in times if seconds is not None]
    guess = "nothing to compare with yet" if len(known) < len(times) else about(sum(known))
    return f"{phase}: {', '.join(parts)}, {guess}"


def about(seconds: float) -> str:
    """`about 40 s`, `about 12 min`, `about 3.5 h`."""
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"

"""What one call of the generator was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOUR_MS = 3_600_000
MEAN_SESSION_EVENTS = 8
MIN_SESSION_EVENTS = 3
MAX_SESSION_EVENTS = 20


@dataclass(frozen=True)
class Rates:
    """Shares of the human events that get each fault; `repeats` is a share of the purchases."""

    duplicates: float = 0.01
    late: float = 0.01
    future: float = 0.0005
    malformed: float = 0.002
    repeats: float = 0.02
    anomaly_rate: float = 0.0005


@dataclass(frozen=True)
class Options:
    """The arguments of one call, with the defaults of the command line.

    Units: `start_ms` in milliseconds since 1970 UTC; `rate` in events a second; `duration_s` in
        seconds. In drip mode `rate` and `duration_s` are set, and `hours` and `events` unused.
        Lines go to files in `out`, or as messages to `topic` of the brokers `kafka`.
    """

    out: Path | None
    start_ms: int
    hours: int = 24
    events: int = 50_000
    sessions: int | None = None
    seed: int = 7
    users: int = 1000
    products: int = 500
    bots: int = 6
    shape: str = "A"
    format: str = "json"
    rates: Rates = Rates()
    rate: float | None = None
    duration_s: float | None = None
    truth: Path | None = None
    catalogue: Path | None = None
    feeds: bool = False
    kafka: str | None = None
    topic: str = "ecom_clickstream_raw"

    @property
    def end_ms(self) -> int:
        """The end of the generated range, exclusive."""
        if self.duration_s is not None:
            return self.start_ms + round(self.duration_s * 1000)
        return self.start_ms + self.hours * HOUR_MS

    @property
    def is_drip(self) -> bool:
        return self.rate is not None

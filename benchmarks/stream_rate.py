"""The highest rate a stream sustains: lag that does not grow, and gold within a limit.

`python -m benchmarks.stream_rate --home DIR [--rates 1000,2000,3000] [--seconds 300]` streams at
each rate in a home of its own below DIR until one is too high, and prints one JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.stream_latency import EVERY_S, measure
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import read_settings

GOLD_P95_S = 30.0
GROWTH = 0.02  # lag may grow by this share of the rate: less than the noise of a few minutes


def lag_growth(lags: Sequence[int | None]) -> float:
    """Lines a second by which the lag grew in the second half, by least squares."""
    half = [(place * EVERY_S, lag) for place, lag in enumerate(lags) if lag is not None]
    half = half[len(half) // 2 :]
    if len(half) < 2:
        return 0.0
    seconds, lines = zip(*half, strict=True)
    return round(float(np.polyfit(seconds, lines, 1)[0]), 1)


def at_rate(home: Path, rate: float, seconds: float) -> dict[str, Any]:
    settings = read_settings(home=home / f"{rate:.0f}")
    try:
        found = measure(settings, rate=rate, seconds=seconds)
    finally:
        Engine(settings).stop()
    growth, gold = lag_growth(found.pop("lag")), found["gold"]
    holds = growth <= GROWTH * rate and gold.get("p95_s", GOLD_P95_S + 1) < GOLD_P95_S
    return {**found, "lag_growth": growth, "is_sustained": holds}


@click.command()
@click.option("--home", type=click.Path(path_type=Path), required=True)
@click.option("--rates", default="1000,2000,3000,4000", show_default=True)
@click.option("--seconds", default=300.0, show_default=True)
def main(home: Path, rates: str, seconds: float) -> None:
    tried, highest = [], 0.0
    for rate in map(float, rates.split(",")):
        tried.append(at_rate(home, rate, seconds))
        if not tried[-1]["is_sustained"]:
            break
        highest = rate
    print(json.dumps({"highest": highest, "tried": tried}, indent=1))


if __name__ == "__main__":
    main()

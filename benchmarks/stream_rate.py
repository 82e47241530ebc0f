"""The highest rate a stream sustains: lag that does not grow, and gold within a limit.

It streams at each rate, in a home of its own, until one is too high.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Finding, Setting
from benchmarks.stream_latency import EVERY_S, measure
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import read_settings

OPTIONS = {"rates": "1000,2000,3000,4000", "seconds": "300"}
GOLD_P95_S = 30.0
GROWTH = 0.02  # lag may grow by this share of the rate: less than the noise of a few minutes


def bench(setting: Setting) -> Finding:
    """Rates from the lowest up; `size` does not count."""
    seconds = float(setting.options["seconds"])
    place = setting.folder / "stream_rate" / str(time.time_ns())
    tried: list[dict[str, Any]] = []
    for rate in map(float, setting.options["rates"].split(",")):
        tried.append(at_rate(place, rate, seconds, memory=setting.memory))
        if not tried[-1]["is_sustained"]:
            break
    shutil.rmtree(place, ignore_errors=True)
    sustained = [one["rate"] for one in tried if one["is_sustained"]]
    return Finding(
        title=f"The highest rate sustained for {seconds:,.0f} s",
        columns=(
            "events/s", "silver p95 s", "gold p95 s", "lag grows by, lines/s", "verified", "holds",
        ),
        rows=[row_of(one) for one in tried],
        notes=[
            f"highest: {max(sustained):,.0f} events a second" if sustained else "none holds",
            f"A rate holds if gold's p95 is under {GOLD_P95_S:.0f} s and lag grows, in the second "
            f"half, by less than {GROWTH:.0%} of it. Broker and generator run beside.",
        ],
        samples={f"{one['rate']:.0f}": one for one in tried},
    )  # fmt: skip


def row_of(found: dict[str, Any]) -> list[str]:
    layers = [f"{found[layer]['p95_s']:.1f}" for layer in ("silver", "gold")]
    growth = f"{found['lag_growth']:.1f}"
    answers = ["yes" if found[name] else "no" for name in ("verified", "is_sustained")]
    return [f"{found['rate']:,.0f}", *layers, growth, *answers]


def lag_growth(lags: Sequence[int | None]) -> float:
    """Lines a second by which the lag grew in the second half, by least squares."""
    half = [(place * EVERY_S, lag) for place, lag in enumerate(lags) if lag is not None]
    half = half[len(half) // 2 :]
    if len(half) < 2:
        return 0.0
    seconds, lines = zip(*half, strict=True)
    return round(float(np.polyfit(seconds, lines, 1)[0]), 1)


def at_rate(place: Path, rate: float, seconds: float, *, memory: str) -> dict[str, Any]:
    settings = read_settings(home=place / f"{rate:.0f}", engine={"driver_memory": memory})
    try:
        found = measure(settings, rate=rate, seconds=seconds)
    finally:
        Engine(settings).stop()
    growth = lag_growth(found["lag"])
    holds = growth <= GROWTH * rate and found["gold"]["p95_s"] < GOLD_P95_S
    return {**found, "lag_growth": growth, "is_sustained": holds}

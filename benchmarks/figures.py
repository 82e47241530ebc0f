"""Medians with bootstrap intervals, ratios, exponents."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 5_000


def median_interval(values: Sequence[float], *, seed: int = 1) -> tuple[float, float, float]:
    """Median, and the 95 % percentile bootstrap interval of it; the range of few values is wide."""
    data = np.asarray(values, dtype=float)
    rng = np.random.default_rng(seed)
    medians = np.median(rng.choice(data, (RESAMPLES, len(data))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(np.median(data)), float(low), float(high)


def ratio_interval(
    above: Sequence[float], below: Sequence[float], *, seed: int = 1
) -> tuple[float, float, float]:
    """Ratio of the medians with its 95 % bootstrap interval."""
    rng = np.random.default_rng(seed)
    tops = np.median(rng.choice(np.asarray(above, float), (RESAMPLES, len(above))), axis=1)
    bottoms = np.median(rng.choice(np.asarray(below, float), (RESAMPLES, len(below))), axis=1)
    low, high = np.percentile(tops / bottoms, [2.5, 97.5])
    return float(np.median(above) / np.median(below)), float(low), float(high)


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log time over log size, by least squares."""
    x = [math.log(size) for size in sizes]
    y = [math.log(second) for second in seconds]
    return float(np.polyfit(x, y, 1)[0])


def shown(values: tuple[float, float, float], *, digits: int = 2) -> str:
    """`1.07 (1.02 to 1.11)`."""
    middle, low, high = values
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"

"""How a number reads."""

from __future__ import annotations

from typing import Any

from clickstream_platform.hours import parse_hour
from clickstream_platform.tiles.model import Kind


def shown(value: Any, kind: Kind) -> str:
    """Grouped digits; money with two decimals, a rate in percent, an hour as clock; null is `-`."""
    if value is None:
        return "-"
    if kind == "hour":
        return f"{parse_hour(value):%H:%M}"
    if kind == "money":
        return f"{value:,.2f}"
    if kind == "rate":
        return f"{value:.2%}"
    if kind == "seconds":
        return f"{value:,.0f} s"
    return f"{value:,}"

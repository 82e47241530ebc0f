"""Markov weights of channels, straight from the definition: how many orders are left without one.

The chain is solved anew for each removed channel, by taking out one place after the other.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import pyarrow as pa

from clickstream_platform.oracle.lake import Lake, sql_of

START, ORDER, LOST = "(start)", "(order)", "(lost)"
Chances = dict[str, dict[str, Fraction]]


def make_channel_weights(lake: Lake) -> None:
    """The table `channel_weight`: day, channel, weight."""
    days: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for row in lake.rows(sql_of("journey_steps")):
        days[row["event_day"]][row["here"]][row["there"]] = row["n"]
    found = [
        (day, channel, weight)
        for day, counts in days.items()
        for channel, weight in weights(counts).items()
    ]
    names = ("event_day", "channel", "removal_weight")
    columns = zip(*found, strict=True) if found else ((), (), ())
    types = (pa.string(), pa.string(), pa.int64())
    lake.store(
        "channel_weight",
        pa.table(
            {
                name: pa.array(list(values), kind)
                for name, values, kind in zip(names, columns, types, strict=True)
            }
        ),
    )


def weights(counts: dict[str, dict[str, int]]) -> dict[str, int]:
    """Millionths of the orders that are lost without each channel, at least 1."""
    chances = {
        here: {there: Fraction(n, sum(onward.values())) for there, n in onward.items()}
        for here, onward in counts.items()
    }
    whole = _chance_of_order(chances, removed=None)
    found = {}
    for channel in chances:
        if channel == START:
            continue
        left = _chance_of_order(chances, removed=channel)
        lost = 1 - left / whole if whole else Fraction(0)
        found[channel] = max(1, (2_000_000 * lost.numerator + lost.denominator)
                             // (2 * lost.denominator))  # fmt: skip
    return found


def _chance_of_order(chances: Chances, *, removed: str | None) -> Fraction:
    """From the start; who comes to the removed channel is lost."""
    onward: Chances = {}
    for here, steps in chances.items():
        if here == removed:
            continue
        kept: dict[str, Fraction] = defaultdict(Fraction)
        for there, chance in steps.items():
            kept[LOST if there == removed else there] += chance
        onward[here] = kept
    for gone in [here for here in onward if here != START]:
        steps = onward.pop(gone)
        back = steps.pop(gone, Fraction(0))
        beyond = {there: chance / (1 - back) for there, chance in steps.items()}
        for others in onward.values():
            through = others.pop(gone, Fraction(0))
            for there, chance in beyond.items():
                others[there] = others.get(there, Fraction(0)) + through * chance
    return onward.get(START, {}).get(ORDER, Fraction(0))

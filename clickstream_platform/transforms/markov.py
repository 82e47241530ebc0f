"""What a channel is worth by the Markov model: the orders that would be lost without it.

Exact fractions throughout, so that no two machines can round a weight apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

START, ORDER, LOST = "(start)", "(order)", "(lost)"
EFFECT_UNITS = 1_000_000
_WEIGHTS = pa.schema(
    [("event_day", pa.string()), ("channel", pa.string()), ("removal_weight", pa.int64())]
)
Counts = Mapping[tuple[str, str], int]


def channel_weights(touches: DataFrame) -> DataFrame:
    """One row per day and channel, from one row per journey and touch of it.

    `touches` has `event_day`, `journey`, `is_won`, `started_at`, `session_id`, `channel`.
    """
    of_journey = Window.partitionBy("event_day", "is_won", "journey").orderBy(
        "started_at", "session_id"
    )
    end = F.when(F.col("is_won"), ORDER).otherwise(F.lit(LOST))
    onward = _step(F.col("channel"), F.coalesce(F.lead("channel").over(of_journey), end))
    first = F.when(
        F.row_number().over(of_journey) == 1, F.array(onward, _step(F.lit(START), F.col("channel")))
    ).otherwise(F.array(onward))
    steps = (
        touches.withColumn("steps", first)
        .select("event_day", F.inline("steps"))
        .groupBy("event_day", "source", "target")
        .agg(F.count(F.lit(1)).alias("n"))
    )
    return steps.groupBy("event_day").applyInArrow(
        _weights_of_a_day, "event_day string, channel string, removal_weight bigint"
    )


def _step(source: Column, target: Column) -> Column:
    return F.struct(source.alias("source"), target.alias("target"))


def _weights_of_a_day(steps: pa.Table) -> pa.Table:
    rows = steps.to_pylist()
    counts = {(row["source"], row["target"]): row["n"] for row in rows}
    weights = removal_weights(counts)
    return pa.Table.from_pylist(
        [
            {"event_day": rows[0]["event_day"], "channel": channel, "removal_weight": weight}
            for channel, weight in weights.items()
        ],
        schema=_WEIGHTS,
    )


def removal_weights(counts: Counts) -> dict[str, int]:
    """Each channel's removal effect in millionths, rounded half up, at least 1.

    `counts` are the steps from START or a channel to a channel, ORDER or LOST.
    """
    effects = _removal_effects(counts)
    return {
        channel: max(1, int(EFFECT_UNITS * effect + Fraction(1, 2)))
        for channel, effect in effects.items()
    }


def _removal_effects(counts: Counts) -> dict[str, Fraction]:
    """The share of all orders whose way led through the channel.

    With N = 1 / (1 - Q) over the channels, a way reaches channel c with the chance
    N[start, c] / N[c, c], and from there ends in an order with the chance x[c].
    """
    leaving: dict[str, int] = defaultdict(int)
    for (source, _), n in counts.items():
        leaving[source] += n
    channels = sorted(source for source in leaving if source != START)

    def chance(source: str, target: str) -> Fraction:
        return Fraction(counts.get((source, target), 0), leaving[source])

    visits = _inverted([[Fraction(a == b) - chance(a, b) for b in channels] for a in channels])
    start = [chance(START, channel) for channel in channels]
    wins = [chance(channel, ORDER) for channel in channels]
    size = range(len(channels))
    order_from = [sum((visits[a][b] * wins[b] for b in size), Fraction(0)) for a in size]
    total = sum((start[a] * order_from[a] for a in size), Fraction(0))
    if not total:
        return dict.fromkeys(channels, Fraction(0))
    return {
        channel: sum((start[a] * visits[a][c] for a in size), Fraction(0))
        / visits[c][c]
        * order_from[c]
        / total
        for c, channel in enumerate(channels)
    }


def _inverted(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    """By Gauss and Jordan; there is an inverse, since every journey ends."""
    size = len(matrix)
    rows = [row + [Fraction(a == b) for b in range(size)] for a, row in enumerate(matrix)]
    for pivot in range(size):
        swap = next(at for at in range(pivot, size) if rows[at][pivot])
        rows[pivot], rows[swap] = rows[swap], rows[pivot]
        head = rows[pivot][pivot]
        rows[pivot] = [value / head for value in rows[pivot]]
        for at in range(size):
            factor = rows[at][pivot]
            if at != pivot and factor:
                rows[at] = [a - factor * b for a, b in zip(rows[at], rows[pivot], strict=True)]
    return [row[size:] for row in rows]

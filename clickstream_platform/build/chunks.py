"""A build's hours in pieces that are committed and noted one after the other.

A build of a month that dies has done its pieces; the next one finds them settled. Pieces also bound
the rows that are cached at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LINE_BYTES = 350  # about what a line weighs; turns row counts into the settings' bytes


def chunks(
    hours: Sequence[str], line_counts: Mapping[str, int], *, max_bytes: int
) -> list[tuple[str, ...]]:
    """`hours` in order of time, in the fewest pieces of about equal weight below `max_bytes`.

    An hour above the limit is a piece of its own.
    """
    weights = {hour: line_counts.get(hour, 0) * LINE_BYTES for hour in hours}
    total = sum(weights.values())
    wanted = max(-(-total // max_bytes), 1)
    target = total / wanted
    pieces: list[list[str]] = [[]]
    filled = 0
    for hour in sorted(weights):
        is_over = filled + weights[hour] > max_bytes
        is_full = len(pieces) < wanted and filled >= target
        if pieces[-1] and (is_over or is_full):
            pieces.append([])
            filled = 0
        pieces[-1].append(hour)
        filled += weights[hour]
    return [tuple(piece) for piece in pieces if piece]

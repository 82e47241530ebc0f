"""The most frequent ingestion warnings, for `clickstream status`."""

from __future__ import annotations

from dataclasses import dataclass

from clickstream_platform.queries.lake import Lake

MOST_SHOWN = 3
_COUNTS = """
select severity, type, sum(lines)::bigint as lines
from ops.ingestion_warnings
group by severity, type
order by list_position(['error', 'warn', 'info'], severity), lines desc, type
"""


@dataclass(frozen=True)
class WarningCount:
    """Lines of all hours under one type."""

    severity: str
    type: str
    lines: int


def warning_counts(lake: Lake) -> tuple[WarningCount, ...]:
    """By severity, then the most frequent first; empty for a home without the table."""
    if "ops.ingestion_warnings" not in lake.tables:
        return ()
    return tuple(
        WarningCount(str(row["severity"]), str(row["type"]), int(str(row["lines"])))
        for row in lake.rows(_COUNTS)
    )


def warning_line(counts: tuple[WarningCount, ...]) -> str:
    """One line for people: of each severity the most frequent types."""
    words = []
    for severity in dict.fromkeys(count.severity for count in counts):
        mine = [count for count in counts if count.severity == severity]
        named = [f"{count.type} {count.lines:,}" for count in mine[:MOST_SHOWN]]
        more = [f"{len(mine) - MOST_SHOWN} more"] if len(mine) > MOST_SHOWN else []
        words.append(f"{severity}: {', '.join([*named, *more])}")
    return f"warnings: {'; '.join(words)}"

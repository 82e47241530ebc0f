"""What building cost so far, for `clickstream status`; the named query `costs` has it by table."""

from __future__ import annotations

from dataclasses import dataclass

from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find

DEAREST = 3


@dataclass(frozen=True)
class TableCost:
    """All builds of one table. Per million events: of those accepted; null while there are none."""

    table: str
    cpu_s: float
    written_files: int
    written_bytes: int
    cpu_s_per_million_events: float | None


def table_costs(lake: Lake) -> tuple[TableCost, ...]:
    """The dearest first; empty for a home that has built nothing."""
    if not {"ops.cost_hourly", "ops.hour_state"} <= set(lake.tables):
        return ()
    question = find("costs")
    return tuple(
        TableCost(
            table=str(row["table"]),
            cpu_s=float(str(row["cpu_s"])),
            written_files=int(str(row["written_files"])),
            written_bytes=int(str(row["written_bytes"])),
            cpu_s_per_million_events=None
            if (share := row["cpu_s_per_million_events"]) is None
            else float(str(share)),
        )
        for row in lake.rows(question.sql, question.values({}))
    )


def cost_line(costs: tuple[TableCost, ...]) -> str:
    """One line for people: the sum, and where most of it goes."""
    total = sum(cost.cpu_s for cost in costs)
    shares = [cost.cpu_s_per_million_events for cost in costs]
    known = [share for share in shares if share is not None]
    each = f" ({sum(known):,.0f} per million events)" if known else ""
    files = sum(cost.written_files for cost in costs)
    mebibytes = sum(cost.written_bytes for cost in costs) / 2**20
    dearest = ", ".join(
        f"{cost.table} {cost.cpu_s / total:.0%}" for cost in costs[:DEAREST] if cost.cpu_s > 0
    )
    return (
        f"cost: {total:,.0f} CPU s{each}, {files:,} files and {mebibytes:,.1f} MiB written"
        f"{'; most by ' if dearest else ''}{dearest}; `clickstream query costs` has every table"
    )

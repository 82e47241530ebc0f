"""Law of the star: no row of a fact or mart names a row that another table lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clickstream_platform.oracle.findings import MAX_FINDINGS, Finding, LawResult, Report, shown
from clickstream_platform.oracle.hours_built import BuiltHours, count_by_hour
from clickstream_platform.oracle.lake import Lake

STAR_LAW = "star_has_no_orphans"
EVENTS, SESSIONS, ORDERS = "gold/fact_events", "gold/fact_sessions", "gold/fact_transactions"
SILVER_EVENTS = "silver/events"
FACTS = (EVENTS, SESSIONS, ORDERS)


@dataclass(frozen=True)
class Edge:
    """Each `columns` of `table` that is not null is among the `names` of `of`."""

    table: str
    columns: tuple[str, ...]
    of: str
    names: tuple[str, ...]


EVENT = ("event_hour", "id_scope", "event_id")
EDGES = (
    Edge(EVENTS, ("session_id",), SESSIONS, ("session_id",)),
    Edge(SESSIONS, ("session_id",), EVENTS, ("session_id",)),
    Edge(ORDERS, EVENT, EVENTS, EVENT),
    Edge("gold/transaction_conflicts", EVENT, EVENTS, EVENT),
    Edge("gold/cart_abandonment", ("session_id",), SESSIONS, ("session_id",)),
    Edge("gold/cart_abandonment", ("recovered_order_id",), ORDERS, ("order_id",)),
    Edge("gold/attribution_credit", ("conversion_id",), ORDERS, ("order_id",)),
    Edge("gold/attribution_credit", ("touch_id",), SESSIONS, ("session_id",)),
    Edge("gold/identity_links", ("user_id",), EVENTS, ("user_id",)),
)


def check_star(
    lake: Lake,
    built: BuiltHours,
    result: LawResult,
    report: Report,
    *,
    is_wanted: Callable[[str], bool],
) -> None:
    """Every edge between wanted tables that are there and wait for no build."""
    filled = set(count_by_hour(lake, SILVER_EVENTS, "event_hour"))
    for edge in EDGES:
        both = (edge.table, edge.of)
        if not all(is_wanted(table) and lake.exists(table) for table in both):
            continue
        if any(filled - built.current(table) for table in both if table in FACTS):
            report.notes.append(f"{STAR_LAW}: {edge.table} to {edge.of} waits for hours to build")
            continue
        if waiting := [table for table in both if built.behind(table) or built.held_back(table)]:
            report.notes.append(f"{STAR_LAW}: {edge.table} to {edge.of} waits for {waiting[0]}")
            continue
        _check(lake, edge, result)


def _check(lake: Lake, edge: Edge, result: LawResult) -> None:
    lake.view(edge.table, name="actual.star_child", columns=edge.columns)
    lake.view(edge.of, name="actual.star_parent", columns=edge.names)
    pairs = zip(edge.columns, edge.names, strict=True)
    same = " and ".join(f"parent.{name} = child.{column}" for column, name in pairs)
    filled = " and ".join(f"child.{column} is not null" for column in edge.columns)
    orphans = f"""
        from actual.star_child as child
        where {filled}
            and not exists (select 1 from actual.star_parent as parent where {same})
    """
    result.checked += lake.number("select count(*) from actual.star_child")
    total = lake.number(f"select count(*) {orphans}")
    if total:
        keys = ", ".join(f"child.{column}" for column in edge.columns)
        rows = lake.rows(f"select distinct {keys} {orphans} order by all limit {MAX_FINDINGS}")
        found = [
            Finding(result.law, edge.table, None, shown(row), f"not in {edge.of}") for row in rows
        ]
        result.add(found, total=total)

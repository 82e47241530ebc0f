"""Keeping some rows of every table: a condition for each column that a reader filters by."""

from __future__ import annotations

from collections.abc import Collection, Mapping

ROBOTS = "gold.bot_visitors_hourly"
PEOPLE = "gold.people"
ROBOTS_COLUMN = "is_bot"
# A view that holds all rows of a table, whatever is kept: rows already kept are looked up in it.
WHOLE = {
    "gold.all_orders": "gold.fact_transactions",
    "gold.all_sessions": "gold.fact_sessions",
}
ROBOTS_RAW = "robots"  # the name under which the conditions see ROBOTS, unfiltered
# Once a robot, a robot all that day.
_IS_ROBOT = """coalesce((visitor_id, left(event_hour, 10)) in (
    select (visitor_id, left(event_hour, 10)) from robots where is_bot
), false)"""


def is_filtered(table: str) -> bool:
    """True if filters apply to `layer.table`; ops counts everything, the others we look up in."""
    return not table.startswith("ops.") and table not in {ROBOTS, PEOPLE}


def can_filter(column: str, columns: Collection[str], *, has_robots: bool) -> bool:
    """True if a table with `columns` can be filtered by `column`; visitors tell of `is_bot`."""
    has_visitors = "visitor_id" in columns and "event_hour" in columns
    return column in columns or (column == ROBOTS_COLUMN and has_visitors and has_robots)


def condition(only: Mapping[str, str | bool], columns: Collection[str]) -> str:
    """` where …` for a table that can be filtered by all of `only`."""
    parts = [
        f"{column if column in columns else _IS_ROBOT} is not distinct from {literal(value)}"
        for column, value in only.items()
    ]
    return " where " + " and ".join(parts) if parts else ""


def identifier(name: str) -> str:
    """A SQL name, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """A SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def literal(value: str | bool) -> str:
    """A SQL literal of this text or truth."""
    return str(value).lower() if isinstance(value, bool) else quoted(value)

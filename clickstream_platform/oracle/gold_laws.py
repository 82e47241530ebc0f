"""Law of gold: every table equals its SQL over the actual silver events; and the ledger's law."""

from __future__ import annotations

from collections.abc import Callable

from clickstream_platform.oracle.compare import Comparison, compare
from clickstream_platform.oracle.findings import Finding, LawResult, Report, missing_columns
from clickstream_platform.oracle.hours_built import BuiltHours, batches, count_by_hour
from clickstream_platform.oracle.lake import GOLD, Lake, sql_of

GOLD_EQUAL = "gold_equals_definition"
SILVER_EVENTS = "silver/events"
BATCH_ROWS = 500_000
KEYS = {
    "gold/fact_events": ("event_hour", "id_scope", "event_id"),
    "gold/fact_transactions": ("order_id",),
    "gold/transaction_conflicts": ("event_hour", "id_scope", "event_id"),
    "gold/fact_sessions": ("session_id",),
    "gold/revenue_5min": ("window_start", "traffic", "currency", "item_category", "item_id"),
    "gold/funnel_10min": ("window_start", "traffic", "unit", "mode", "step_no"),
    "gold/hourly_metrics": ("event_hour", "traffic"),
    "gold/bot_visitors_hourly": ("event_hour", "visitor_id"),
    "gold/funnel_hourly": ("event_hour", "traffic", "mode", "step_no"),
}
FUNNEL_DOUBLES = (*("step_rate", "overall_rate", "mean_step_s", "median_step_s", "median_total_s"),)
DOUBLES = {
    "gold/fact_sessions": ("duration_s", "engaged_time_s"),
    "gold/funnel_10min": FUNNEL_DOUBLES,
    "gold/funnel_hourly": FUNNEL_DOUBLES,
    "gold/bot_visitors_hourly": ("mean_gap_s", "bot_score"),
}
# What one table's SQL reads of the others, in the order they are made.
SHARED = ("orders", "fact_transactions", "session_of", "fact_sessions", "bot_visitors_hourly")
SILVER_COLUMNS = (
    "event_id", "id_scope", "event_name", "event_timestamp", "event_hour", "visitor_id",
    "user_id", "client_session_id", "page_location", "items", "value", "currency",
    "transaction_id", "is_high_value",
    "device_category", "channel_group", "mkt_source", "mkt_medium", "mkt_campaign", "refr_source",
    "user_agent", "is_declared_bot", "reused_id_lines", "browser_name", "os_name", "outcome",
    "experiment_id", "variant_id",
)  # fmt: skip


def check_gold(
    lake: Lake,
    built: BuiltHours,
    result: LawResult,
    report: Report,
    *,
    is_wanted: Callable[[str], bool],
) -> None:
    """Each wanted gold table, in the hours it was built for, equals its definition."""
    hours = {table: _hours(lake, built, table) for table in GOLD if is_wanted(table)}
    _note_behind(built, list(hours), report)
    for table in [table for table in hours if not lake.exists(table)]:
        if built.row_count(table):
            missing = f"{built.row_count(table)} rows"
            result.add([Finding(result.law, table, None, {}, "missing table", expected=missing)])
        del hours[table]
    if not any(hours.values()):
        return
    if not lake.exists(SILVER_EVENTS):
        result.add([Finding(result.law, SILVER_EVENTS, None, {}, "missing table")])
        return
    make_facts(lake)
    for table in sorted(hours, key=lambda name: name == "gold/fact_events"):
        _check_table(lake, table, hours[table], result)


def make_facts(lake: Lake) -> None:
    """The view of silver, and what the definitions read of one another; made once."""
    lake.view(SILVER_EVENTS, name="silver.events", columns=SILVER_COLUMNS)
    for name in SHARED:
        lake.sql.execute(f"create table if not exists gold.{name} as {sql_of(name)}")


def _hours(lake: Lake, built: BuiltHours, table: str) -> set[str]:
    if lake.has_hour_state:
        return built.current(table)
    return set(count_by_hour(lake, table, "event_hour"))


def _note_behind(built: BuiltHours, tables: list[str], report: Report) -> None:
    for table in tables:
        if behind := built.behind(table):
            report.notes.append(f"{len(behind)} hours of {table} wait for a rebuild")


def _check_table(lake: Lake, table: str, hours: set[str], result: LawResult) -> None:
    """One comparison; the table as long as silver goes through it in batches of hours."""
    if table != "gold/fact_events":
        _compare_hours(lake, table, sorted(hours), result)
        return
    counts = count_by_hour(lake, SILVER_EVENTS, "event_hour")
    for batch in batches({hour: counts.get(hour, 0) for hour in hours}, BATCH_ROWS):
        lake.view(SILVER_EVENTS, name="silver.events", hours=("event_hour", batch))
        _compare_hours(lake, table, batch, result)


def _compare_hours(lake: Lake, table: str, hours: list[str], result: LawResult) -> None:
    name = table.removeprefix("gold/")
    lake.sql.execute(
        f"""create or replace temp table expected_rows as
            select * from ({sql_of(name)}) where event_hour in (select unnest($1::varchar[]))""",
        [hours],
    )
    columns = lake.column_names("expected_rows")
    if absent := set(columns) - lake.columns(table):
        result.add(missing_columns(result.law, table, absent))
        return
    lake.view(table, name="actual.gold_rows", hours=("event_hour", hours))
    lake.sql.execute("create or replace temp table actual_rows as from actual.gold_rows")
    result.checked += lake.number("select count(*) from expected_rows")
    comparison = Comparison(
        law=result.law,
        table=table,
        expected="expected_rows",
        actual="actual_rows",
        columns=columns,
        keys=KEYS[table],
        doubles=DOUBLES.get(table, ()),
    )
    compare(lake, comparison, result)

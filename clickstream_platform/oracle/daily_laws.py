"""Law of gold by day and over all time: every table equals its SQL over the silver events."""

from __future__ import annotations

from collections.abc import Callable

from clickstream_platform.oracle.compare import Comparison, compare
from clickstream_platform.oracle.days_built import (
    ALL_TIME,
    CREDITS,
    DAILY,
    EXPOSURES,
    LINKS,
    PRODUCT_DAYS,
    SNAPSHOTS,
)
from clickstream_platform.oracle.findings import Finding, LawResult, Report, missing_columns
from clickstream_platform.oracle.gold_laws import FUNNEL_DOUBLES, make_facts
from clickstream_platform.oracle.hours_built import BuiltHours
from clickstream_platform.oracle.lake import Lake, sql_of
from clickstream_platform.oracle.people_law import make_people
from clickstream_platform.oracle.removal import make_channel_weights

# What the SQL of another table reads, and `hourly_metrics`.
READ_BY_OTHERS = (
    *("hourly_metrics", "product_metrics_daily", "experiment_exposures", "session_products"),
    "identity_links",
)
TABLES = (*DAILY, *SNAPSHOTS)
KEYS = {
    "gold/fact_daily_metrics": ("event_day", "traffic"),
    PRODUCT_DAYS: ("event_day", "traffic", "item_id"),
    "gold/journey_paths": ("event_day", "traffic", "path"),
    "gold/cart_abandonment": ("session_id",),
    "gold/dim_user_metrics": ("traffic", "customer_id"),
    "gold/rfm_scores": ("traffic", "customer_id"),
    "gold/retention_cohort": ("traffic", "basis", "period", "cohort_start", "period_no"),
    "gold/dim_product_metrics": ("traffic", "item_id"),
    "gold/product_affinity": ("traffic", "basis", "item_a", "item_b"),
    "gold/attribution_credit": ("conversion_id", "model", "touch_no"),
    "gold/anomalies": ("kind", "detected_at", "entity"),
    "gold/price_outliers": ("detected_at", "id_scope", "event_id", "item_id"),
    EXPOSURES: ("event_day", "experiment_id", "variant_id", "visitor_id"),
    "gold/experiment_results": ("traffic", "experiment_id", "variant_id"),
    "gold/event_activity_hourly": ("event_hour", "traffic", "event_name", "outcome"),
    "gold/product_activity_hourly": ("event_hour", "traffic", "item_id"),
    "gold/customer_activity_hourly": ("event_hour", "traffic", "customer_id"),
    "gold/session_products": ("session_id",),
    "gold/traffic_daily": ("event_day", "traffic", "dimension", "value"),
    "gold/funnels_daily": ("event_day", "funnel", "traffic", "unit", "mode", "step_no"),
    LINKS: ("event_day", "visitor_id", "user_id"),
    "gold/people": ("id_kind", "id"),
}
DOUBLES = {
    "gold/fact_daily_metrics": (
        "engagement_rate",
        "bounce_rate",
        "conversion_rate",
        "cart_abandonment_rate",
        "average_order_value",
        "revenue_per_session",
    ),
    "gold/funnels_daily": FUNNEL_DOUBLES,
    "gold/retention_cohort": ("retention_rate",),
    "gold/dim_product_metrics": ("cart_rate", "order_rate"),
    "gold/product_affinity": ("support", "confidence", "lift"),
    "gold/anomalies": ("value", "expected", "score"),
    "gold/price_outliers": ("expected", "score"),
    "gold/experiment_results": (
        *("conversion_rate", "lift", "z_score", "p_value"),
        *("rate_difference", "rate_ci_low", "rate_ci_high", "srm_p_value"),
        *("revenue_per_visitor", "cuped_theta", "cuped_revenue_per_visitor"),
        *("cuped_difference", "cuped_ci_low", "cuped_ci_high", "cuped_p_value"),
    ),
}


def check_daily(
    lake: Lake,
    built: BuiltHours,
    result: LawResult,
    report: Report,
    *,
    is_wanted: Callable[[str], bool],
) -> None:
    """Each wanted table, on the days it was built for, equals its definition."""
    wanted = [table for table in TABLES if is_wanted(table)]
    for table in wanted:
        if behind := built.behind(table):
            of_what = "" if ALL_TIME in behind else f"{len(behind)} days of "
            report.notes.append(f"{of_what}{table} wait for a rebuild")
    current = {table: built.current(table) for table in wanted if built.current(table)}
    if not current:
        return
    make_facts(lake)
    lake.sql.execute(sql_of("day_parts"))
    for name in READ_BY_OTHERS:
        lake.sql.execute(f"create or replace table gold.{name} as {sql_of(name)}")
    if CREDITS in current:
        make_channel_weights(lake)
    make_people(lake)
    for table, keys in current.items():
        if lake.exists(table):
            _check_table(lake, table, sorted(keys), result)
        elif built.row_count(table):
            missing = f"{built.row_count(table)} rows"
            result.add([Finding(result.law, table, None, {}, "missing table", expected=missing)])


def _check_table(lake: Lake, table: str, keys: list[str], result: LawResult) -> None:
    is_daily = table in DAILY
    within = "where event_day in (select unnest($1::varchar[]))" if is_daily else ""
    lake.sql.execute(
        f"create or replace temp table expected_rows as "
        f"select * from ({sql_of(table.removeprefix('gold/'))}) {within}",
        [keys] if is_daily else [],
    )
    columns = lake.column_names("expected_rows")
    if absent := set(columns) - lake.columns(table):
        result.add(missing_columns(result.law, table, absent))
        return
    days = ("event_day", keys) if is_daily else None
    lake.view(table, name="actual.gold_rows", hours=days)
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
        hour_column="event_day",
    )
    compare(lake, comparison, result)

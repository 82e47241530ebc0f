"""Gold by day, and gold over all time: built from the hourly facts, all tables from one read.

Data: reads `gold/fact_*` and `gold/bot_visitors_hourly`, writes the tables of `DAILY` and
`SNAPSHOTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build import gold_checks
from clickstream_platform.build.costs import Meter, record_costs
from clickstream_platform.build.facts import Facts
from clickstream_platform.build.gold_checks import HourOfTable
from clickstream_platform.build.in_memory import Build, build_in_memory
from clickstream_platform.build.inputs import DayInputs
from clickstream_platform.build.report import HourReport, record_results
from clickstream_platform.build.workspace import Workspace, in_parallel
from clickstream_platform.storage import hour_state, leases
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.activity import (
    CUSTOMER_ACTIVITY_HOURLY,
    EVENT_ACTIVITY_HOURLY,
    PRODUCT_ACTIVITY_HOURLY,
    SESSION_PRODUCTS,
    TRAFFIC_DAILY,
)
from clickstream_platform.tables.anomalies import ANOMALIES, PRICE_OUTLIERS
from clickstream_platform.tables.attribution import ATTRIBUTION_CREDIT
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.contract import DAY_COLUMN, SNAPSHOT_KEY, Table
from clickstream_platform.tables.customers import DIM_USER_METRICS, RETENTION_COHORT, RFM_SCORES
from clickstream_platform.tables.daily import (
    CART_ABANDONMENT,
    FACT_DAILY_METRICS,
    JOURNEY_PATHS,
    PRODUCT_METRICS_DAILY,
)
from clickstream_platform.tables.experiments import EXPERIMENT_EXPOSURES, EXPERIMENT_RESULTS
from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS, FACT_TRANSACTIONS
from clickstream_platform.tables.funnels import FUNNELS_DAILY
from clickstream_platform.tables.gold import DAILY, SNAPSHOTS
from clickstream_platform.tables.marts import HOURLY_METRICS
from clickstream_platform.tables.ops import IDENTITY_DECISIONS
from clickstream_platform.tables.people import IDENTITY_LINKS, PEOPLE
from clickstream_platform.tables.products import DIM_PRODUCT_METRICS, PRODUCT_AFFINITY
from clickstream_platform.transforms.activity import (
    customer_activity_hourly,
    event_activity_hourly,
    session_products,
    traffic_daily,
)
from clickstream_platform.transforms.anomalies import anomalies, price_outliers
from clickstream_platform.transforms.attribution import attribution_credit
from clickstream_platform.transforms.cart_abandonment import cart_abandonment
from clickstream_platform.transforms.customers import (
    dim_user_metrics,
    retention_cohort,
    rfm_scores,
)
from clickstream_platform.transforms.experiments import experiment_exposures, experiment_results
from clickstream_platform.transforms.fact_daily_metrics import fact_daily_metrics
from clickstream_platform.transforms.funnels_daily import funnels_daily
from clickstream_platform.transforms.journey_paths import journey_paths
from clickstream_platform.transforms.people import identity_links, people
from clickstream_platform.transforms.product_activity import product_activity_hourly
from clickstream_platform.transforms.product_affinity import product_affinity
from clickstream_platform.transforms.product_metrics import (
    dim_product_metrics,
    product_metrics_daily,
)

Definition = Callable[[Facts, Sequence[str]], DataFrame]


def _on(rows: DataFrame, days: Sequence[str]) -> DataFrame:
    return rows.where(F.col(DAY_COLUMN).isin([*days]))


DEFINITIONS: dict[str, Definition] = {
    FACT_DAILY_METRICS.path: lambda f, days: fact_daily_metrics(
        _on(f.of(FACT_SESSIONS), days), _on(f.of(FACT_TRANSACTIONS), days)
    ),
    PRODUCT_METRICS_DAILY.path: lambda f, days: product_metrics_daily(
        _on(f.of(FACT_EVENTS), days), _on(f.of(FACT_TRANSACTIONS), days), f.bots
    ),
    JOURNEY_PATHS.path: lambda f, days: journey_paths(
        _on(f.of(FACT_SESSIONS), days), f.of(FACT_EVENTS)
    ),
    CART_ABANDONMENT.path: lambda f, days: cart_abandonment(
        _on(f.of(FACT_SESSIONS), days), f.of(FACT_EVENTS), f.of(FACT_TRANSACTIONS)
    ),
    ATTRIBUTION_CREDIT.path: lambda f, days: attribution_credit(
        _on(f.of(FACT_TRANSACTIONS), days),
        f.of(FACT_SESSIONS),
        look_back_days=f.limits.attribution_look_back_days,
    ),
    EXPERIMENT_EXPOSURES.path: lambda f, days: experiment_exposures(
        _on(f.of(FACT_EVENTS), days), f.bots
    ),
    ANOMALIES.path: lambda f, days: anomalies(f.of(HOURLY_METRICS), days),
    PRICE_OUTLIERS.path: lambda f, days: price_outliers(_on(f.of(FACT_EVENTS), days)),
    EVENT_ACTIVITY_HOURLY.path: lambda f, days: event_activity_hourly(
        _on(f.of(FACT_EVENTS), days), f.robots
    ),
    PRODUCT_ACTIVITY_HOURLY.path: lambda f, days: product_activity_hourly(
        _on(f.of(FACT_EVENTS), days), _on(f.of(FACT_TRANSACTIONS), days), f.robots
    ),
    CUSTOMER_ACTIVITY_HOURLY.path: lambda f, days: customer_activity_hourly(
        _on(f.of(FACT_EVENTS), days), _on(f.of(FACT_TRANSACTIONS), days), f.robots
    ),
    SESSION_PRODUCTS.path: lambda f, days: session_products(
        _on(f.of(FACT_SESSIONS), days), f.of(FACT_EVENTS), f.of(FACT_TRANSACTIONS)
    ),
    TRAFFIC_DAILY.path: lambda f, days: traffic_daily(
        _on(f.of(FACT_SESSIONS), days), f.of(FACT_EVENTS), f.of(FACT_TRANSACTIONS)
    ),
    FUNNELS_DAILY.path: lambda f, days: funnels_daily(
        f.of(FACT_SESSIONS), f.of(FACT_EVENTS), f.bots, days=days, funnels=f.limits.funnels
    ),
    IDENTITY_LINKS.path: lambda f, days: identity_links(_on(f.of(FACT_EVENTS), days)),
    PEOPLE.path: lambda f, _: people(
        f.of(IDENTITY_LINKS), f.of(IDENTITY_DECISIONS), f.limits.people
    ),
    DIM_USER_METRICS.path: lambda f, _: dim_user_metrics(
        f.of(FACT_SESSIONS), f.of(FACT_TRANSACTIONS)
    ),
    RFM_SCORES.path: lambda f, _: rfm_scores(f.of(FACT_TRANSACTIONS)),
    RETENTION_COHORT.path: lambda f, _: retention_cohort(
        f.of(FACT_SESSIONS), f.of(FACT_TRANSACTIONS)
    ),
    DIM_PRODUCT_METRICS.path: lambda f, _: dim_product_metrics(f.of(PRODUCT_METRICS_DAILY)),
    PRODUCT_AFFINITY.path: lambda f, _: product_affinity(
        f.of(FACT_TRANSACTIONS), f.of(SESSION_PRODUCTS)
    ),
    EXPERIMENT_RESULTS.path: lambda f, _: experiment_results(
        f.of(EXPERIMENT_EXPOSURES), f.of(FACT_TRANSACTIONS)
    ),
}


def build_daily(
    workspace: Workspace,
    days: Sequence[str],
    *,
    run_id: str,
    tables: Sequence[Table] = DAILY,
    force: bool = False,
) -> list[HourReport]:
    """Rebuilds daily `tables` on `days`, one report per table and day.

    Guarantees: as `build_gold`. A table is left alone on a day on which it is not stale, unless
        forced. What was read is noted before the read, so that a commit in between makes the
        day stale again.
    """
    return _build(workspace, "daily", dict.fromkeys(tables, tuple(days)), run_id, force)


def build_snapshots(
    workspace: Workspace, *, run_id: str, tables: Sequence[Table] = SNAPSHOTS, force: bool = False
) -> list[HourReport]:
    """Rebuilds `tables` from all facts, one report per table."""
    return _build(workspace, "snapshots", dict.fromkeys(tables, (SNAPSHOT_KEY,)), run_id, force)


def _build(
    workspace: Workspace,
    layer: str,
    wanted: Mapping[Table, tuple[str, ...]],
    run_id: str,
    force: bool,
) -> list[HourReport]:
    meter = Meter.started(workspace.settings)
    workspace.init_tables(ALL)
    keys = tuple(sorted({key for keys in wanted.values() for key in keys}))
    with leases.held(workspace.settings.state, layer, keys, owner=this_process(run_id)):
        states = hour_state.current(workspace.lake)
        inputs = DayInputs(states, workspace.limits)
        work = {
            table: keys if force else inputs.stale_keys(table, keys, workspace.gold_code)
            for table, keys in wanted.items()
        }
        work = {table: stale for table, stale in work.items() if stale}
        build = Build(workspace, keys, states, run_id, force)
        built = _build_tables(build, work)
        rows = [_state(build, inputs, partition) for partition in built]
        hour_state.record(workspace.lake, rows, run_id=run_id)
    reports = [gold_checks.report(partition) for partition in built]
    record_results(workspace.lake, reports, run_id=run_id)
    return record_costs(meter, reports, run_id=run_id)


def _build_tables(build: Build, work: Mapping[Table, Sequence[str]]) -> list[HourOfTable]:
    if not work:
        return []
    facts = Facts(build.workspace, work)
    try:
        results = in_parallel(
            [
                partial(
                    build_in_memory, build, table, DEFINITIONS[table.path](facts, keys), tuple(keys)
                )
                for table, keys in work.items()
            ]
        )
    finally:
        facts.close()
    return [partition for of_table in results for partition in of_table]


def _state(build: Build, inputs: DayInputs, partition: HourOfTable) -> HourStateRow:
    """The row that makes the partition's commit count; a held-back one keeps its old rows."""
    table, key = partition.table, partition.hour
    before = build.states.get((table.path, key))
    keeps_old = partition.blocked_by is not None and before is not None
    first, last = inputs.reach(table, key)
    return HourStateRow(
        table=table.path,
        hour=key,
        version=partition.version,
        input_version=-1,
        row_count=before.row_count if keeps_old and before else partition.row_count,
        code_version=build.workspace.gold_code,
        run_id=build.run_id,
        reach_from=first,
        reach_to=last,
        content_hash=before.content_hash if keeps_old and before else partition.content_hash,
        blocked_by=partition.blocked_by,
        input_digest=inputs.digest(table, key),
    )

"""The asset check of the star: no fact names a row that a dimension or another fact lacks."""

from collections.abc import Iterator

import dagster as dg

from clickstream_platform.build.staleness import stale_gold
from clickstream_platform.resources.home import Home
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.daily import PRODUCT_METRICS_DAILY
from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS, FACT_TRANSACTIONS

QUESTION = "star_orphans"
CHECK = "orphans"
FACTS = (FACT_EVENTS, FACT_SESSIONS, FACT_TRANSACTIONS, PRODUCT_METRICS_DAILY)


@dg.multi_asset_check(
    name=QUESTION,
    specs=[
        dg.AssetCheckSpec(
            name=CHECK,
            asset=dg.AssetKey(fact.key),
            description="Rows without their row in a dimension or another fact, over the whole "
            f"table (`clickstream query {QUESTION}`). Hours that wait for a build may show some.",
        )
        for fact in FACTS
    ],
    can_subset=True,  # or no fact could be materialised alone
)
def orphans(context: dg.AssetCheckExecutionContext, home: Home) -> Iterator[dg.AssetCheckResult]:
    """One result per selected fact: passed if no row of it is an orphan; needs no engine."""
    # The query engine: every run's process would import it.
    from clickstream_platform.queries.lake import Lake  # noqa: PLC0415
    from clickstream_platform.queries.named import find  # noqa: PLC0415

    workspace = home.workspace
    waiting = stale_gold(workspace, hour_state.current(workspace.lake))
    with Lake(workspace.settings) as lake:
        is_built = {*find(QUESTION).tables} <= {*lake.tables, *lake.views}
        rows = lake.rows(find(QUESTION).sql) if is_built else []  # no table, no row, no orphan
    for fact in FACTS:
        if dg.AssetCheckKey(dg.AssetKey(fact.key), CHECK) not in context.selected_asset_check_keys:
            continue
        found = {
            str(r["dimension"]): int(str(r["orphans"])) for r in rows if r["fact"] == fact.name
        }
        yield dg.AssetCheckResult(
            asset_key=dg.AssetKey(fact.key),
            check_name=CHECK,
            passed=not any(found.values()),
            severity=dg.AssetCheckSeverity.WARN,  # the rows are there already
            metadata={"hours_to_build": len(waiting), **found},
        )

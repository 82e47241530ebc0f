"""A first purchase that arrives late takes the order away from a later hour."""

from __future__ import annotations

import pytest

from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.silver import build_silver
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.conflicts import CONFLICT_RULE, TRANSACTION_CONFLICTS
from clickstream_platform.tables.facts import FACT_TRANSACTIONS
from clickstream_platform_tests.homes import bring_up, json_line, land, rows, verified

FIRST, LATER = "2024-11-10T10", "2024-11-20T14"  # days apart: no session links them
LAST = "2024-12-18T09"  # 28 days after the one before, 38 after the first
ARRIVAL = "2024-12-18T10"


def purchase(event_id: str, hour: str, price: int) -> bytes:
    return json_line(
        event_id=event_id,
        event_type="purchase",
        timestamp=f"{hour}:05:00Z",
        user_id="u1",
        product_id="p1",
        price=price,
        transaction_id="t1",
    )


def order_hours(workspace: Workspace) -> list[str]:
    return [row["event_hour"] for row in rows(workspace, FACT_TRANSACTIONS, "event_hour")]


def conflicts(workspace: Workspace) -> list[tuple[str, int, str, int]]:
    """Hour and value of each repeat that disagrees, hour and value of its order."""
    columns = ("event_hour", "value", "order_hour", "order_value")
    return sorted(tuple(r.values()) for r in rows(workspace, TRANSACTION_CONFLICTS, *columns))


def warned(reports: list[HourReport]) -> dict[str, int]:
    """Conflicts that the check of the orders tells, by hour."""
    return {
        report.hour: rule.failed_count
        for report in reports
        if report.table == FACT_TRANSACTIONS.path
        for check in report.checks
        for rule in check.warnings
        if rule.rule == CONFLICT_RULE and not check.passed
    }


@pytest.mark.slow
@pytest.mark.long
def test_the_hours_of_repeats_are_rebuilt_after_their_first_purchase_came(
    workspace: Workspace,
) -> None:
    land(workspace, "shop_json", LATER, "repeat.jsonl", purchase("e2", LATER, 20))
    land(workspace, "shop_json", LAST, "repeat.jsonl", purchase("e3", LAST, 25))
    reports = bring_up(workspace)
    assert order_hours(workspace) == [LATER]
    assert conflicts(workspace) == [(LAST, 25, LATER, 20)]
    assert warned(reports) == {LAST: 1}

    land(workspace, "shop_json", ARRIVAL, "first.jsonl", purchase("e1", FIRST, 20))
    workspace.look_at_landing()
    build_bronze(workspace, [ARRIVAL], run_id="late")
    build_silver(
        workspace, stale_silver(workspace, hour_state.current(workspace.lake)), run_id="late"
    )
    assert stale_gold(workspace, hour_state.current(workspace.lake)) == [FIRST]
    build_gold(workspace, [FIRST], run_id="late")
    assert stale_gold(workspace, hour_state.current(workspace.lake)) == [LATER, LAST]

    bring_up(workspace)
    assert order_hours(workspace) == [FIRST]
    assert conflicts(workspace) == [(LAST, 25, FIRST, 20)]
    verified(workspace)

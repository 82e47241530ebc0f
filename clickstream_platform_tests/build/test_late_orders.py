"""A first purchase that arrives late takes the order away from a later hour."""

from __future__ import annotations

import pytest

from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.silver import build_silver
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.facts import FACT_TRANSACTIONS
from clickstream_platform_tests.homes import bring_up, json_line, land, rows, verified

FIRST, LATER = "2024-11-10T10", "2024-11-20T14"  # days apart: no session links them
ARRIVAL = "2024-11-20T15"


def purchase(event_id: str, hour: str) -> bytes:
    return json_line(
        event_id=event_id,
        event_type="purchase",
        timestamp=f"{hour}:05:00Z",
        user_id="u1",
        product_id="p1",
        price=20,
        transaction_id="t1",
    )


def order_hours(workspace: Workspace) -> list[str]:
    return [row["event_hour"] for row in rows(workspace, FACT_TRANSACTIONS, "event_hour")]


@pytest.mark.slow
def test_the_hour_of_a_repeat_is_rebuilt_after_its_first_purchase_came(
    workspace: Workspace,
) -> None:
    land(workspace, "shop_json", LATER, "repeat.jsonl", purchase("e2", LATER))
    bring_up(workspace)
    assert order_hours(workspace) == [LATER]

    land(workspace, "shop_json", ARRIVAL, "first.jsonl", purchase("e1", FIRST))
    workspace.look_at_landing()
    build_bronze(workspace, [ARRIVAL], run_id="late")
    build_silver(
        workspace, stale_silver(workspace, hour_state.current(workspace.lake)), run_id="late"
    )
    assert stale_gold(workspace, hour_state.current(workspace.lake)) == [FIRST]
    build_gold(workspace, [FIRST], run_id="late")
    assert stale_gold(workspace, hour_state.current(workspace.lake)) == [LATER]

    bring_up(workspace)
    assert order_hours(workspace) == [FIRST]
    verified(workspace)

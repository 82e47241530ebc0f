"""Hourly marts with and without robots, built in a home whose tables are older than `traffic`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find
from clickstream_platform.storage import delta
from clickstream_platform.tables.activity import PRODUCT_ACTIVITY_HOURLY
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.marts import (
    FUNNEL_10MIN,
    FUNNEL_HOURLY,
    HOURLY_METRICS,
    REVENUE_5MIN,
)
from clickstream_platform_tests.homes import bring_up_all, json_line, land, rows, verified

pytestmark = pytest.mark.slow
DAY = "2024-11-29"
TEN, ELEVEN = f"{DAY}T10", f"{DAY}T11"
OLDER = (HOURLY_METRICS, REVENUE_5MIN, FUNNEL_10MIN, FUNNEL_HOURLY, PRODUCT_ACTIVITY_HOURLY)
GOOGLEBOT = "(compatible; Googlebot/2.1)"


def line(number: int, clock: str, who: str, name: str, **more: object) -> bytes:
    moment = f"{DAY}T{clock}Z"
    fields = {"event_id": f"e{number}", "timestamp": moment, "user_id": who, "event_type": name}
    return json_line(**fields, **more)


def purchase(number: int, clock: str, who: str, price: float, **more: object) -> bytes:
    bought = {"product_id": "p", "price": price, "quantity": 1, "category": "c"}
    return line(number, clock, who, "purchase", transaction_id=f"t{number}", **bought, **more)


LINES = [
    line(1, "10:01:00", "u", "product_view", product_id="p", price=5),
    purchase(2, "10:02:00", "u", 5),
    line(3, "10:03:00", "robot", "product_view", product_id="p", price=5, user_agent=GOOGLEBOT),
    purchase(4, "10:58:00", "robot", 7),
    purchase(5, "11:01:00", "robot", 9),  # it says no more that it is a robot
]


def make_older(workspace: Workspace, table: Table) -> None:
    """The table as it was before there were kinds of traffic, and units and modes of a funnel."""
    there = [field for field in table.arrow_schema if field.name not in table.late_columns]
    shutil.rmtree(delta.location(workspace.lake, table))
    DeltaTable.create(
        delta.location(workspace.lake, table),
        schema=pa.schema(there),
        partition_by=[table.partition_by] if table.partition_by else None,
    )


def numbers(workspace: Workspace, table: Table, *columns: str) -> list[tuple[Any, ...]]:
    names = ("event_hour", "traffic", *columns)
    return sorted(tuple(row[name] for name in names) for row in rows(workspace, table))


def test_a_robot_is_left_out_of_its_own_hour_and_an_older_home_gets_the_rows(
    new_workspace: Callable[..., Workspace], tmp_path: Any
) -> None:
    workspace = new_workspace(tmp_path / "home")
    for table in OLDER:
        make_older(workspace, table)
    before = pa.table({"event_hour": [f"{DAY}T09"], "events": pa.array([3], pa.int64())})
    place = delta.location(workspace.lake, HOURLY_METRICS)
    write_deltalake(place, before, mode="append", schema_mode="merge")
    land(workspace, "shop_json", f"{DAY}T12", "a.jsonl", b"\n".join(LINES))
    bring_up_all(workspace)
    verified(workspace)
    seven, nine = Decimal("7.00"), Decimal("9.00")
    assert numbers(workspace, HOURLY_METRICS, "events", "visitors", "sessions_started", "revenue")[
        -4:
    ] == [
        (TEN, "all", 4, 2, 3, Decimal("12.00")),
        (TEN, "human", 2, 1, 1, Decimal("5.00")),
        (ELEVEN, "all", 1, 1, 0, nine),
        (ELEVEN, "human", 1, 1, 0, nine),
    ]
    revenue = numbers(workspace, REVENUE_5MIN, "revenue")
    assert (TEN, "all", seven) in revenue and (TEN, "human", seven) not in revenue
    assert (ELEVEN, "human", nine) in revenue
    steps = numbers(workspace, FUNNEL_10MIN, *("unit", "mode", "step_no", "sessions_at_step"))
    for of in (("session", "any"), ("session", "strict"), ("user", "ordered")):
        assert (TEN, "all", *of, 1, 2) in steps and (TEN, "human", *of, 1, 1) in steps
    walks = numbers(workspace, FUNNEL_HOURLY, "mode", "step_no", "sessions")
    assert (TEN, "all", "any", 1, 2) in walks and (TEN, "human", "any", 1, 1) in walks
    assert numbers(workspace, PRODUCT_ACTIVITY_HOURLY, "views", "orders", "revenue") == [
        (TEN, "all", 2, 2, Decimal("12.00")),
        (TEN, "human", 1, 1, Decimal("5.00")),
        (ELEVEN, "all", 0, 1, nine),
        (ELEVEN, "human", 0, 1, nine),
    ]
    question = find("hourly")
    with Lake(workspace.settings) as lake:
        hours = lake.rows(question.sql, question.values({}))
    assert [(row["event_hour"][-2:], row["events"]) for row in hours] == [
        ("09", 3),  # of before, not rebuilt: all traffic
        ("10", 4),
        ("11", 1),
    ]

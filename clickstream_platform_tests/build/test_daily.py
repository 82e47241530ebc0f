"""Two days of a tiny shop, counted by hand: daily marts, marts over all time, and a late event."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.oracle.verify import verify
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.tables.activity import CUSTOMER_ACTIVITY_HOURLY, EVENT_ACTIVITY_HOURLY
from clickstream_platform.tables.attribution import ATTRIBUTION_CREDIT, MODELS
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.customers import DIM_USER_METRICS, RETENTION_COHORT, RFM_SCORES
from clickstream_platform.tables.daily import (
    CART_ABANDONMENT,
    FACT_DAILY_METRICS,
    JOURNEY_PATHS,
    PRODUCT_METRICS_DAILY,
)
from clickstream_platform.tables.experiments import EXPERIMENT_EXPOSURES, EXPERIMENT_RESULTS
from clickstream_platform.tables.facts import FACT_TRANSACTIONS
from clickstream_platform.tables.gold import DAILY, FUNNEL_HOURLY, SNAPSHOTS
from clickstream_platform.tables.marts import FUNNEL_10MIN, HOURLY_METRICS
from clickstream_platform.tables.products import DIM_PRODUCT_METRICS, PRODUCT_AFFINITY
from clickstream_platform.tables.quality import BOT_VISITORS_HOURLY
from clickstream_platform_tests.homes import bring_up_all, json_line, land, rows, verified

pytestmark = pytest.mark.slow
ONE, TWO = "2024-11-28", "2024-11-29"
Row = dict[str, Any]


def line(number: int, day: str, clock: str, who: str, name: str, **more: object) -> bytes:
    moment = f"{day}T{clock}:00Z"
    fields = {"event_id": f"e{number}", "timestamp": moment, "user_id": who, "event_type": name}
    return json_line(**fields, **more)


def of(product: str, price: float, quantity: int = 1) -> Row:
    return {"product_id": product, "price": price, "quantity": quantity, "category": "c"}


SEEN = {"experiment_id": "x", "variant_id": "new"}
FIRST_DAY = [
    line(1, ONE, "10:00", "u1", "page_view", experiment_id="x", variant_id="control"),
    line(2, ONE, "10:01", "u1", "product_view", **of("p1", 10)),
    line(3, ONE, "10:02", "u1", "add_to_cart", **of("p1", 10, 2)),
    line(4, ONE, "10:03", "u1", "purchase", transaction_id="t1", **of("p1", 10, 2)),
    line(5, ONE, "11:00", "u2", "product_view", **of("p2", 99), **SEEN),
    line(6, ONE, "11:01", "u2", "add_to_cart", **of("p2", 99)),
    line(7, ONE, "11:02", "u2", "begin_checkout"),
    line(8, ONE, "12:00", "robot", "page_view", user_agent="(compatible; Googlebot/2.1)"),
]  # fmt: skip
SECOND_DAY = [
    line(9, TWO, "09:00", "u2", "purchase", transaction_id="t2", **of("p2", 99)),
    line(10, TWO, "09:01", "u2", "purchase", transaction_id="t3", **of("p1", 9)),
    line(11, TWO, "10:00", "u1", "page_view"),
    line(12, TWO, "10:01", "u1", "purchase", transaction_id="t4", **of("p2", 500)),
]
LATE = line(13, ONE, "11:30", "u3", "page_view")


@pytest.fixture(scope="module")
def shop(
    new_workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    """The two days, built in a home with tables older than the columns about robots."""
    workspace = new_workspace(tmp_path_factory.mktemp("daily") / "home")
    for table in (PRODUCT_METRICS_DAILY, EXPERIMENT_EXPOSURES, RFM_SCORES, CART_ABANDONMENT):
        make_without(workspace, table, {"traffic", "is_bot"})
    land(workspace, "shop_json", f"{ONE}T13", "a.jsonl", b"\n".join(FIRST_DAY))
    land(workspace, "shop_json", f"{TWO}T13", "a.jsonl", b"\n".join(SECOND_DAY))
    bring_up_all(workspace)
    yield workspace


def make_without(workspace: Workspace, table: Table, columns: set[str]) -> None:
    """The table as it was made before it had `columns`."""
    there = [field for field in table.arrow_schema if field.name not in columns]
    DeltaTable.create(
        delta.location(workspace.lake, table),
        schema=pa.schema(there),
        mode="overwrite",
        partition_by=[table.partition_by] if table.partition_by else None,
    )


def found(
    workspace: Workspace, table: Table, *columns: str, traffic: str = "all"
) -> list[tuple[Any, ...]]:
    """The rows' columns, in order; of marts by kind of traffic those of `traffic`, or of both if
    the column is asked for."""
    kinds = {traffic} if "traffic" not in columns else {"all", "human"}
    return sorted(
        (
            tuple(row[column] for column in columns)
            for row in rows(workspace, table)
            if row.get("traffic", traffic) in kinds
        ),
        key=lambda values: tuple(str(value) for value in values),
    )


def test_the_day_counts_sessions_and_orders_with_and_without_robots(shop: Workspace) -> None:
    counts = ("sessions", "active_users", "engaged_sessions", "cart_sessions", "abandoned_carts")
    columns = ("event_day", "traffic", *counts, "orders", "revenue")
    assert found(shop, FACT_DAILY_METRICS, *columns) == [
        (ONE, "all", 3, 3, 2, 2, 1, 1, Decimal("20.00")),
        (ONE, "human", 2, 2, 2, 2, 1, 1, Decimal("20.00")),
        (TWO, "all", 2, 2, 2, 0, 0, 3, Decimal("608.00")),
        (TWO, "human", 2, 2, 2, 0, 0, 3, Decimal("608.00")),
    ]  # fmt: skip
    rates = {
        (row["event_day"], row["traffic"]): (
            row["conversion_rate"], row["cart_abandonment_rate"], row["average_order_value"],
            row["revenue_per_session"], row["engagement_rate"], row["bounce_rate"],
        )
        for row in rows(shop, FACT_DAILY_METRICS)
    }  # fmt: skip
    assert rates[(ONE, "human")] == (0.5, 0.5, 20.0, 10.0, 1.0, 0.0)
    assert rates[(TWO, "human")] == (1.0, None, pytest.approx(608 / 3), 304.0, 1.0, 0.0)
    assert found(shop, BOT_VISITORS_HOURLY, "event_hour", "visitor_id", "bot_signals") == [
        (f"{ONE}T12", "robot", ["declared_bot"])
    ]


def test_products_are_counted_from_seen_to_sold(shop: Workspace) -> None:
    columns = ("event_day", "item_id", "views", "viewers", "add_to_carts", "orders", "units")
    assert found(shop, PRODUCT_METRICS_DAILY, *columns, "revenue") == [
        (ONE, "p1", 1, 1, 1, 1, 2, Decimal("20.00")),
        (ONE, "p2", 1, 1, 1, 0, 0, Decimal("0.00")),
        (TWO, "p1", 0, 0, 0, 1, 1, Decimal("9.00")),
        (TWO, "p2", 0, 0, 0, 2, 2, Decimal("599.00")),
    ]
    over_all = (
        "item_id",
        "views",
        "orders",
        "revenue",
        "order_rate",
        "engagement_score",
        "price",
        "price_band",
    )
    assert found(shop, DIM_PRODUCT_METRICS, *over_all) == [
        ("p1", 1, 2, Decimal("29.00"), 2.0, 1 + 3 + 20, Decimal("9.00"), "low"),
        ("p2", 1, 2, Decimal("599.00"), 2.0, 1 + 3 + 20, Decimal("99.00"), "middle"),
    ]
    pair = ("basis", "item_a", "item_b", "n", "baskets", "support", "confidence", "lift")
    assert found(shop, PRODUCT_AFFINITY, *pair) == [
        ("customer", "p1", "p2", 2, 2, 1.0, 1.0, 1.0),
        ("customer", "p2", "p1", 2, 2, 1.0, 1.0, 1.0),
    ]


def test_the_flow_of_a_path_is_that_of_its_exits_and_continuations(shop: Workspace) -> None:
    tree = {
        (day, path): counts
        for day, path, *counts in found(
            shop, JOURNEY_PATHS, "event_day", "path", "sessions", "exits", "converted_sessions"
        )
    }
    assert tree[(ONE, "page_view")] == [2, 1, 1]
    assert tree[(ONE, "page_view > view_item > add_to_cart > purchase")] == [1, 1, 1]
    assert tree[(TWO, "purchase")] == [1, 1, 1], "two purchases in a row are one step"
    for (day, path), (sessions, exits, _) in tree.items():
        children = [
            counts[0]
            for (other, longer), counts in tree.items()
            if other == day and longer.rpartition(" > ")[0] == path
        ]
        assert sessions == exits + sum(children), path


def test_the_robots_day_is_left_out_of_every_mart(shop: Workspace) -> None:
    assert (ONE, "page_view", 1) in found(
        shop, JOURNEY_PATHS, "event_day", "path", "sessions", traffic="human"
    )
    assert found(shop, DIM_USER_METRICS, "customer_id", traffic="human") == [("u1",), ("u2",)]
    cohorts = found(
        shop, RETENTION_COHORT, "basis", "period", "period_no", "cohort_size", traffic="human"
    )
    assert {size for basis, _, _, size in cohorts if basis == "activity"} == {2}
    for table in (PRODUCT_METRICS_DAILY, DIM_PRODUCT_METRICS, PRODUCT_AFFINITY, RFM_SCORES):
        columns = [name for name in table.column_names if name != "traffic"]
        assert found(shop, table, *columns) == found(shop, table, *columns, traffic="human")
    arms = [name for name in EXPERIMENT_RESULTS.column_names if name != "traffic"]
    assert found(shop, EXPERIMENT_RESULTS, *arms) == found(
        shop, EXPERIMENT_RESULTS, *arms, traffic="human"
    )
    assert {row["is_bot"] for row in rows(shop, CART_ABANDONMENT)} == {False}


def test_a_cart_left_behind_is_recovered_by_the_next_order(shop: Workspace) -> None:
    columns = ("event_day", "visitor_id", "cart_value", "step_reached", "recovered_value")
    assert found(shop, CART_ABANDONMENT, *columns) == [
        (ONE, "u2", Decimal("99.00"), "begin_checkout", Decimal("99.00"))
    ]


def test_customers_are_scored_among_each_other(shop: Workspace) -> None:
    columns = ("customer_id", "sessions", "active_days", "orders", "customer_lifetime_value",
               "is_repeat", "segment")  # fmt: skip
    assert found(shop, DIM_USER_METRICS, *columns) == [
        ("robot", 1, 1, 0, Decimal("0.00"), False, "New/Inactive"),
        ("u1", 2, 2, 2, Decimal("520.00"), True, "High Value"),
        ("u2", 2, 2, 2, Decimal("108.00"), True, "Converted"),
    ]
    scores = ("customer_id", "as_of_date", "recency_days", "frequency", "monetary", "r", "f", "m")
    assert found(shop, RFM_SCORES, *scores, "rfm_segment") == [
        ("u1", date(2024, 11, 29), 0, 2, Decimal("520.00"), 3, 4, 4, "Loyal Customers"),
        ("u2", date(2024, 11, 29), 0, 2, Decimal("108.00"), 3, 4, 2, "Need Attention"),
    ]
    cohorts = ("basis", "period", "cohort_start", "period_no", "customers", "cohort_size")
    assert found(shop, RETENTION_COHORT, *cohorts) == [
        ("activity", "day", date(2024, 11, 28), 0, 3, 3),
        ("activity", "day", date(2024, 11, 28), 1, 2, 3),
        ("activity", "month", date(2024, 11, 1), 0, 3, 3),
        ("activity", "week", date(2024, 11, 25), 0, 3, 3),
        ("order", "day", date(2024, 11, 28), 0, 1, 1),
        ("order", "day", date(2024, 11, 28), 1, 1, 1),
        ("order", "day", date(2024, 11, 29), 0, 1, 1),
        ("order", "month", date(2024, 11, 1), 0, 2, 2),
        ("order", "week", date(2024, 11, 25), 0, 2, 2),
    ]


def test_an_arm_is_judged_against_the_control(shop: Workspace) -> None:
    columns = ("variant_id", "is_control", "exposures", "conversions", "revenue", "lift", "p_value")
    assert found(shop, EXPERIMENT_RESULTS, *columns) == [
        ("control", True, 1, 1, Decimal("520.00"), None, None),
        ("new", False, 1, 1, Decimal("108.00"), 0.0, None),
    ]


def test_credits_add_up_to_the_order_to_the_cent_in_every_model(shop: Workspace) -> None:
    totals: dict[tuple[str, str], list[Decimal]] = {}
    for row in rows(shop, ATTRIBUTION_CREDIT):
        total = totals.setdefault((row["conversion_id"], row["model"]), [Decimal(0), Decimal(0)])
        total[0] += row["credit"]
        total[1] += row["credited_value"]
    values = {row["order_id"]: row["value"] for row in rows(shop, FACT_TRANSACTIONS)}
    assert totals == {
        (order, model): [Decimal(1), value] for order, value in values.items() for model in MODELS
    }
    second = [row for row in rows(shop, ATTRIBUTION_CREDIT) if row["touched_at"].day == 28
              and row["event_day"] == TWO]  # fmt: skip
    credits = {(row["credited_value"], row["model"]) for row in second}
    # A day and a minute before: 906 = 1000 x 2^(-1.0007 / 7), of 906 + 1000 for a minute before.
    assert (Decimal("250.00"), "linear") in credits
    assert (Decimal("500.00"), "first_touch") in credits
    assert (Decimal("0.00"), "last_touch") in credits
    assert (Decimal("237.67"), "time_decay") in credits


def test_the_funnel_of_sessions_knows_three_orders(shop: Workspace) -> None:
    through = {
        (row["event_hour"][-2:], row["mode"]): 0 for row in rows(shop, FUNNEL_HOURLY)
    } | {
        (row["event_hour"], row["mode"], row["step"]): row["sessions"]
        for row in rows(shop, FUNNEL_HOURLY)
        if row["traffic"] == "all"
    }  # fmt: skip
    for mode in ("any", "ordered", "strict"):
        assert through[(f"{ONE}T11", mode, "begin_checkout")] == 1
        assert through[(f"{ONE}T10", mode, "add_to_cart")] == 1
        assert through[(f"{ONE}T10", mode, "begin_checkout")] == 0, "a purchase without checkout"
        assert through[(f"{TWO}T09", mode, "view_item")] == 0


def test_an_hour_of_robots_alone_has_no_human_rows_in_any_hourly_mart(shop: Workspace) -> None:
    robots_hour, humans_hour = f"{ONE}T12", f"{ONE}T11"
    hourly = (HOURLY_METRICS, FUNNEL_10MIN, FUNNEL_HOURLY, EVENT_ACTIVITY_HOURLY)
    for table in (*hourly, CUSTOMER_ACTIVITY_HOURLY):
        kinds = {(row["event_hour"], row["traffic"]) for row in rows(shop, table)}
        assert (robots_hour, "all") in kinds and (robots_hour, "human") not in kinds, table.path
        assert kinds >= {(humans_hour, "all"), (humans_hour, "human")}, table.path


@pytest.mark.long
def test_a_late_event_rebuilds_its_day_and_what_looks_back_to_it(shop: Workspace) -> None:
    verified(shop)
    before = hour_state.current(shop.lake)
    land(shop, "shop_json", f"{TWO}T14", "late.jsonl", LATE)
    reports = bring_up_all(shop, run_id="late")
    daily = {table.path for table in DAILY}
    changed = {(r.table, r.hour) for r in reports if r.table in daily and not r.unchanged}
    of_visits = ("fact_daily_metrics", "journey_paths", "traffic_daily")
    of_events = ("event_activity_hourly", "customer_activity_hourly")
    assert changed == {(f"gold/{name}", ONE) for name in (*of_visits, *of_events)}
    looked_at = {(r.table, r.hour) for r in reports if r.table in daily}
    assert {hour for _, hour in looked_at} == {ONE, TWO}
    assert ("gold/anomalies", TWO) in looked_at, "its baseline has changed"
    assert ("gold/product_metrics_daily", TWO) not in looked_at
    after = hour_state.current(shop.lake)
    for table in (*DAILY, *SNAPSHOTS):
        kept = (table.path, TWO)
        assert kept not in before or after[kept].version == before[kept].version
    sessions = found(shop, FACT_DAILY_METRICS, "event_day", "traffic", "sessions")
    assert sessions[:2] == [(ONE, "all", 4), (ONE, "human", 3)]
    assert ("u3",) in found(shop, DIM_USER_METRICS, "customer_id")
    verified(shop)
    assert all(report.unchanged for report in bring_up_all(shop, run_id="again"))


def test_the_oracle_misses_a_row_and_a_table_of_the_daily_layer(shop: Workspace) -> None:
    DeltaTable(str(shop.lake / "gold" / "rfm_scores")).delete("customer_id = 'u1'")
    DeltaTable(str(shop.lake / "gold" / "fact_daily_metrics")).delete("traffic = 'human'")
    shutil.rmtree(shop.lake / "gold" / "product_affinity")
    report = verify(shop.settings)
    found = {(f.table, f.hour, f.problem) for law in report.laws for f in law.findings}
    assert found == {
        ("gold/rfm_scores", None, "missing row"),
        ("gold/fact_daily_metrics", ONE, "missing row"),
        ("gold/fact_daily_metrics", TWO, "missing row"),
        ("gold/product_affinity", None, "missing table"),
    }

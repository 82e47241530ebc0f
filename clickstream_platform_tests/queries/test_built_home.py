"""A generated shop, built: screens agree on each metric, and a changed number can be explained."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.cli import main
from clickstream_platform.generator.options import Options
from clickstream_platform.generator.run import generate_batch
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find, named_queries
from clickstream_platform.tables.facts import FACT_TRANSACTIONS
from clickstream_platform.tables.metrics import METRICS, SESSIONS
from clickstream_platform_tests.homes import bring_up_all, json_line, land, rows, verified

pytestmark = pytest.mark.slow
START_MS = int(datetime(2024, 11, 28, 19, tzinfo=UTC).timestamp() * 1000)
HOURS, EVENTS = 16, 1500
NO_BOTS = "not is_bot"
NO_BOT_ORDERS = (
    "not exists (select 1 from gold.bot_visitors_hourly as robots where robots.is_bot "
    "and robots.visitor_id = v_orders.visitor_id and left(robots.event_hour, 10) = event_day)"
)
Row = dict[str, Any]
# A session with an order of each currency, and one whose only order is in another one.
IN_EUROS = [
    json_line(event_id=f"{visitor}-{name}", timestamp=f"2024-11-29T05:1{minute}:00Z",
              user_id=visitor, event_type="purchase", transaction_id=f"{visitor}-{name}",
              product_id="P", price=99, quantity=1, currency=name)
    for visitor, name, minute in (("both", "EUR", 1), ("both", "USD", 2), ("euro", "EUR", 3))
]  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """What a question's rows are about: which sessions and orders, told apart by what."""

    by: str = "'all'"  # over a session or an order
    column: str = ""  # of the answer that holds it
    sessions: str = "true"
    orders: str = "true"
    params: Mapping[str, str] = field(default_factory=dict)


def unknown(column: str, name: str = "") -> Scope:
    by = f"coalesce({column}, '(unknown)')"
    return Scope(by, name or column, NO_BOTS, params={"limit": "100000"})


PAGES = {"limit": "100000"}
WEEKDAY = "isodow(cast(event_day as date))"
SCOPES = {
    "daily": Scope("event_day", "event_day", NO_BOTS, NO_BOT_ORDERS),
    "week_over_week": Scope("date_trunc('week', cast(event_day as date))::date", "week_start",
                            NO_BOTS, NO_BOT_ORDERS),
    "weekday_pattern": Scope(WEEKDAY, "iso_weekday", NO_BOTS, NO_BOT_ORDERS),
    "weekend": Scope(f"{WEEKDAY} >= 6", "is_weekend", NO_BOTS, NO_BOT_ORDERS),
    "channels": Scope("coalesce(channel_group, '(unknown)')", "channel_group", NO_BOTS),
    "devices": Scope("coalesce(device_category, '(unknown)')", "device_category", NO_BOTS),
    "browsers": unknown("browser_name"),
    "referrers": unknown("refr_source"),
    "traffic": unknown("channel_group", "value"),
    "landing_page_quality": Scope("landing_page", "landing_page", NO_BOTS, params=PAGES),
    "landing_pages": Scope("landing_page", "landing_page", params=PAGES),
    "conversion_by_hour": Scope("event_hour", "event_hour"),
    "sessions_by_hour": Scope("event_hour", "event_hour"),
    "sessions_summary": Scope(),
    "session_totals": Scope(),
}  # fmt: skip
RATES = {"engagement_rate", "bounce_rate", "conversion_rate", "cart_abandonment_rate",
         "revenue_per_session"}  # fmt: skip


TOTALS = {"orders", "revenue", "average_order_value", "abandoned_carts"}
SUMS = TOTALS - {"average_order_value"}
ONE_PER_PRODUCT = "an order counts with each of its products, brands or categories"
NOT_THE_WHOLE = {
    ("bots", "orders"): "of robots, by what gave them away",
    ("active_customers", "orders"): "of the last hours",
    ("active_customers", "revenue"): "of the last hours",
    ("live", "orders"): "of the newest hour",
    ("live", "revenue"): "of the newest hour",
    ("high_interest_low_conversion", "orders"): "of some products",
    **{(name, "orders"): ONE_PER_PRODUCT
       for name in ("top_products", "top_categories", "category_trend", "revenue_by_brand")},
    ("category_trend", "revenue"): "of order lines, in any currency",
    ("products_by_conversion", "revenue"): "of order lines, in any currency",
    ("traffic", "revenue"): "of gold/traffic_daily, which adds up all currencies",
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(
    new_workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    workspace = new_workspace(tmp_path_factory.mktemp("built") / "home")
    options = Options(workspace.settings.landing, START_MS, hours=HOURS, events=EVENTS, seed=11)
    generate_batch(options, lambda _: None)
    land(workspace, "shop_json", "2024-11-29T05", "euro.jsonl", b"\n".join(IN_EUROS))
    bring_up_all(workspace)
    verified(workspace)
    yield workspace


def by_definition(lake: Lake, scope: Scope, metric: str) -> dict[Any, Any]:
    """The metric's value of each part of the scope, from `tables/metrics.py` alone."""
    defined = METRICS[metric]
    if not defined.is_ratio:
        where = scope.sessions if defined.relation == SESSIONS else scope.orders
        found = lake.rows(
            f"select {scope.by} as part, {defined.counted} as value from {defined.relation} "
            f"where {where} group by 1"
        )
        return {row["part"]: row["value"] for row in found}
    above = by_definition(lake, scope, defined.numerator)
    below = by_definition(lake, scope, defined.denominator)
    sql = (f"select {defined.expression} as value from (select $above as {defined.numerator}, "
           f"$below as {defined.denominator})")  # fmt: skip
    return {
        part: lake.rows(sql, {"above": above.get(part, 0), "below": below.get(part, 0)})[0]["value"]
        for part in {*above, *below}
    }


@pytest.mark.parametrize("name", SCOPES)
def test_every_screen_says_what_the_metric_is(name: str, shop: Workspace) -> None:
    question, scope = find(name), SCOPES[name]
    with Lake(shop.settings) as lake:
        answer = lake.rows(question.sql, question.values(scope.params))
        assert answer
        for metric in question.metrics:
            expected = by_definition(lake, scope, metric)
            found = {row[scope.column] if scope.column else "all": row[metric] for row in answer}
            for part, value in found.items():
                is_count = not METRICS[metric].is_ratio
                wanted = expected.get(part, 0 if is_count else None)
                assert value == (wanted if wanted is None else pytest.approx(wanted)), (
                    metric,
                    part,
                )
            assert {part for part, value in expected.items() if value} <= set(found)


def test_no_screen_shows_a_rate_that_is_not_the_metric(shop: Workspace) -> None:
    with_metrics = {name for name, question in named_queries().items() if question.metrics}
    assert with_metrics == set(SCOPES)
    with Lake(shop.settings) as lake:
        for name, question in named_queries().items():
            if not all(lake._can_make(table) for table in question.tables):
                continue
            columns = set(lake.run(question.sql, question.values({})).schema.names)
            assert not (columns & RATES) - set(question.metrics) - PER_PRODUCT.get(name, set())


PER_PRODUCT: dict[str, set[str]] = {"experiments": {"conversion_rate"}}  # of visitors exposed


def test_every_screen_of_the_whole_span_has_the_same_orders_revenue_and_carts(
    shop: Workspace,
) -> None:
    asked = set()
    with Lake(shop.settings) as lake:
        whole = {
            kind: {name: by_definition(lake, scope, name).get("all") for name in TOTALS}
            for kind, scope in (("all", Scope()), ("human", Scope(sessions=NO_BOTS,
                                                                  orders=NO_BOT_ORDERS)))
        }  # fmt: skip
        for name, question in named_queries().items():
            if not all(lake._can_make(table) for table in question.tables):
                continue
            given = {p: v for p, v in {"limit": "100000", "traffic": "all", "model": "linear"}.items()
                     if p in question.params}  # fmt: skip
            answer = lake.rows(question.sql, question.values(given))
            columns = {column for column in TOTALS if answer and column in answer[0]}
            kept = [row for row in answer if row.get("currency") in (None, "USD")]
            kind = "all" if "traffic" in question.params or name in WITH_ROBOTS else "human"
            for column in columns - {of for at, of in NOT_THE_WHOLE if at == name}:
                if column in SUMS:
                    found = sum(row[column] or 0 for row in kept)
                elif {"orders", "revenue"} <= columns:
                    found = float(sum(r["revenue"] for r in kept)) / sum(r["orders"] for r in kept)
                else:
                    continue
                assert float(found) == pytest.approx(float(whole[kind][column])), (name, column)
                asked.add(column)
    assert asked == TOTALS


WITH_ROBOTS = {"rfm_transitions"}


def test_rfm_of_the_newest_day_is_the_table(shop: Workspace) -> None:
    question = find("rfm_as_of")
    columns = "customer_id, recency_days, frequency, monetary, r, f, m, rfm_segment"
    with Lake(shop.settings) as lake:
        asked = lake.rows(question.sql, question.values({"limit": "100000"}))
        table = lake.rows(f"select {columns} from gold.rfm_scores where traffic = 'all'")
    assert table
    keyed = {row["customer_id"]: row for row in asked}
    assert len(keyed) == len(table)
    for row in table:
        assert {name: keyed[row["customer_id"]][name] for name in row} == row


def test_attributed_value_is_revenue_to_the_cent_in_all_seven_models(shop: Workspace) -> None:
    with Lake(shop.settings) as lake:
        owed = lake.rows(
            "select model, sum(credited_value) as value, sum(credit) as orders "
            "from gold.attribution_credit group by model"
        )
        [whole] = lake.rows(
            "select sum(value) as value, count(*) as orders from gold.v_orders where is_reported"
        )
    assert len(owed) == 7
    assert whole["orders"] > 10
    for row in owed:
        assert (row["value"], row["orders"]) == (whole["value"], whole["orders"]), row["model"]


def test_journeys_conserve_flow_at_every_node(shop: Workspace) -> None:
    with Lake(shop.settings) as lake:
        [broken] = lake.rows("""
            select count(*) filter (where node.sessions <> node.exits + coalesce(below.sessions, 0))
                as nodes, count(*) as of
            from gold.journey_paths as node
            left join (
                select event_day, traffic, depth - 1 as depth, sum(sessions) as sessions,
                    left(path, length(path) - length(step) - length(' > ')) as path
                from gold.journey_paths where depth > 1 group by all
            ) as below using (event_day, traffic, depth, path)
        """)
        [roots] = lake.rows(
            "select sum(sessions) as n from gold.journey_paths where depth = 1 and traffic = 'all'"
        )
        [sessions] = lake.rows("select count(*) as n from gold.fact_sessions")
    assert (broken["nodes"], roots["n"]) == (0, sessions["n"])
    assert broken["of"] > 50


def test_rolling_sums_are_those_of_the_hours_before(shop: Workspace) -> None:
    with Lake(shop.settings) as lake:
        for view, key, sums in (
            ("product", "item_id", "views"), ("customer", "customer_id", "events")
        ):  # fmt: skip
            [wrong] = lake.rows(f"""
                with hours as (
                    select *, strptime(event_hour, '%Y-%m-%dT%H') as at
                    from gold.{view}_activity_hourly
                ), summed as (
                    select one.event_hour, one.traffic, one.{key}, sum(other.{sums}) as a_week,
                        sum(other.{sums}) filter (
                            where other.at > one.at - interval 24 hours) as a_day
                    from hours as one join hours as other
                        on other.{key} = one.{key} and other.traffic = one.traffic
                        and other.at between one.at - interval 167 hours and one.at
                    group by all
                )
                select count(*) as of, count(*) filter (
                    where {sums}_24h <> a_day or {sums}_7d <> a_week) as wrong
                from gold.v_{view}_rolling join summed using (event_hour, traffic, {key})
            """)
            assert wrong["wrong"] == 0 and wrong["of"] > 50


def ask_why(shop: Workspace, *arguments: str) -> dict[str, Any]:
    found = CliRunner().invoke(
        main, ["--home", str(shop.settings.home), "diff", *arguments, "--json"]
    )
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout)


def test_a_changed_number_names_its_hours_and_files(shop: Workspace) -> None:
    before = datetime.now(UTC).isoformat()
    orders = rows(shop, FACT_TRANSACTIONS)
    total = sum(row["value"] for row in orders if row["currency"] != "EUR")
    late = "2024-11-29T17"
    product = {"product_id": "new", "price": 25, "quantity": 2}
    sale = json_line(event_id="late-1", timestamp="2024-11-29T10:30:00Z", user_id="late",
                     event_type="purchase", transaction_id="late", **product)  # fmt: skip
    path = land(shop, "shop_json", late, "late.jsonl", sale + b"\n" + sale + b"\nbroken")
    assert (
        "No number changed"
        in CliRunner()
        .invoke(main, ["--home", str(shop.settings.home), "diff", "overview", "--since", before])
        .stdout
    )
    bring_up_all(shop, run_id="late")
    why = ask_why(shop, "overview", "--since", before)
    changes = {change["column"]: change for change in why["changes"]}
    assert set(changes) == {"events", "visitors", "users", "sessions", "orders", "revenue"}
    assert (changes["revenue"]["then"], changes["revenue"]["now"]) == (str(total), str(total + 50))
    assert changes["orders"]["by"] == 1
    assert why["hours"] == ["2024-11-29T10"]
    assert why["partitions"]["gold/hourly_metrics"] == ["2024-11-29T10"]
    [cause] = why["files"]
    assert cause["source_file"].startswith(f"{path}@")
    assert (cause["lines"], cause["accepted"], cause["hour"]) == (2, 1, "2024-11-29T10")
    of_day = ask_why(shop, "daily", "--since", before)
    assert {change["row"]["event_day"] for change in of_day["changes"]} == {"2024-11-29"}
    assert of_day["files"] == why["files"]
    other_hour = ask_why(shop, "overview", "--since", before, "-p", "to=2024-11-29T09")
    assert (other_hour["changes"], other_hour["partitions"], other_hour["files"]) == ([], {}, [])
    in_words = (
        CliRunner()
        .invoke(main, ["--home", str(shop.settings.home), "diff", "overview", "--since", before])
        .stdout
    )
    assert f"revenue {total} -> {total + 50} (+50.00)" in in_words
    assert f"{path}@" in in_words and "2 lines of 2024-11-29T10, 1 accepted" in in_words


def test_a_diff_needs_two_moments_in_order(shop: Workspace) -> None:
    found = CliRunner().invoke(
        main, ["--home", str(shop.settings.home), "diff", "daily", "--since", "2999-01-01"]
    )
    assert found.exit_code == 2 and "is not before" in found.stderr
    new = ask_why(shop, "overview", "--since", "2024-01-01")
    assert {change["then"] for change in new["changes"]} == {None}, "there was no table yet"
    assert len(new["files"]) > 20

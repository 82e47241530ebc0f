"""A generated shop, built: marts keep their laws, and a changed number can be explained."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.cli import main
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find
from clickstream_platform.tables.facts import FACT_TRANSACTIONS
from clickstream_platform_tests.homes import bring_up_all, json_line, land, rows

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("traffic", ["all", "human"])
def test_first_time_and_recurring_customers_are_those_seen_before_or_not(
    traffic: str, shop: Workspace
) -> None:
    def asked(name: str, **params: str) -> list[dict[str, Any]]:
        return lake.rows(find(name).sql, find(name).values(params | {"traffic": traffic}))

    counts = ("active_users", "new_users", "recurring_users")
    with Lake(shop.settings) as lake:
        days = {row["event_day"]: [row[name] for name in counts] for row in asked("daily")}
        assert len(days) > 1
        for period in ("day", "week", "month"):
            by_definition = lake.rows(f"""
                with came as (
                    select distinct customer_id, date_trunc('{period}', event_day::date) as start
                    from gold.v_active_customers where '{traffic}' = 'all' or not is_bot
                ), firsts as (
                    select start, start = min(start) over (partition by customer_id) as is_first
                    from came
                )
                select start::date as start, count(*) as active_users,
                    count(*) filter (where is_first) as new_users,
                    count(*) filter (where not is_first) as recurring_users
                from firsts group by start
            """)
            found = {
                row["period_start"]: [row[name] for name in counts]
                for row in asked("new_and_recurring", period=period)
            }
            assert found == {row["start"]: [row[name] for name in counts] for row in by_definition}
            if period == "day":
                assert {str(day): values for day, values in found.items()} == days


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

"""A home where people come by several devices: who they are, unmerged and restored; and beside it
session columns and the campaign cut. Every table is proven by the oracle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from clickstream_platform import settings as settings_module
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.cli import main
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find
from clickstream_platform.tables.facts import FACT_SESSIONS
from clickstream_platform.tables.people import PEOPLE
from clickstream_platform.tables.quality import BOT_VISITORS_HOURLY
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.homes import (
    bring_up_all,
    json_line,
    land,
    rows,
    verified,
    versions,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
DAY = "2024-11-29"
AD = "https://shop.example/?utm_source=ads&utm_medium=cpc&utm_campaign="


def line(number: int, clock: str, who: str, name: str, **more: object) -> bytes:
    moment = f"{DAY}T{clock}Z"
    fields = {"event_id": f"e{number}", "timestamp": moment, "event_type": name}
    return json_line(**fields, anonymous_id=who, **more)


def of(product: str, category: str, price: float) -> dict[str, Any]:
    return {"product_id": product, "category": category, "price": price, "quantity": 1}


LINES = [
    # Anna: her phone before she logs in, then her laptop, where she buys.
    line(1, "09:00:00", "phone", "page_view", page_url="/a", session_id="c1"),
    line(2, "09:00:30", "phone", "product_view", session_id="c1", **of("p1", "shoes", 10)),
    line(3, "09:02:00", "phone", "login", user_id="anna", session_id="c2"),
    line(4, "10:00:00", "laptop", "product_view", user_id="anna", **of("p1", "shoes", 10)),
    line(5, "10:00:10", "laptop", "product_view", user_id="anna", **of("p2", "hats", 20)),
    line(6, "10:00:20", "laptop", "add_to_cart", user_id="anna", **of("p2", "hats", 20)),
    line(7, "10:01:00", "laptop", "add_shipping_info", user_id="anna"),
    line(8, "10:01:20", "laptop", "begin_checkout", user_id="anna"),
    line(9, "10:03:20", "laptop", "purchase", user_id="anna", transaction_id="t1",
         **of("p2", "hats", 20)),
    # A tablet shared by two accounts joins them here, where two may share a device.
    line(10, "11:00:00", "tablet", "page_view", user_id="bert"),
    line(11, "11:40:00", "tablet", "page_view", user_id="carl"),
    # Guest is nobody; a kiosk with three accounts is nobody's.
    line(12, "12:00:00", "phone", "page_view", user_id="guest"),
    *[
        line(20 + n, moment, "kiosk", "page_view", user_id=f"k{n}")
        for n, moment in enumerate(("13:00:00", "13:40:00", "14:20:00"))  # a session each
    ],
    # Dora comes back by another campaign within the half hour, and reloads its page.
    line(30, "14:00:00", "dora", "page_view", page_url="/"),
    line(31, "14:05:00", "dora", "page_view", page_url=AD + "one"),
    line(32, "14:06:00", "dora", "page_view", page_url="/b"),
    line(33, "14:07:00", "dora", "page_view", page_url=AD + "one"),
    line(34, "14:10:00", "dora", "page_view", page_url=AD + "two"),
    # A robot that gives all its lines one id.
    *[line(40, f"15:00:{10 + n}", "parrot", "page_view", page_url=f"/{n}") for n in range(12)],
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(
    new_workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    workspace = new_workspace(
        tmp_path_factory.mktemp("people") / "home",
        people={"max_users_per_device": 2},
        sessions={"campaign_cut": True},
    )
    land(workspace, "shop_json", f"{DAY}T16", "a.jsonl", b"\n".join(LINES))
    bring_up_all(workspace)
    verified(workspace)
    yield workspace


def people(workspace: Workspace) -> dict[str, tuple[str, int]]:
    return {
        f"{row['id_kind']} {row['id']}": (row["person_id"], row["person_ids"])
        for row in rows(workspace, PEOPLE)
    }


def ask(workspace: Workspace, sql: str) -> list[tuple[Any, ...]]:
    with Lake(workspace.settings) as lake:
        return [tuple(row.values()) for row in lake.rows(sql)]


def test_a_session_says_how_long_how_far_and_by_which_ids(shop: Workspace) -> None:
    columns = (
        *("duration_s", "engaged_time_s", "products_viewed", "categories_viewed"),
        *("entered_checkout_at_step", "client_session_id", "client_sessions"),
    )
    found = {
        (row["visitor_id"], row["event_hour"][-2:]): tuple(row[name] for name in columns)
        for row in rows(shop, FACT_SESSIONS)
    }
    # The gap of 90 s counts 60, that of 120 s too.
    assert found[("phone", "09")] == (120.0, 90.0, 1, 1, None, "c1", 2)
    assert found[("laptop", "10")] == (200.0, 140.0, 2, 2, "add_shipping_info", None, 0)


def test_another_campaign_opens_a_session_where_it_is_asked_for(shop: Workspace) -> None:
    found = [
        (row["started_at"].strftime("%H:%M"), row["event_count"], row["mkt_campaign"])
        for row in rows(shop, FACT_SESSIONS)
        if row["visitor_id"] == "dora"
    ]
    assert sorted(found) == [("14:00", 1, None), ("14:05", 3, "one"), ("14:10", 1, "two")]


def test_a_robot_that_reuses_its_id_is_found_by_the_lines_that_were_rejected(
    shop: Workspace,
) -> None:
    reused = {row["visitor_id"]: row["reused_id_lines"] for row in rows(shop, SILVER_EVENTS)}
    assert reused["parrot"] == 11
    assert sum(reused.values()) == 11
    found = [
        (row["visitor_id"], row["bot_signals"], row["is_bot"])
        for row in rows(shop, BOT_VISITORS_HOURLY)
    ]
    assert found == [("parrot", ["id_reuse"], True)]
    [suspicious] = ask(shop, "select visitor_id, signals, is_bot from gold.v_suspicious_visitors")
    assert suspicious == ("parrot", ["id_reuse"], True)


def test_the_history_before_the_login_belongs_to_the_person(shop: Workspace) -> None:
    assert people(shop) == {
        "visitor phone": ("anna", 3), "visitor laptop": ("anna", 3), "user anna": ("anna", 3),
        "visitor tablet": ("bert", 3), "user bert": ("bert", 3), "user carl": ("bert", 3),
        "user guest": ("guest", 1), "visitor kiosk": ("kiosk", 1),
        "user k0": ("k0", 1), "user k1": ("k1", 1), "user k2": ("k2", 1),
    }  # fmt: skip
    found = ask(
        shop,
        "select person_id, count(*) from gold.v_fact_sessions group by 1 order by 1",
    )
    # Anna: twice by phone, the second time as a guest, and once by laptop.
    assert found == [
        ("anna", 3), ("bert", 2), ("dora", 3), ("k0", 1), ("k1", 1), ("k2", 1), ("parrot", 1),
    ]  # fmt: skip
    [anna] = ask(shop, "select * exclude (first_at, last_at) from gold.v_people where ids = 3 "
                       "and person_id = 'anna'")  # fmt: skip
    assert anna == ("anna", 3, 2, 2, 3, 1, Decimal("20.00"))


def test_sessions_agree_with_the_tracker_s_by_pairs_of_events(shop: Workspace) -> None:
    with Lake(shop.settings) as lake:
        [row] = lake.rows(find("session_agreement").sql, find("session_agreement").values({}))
    # Our session holds three events with an id of the tracker (3 pairs), the tracker's two (1).
    assert (row["events"], row["pairs_both"], row["pairs_ours"], row["pairs_theirs"]) == (
        3,
        1,
        3,
        1,
    )
    assert (row["precision_rate"], row["recall_rate"]) == (pytest.approx(1 / 3), 1.0)
    assert row["agreement"] == pytest.approx(1 / 3)


def test_unmerge_cuts_one_link_and_restore_gives_what_was_before(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_PEOPLE__MAX_USERS_PER_DEVICE", "2")
    monkeypatch.setenv("CLICKSTREAM_SESSIONS__CAMPAIGN_CUT", "true")

    def command(*arguments: str) -> str:
        settings_module.settings.cache_clear()
        found = CliRunner().invoke(
            main, ["--home", str(shop.settings.home), "people", *arguments], catch_exceptions=False
        )
        assert found.exit_code == 0, found.output
        return found.output

    before, kept = people(shop), versions(shop, (SILVER_EVENTS, FACT_SESSIONS))
    shown = json.loads(command("show", "anna", "--json"))
    assert [row["id"] for row in shown["ids"]] == ["anna", "laptop", "phone"]
    assert {(row["visitor_id"], row["user_id"]) for row in shown["links"]} == {
        ("laptop", "anna"), ("phone", "anna"), ("phone", "guest"),
    }  # fmt: skip
    assert "Decided:" in command("unmerge", "tablet", "carl", "--no-run", "--reason", "a visit")
    assert "Decided before" in command("unmerge", "tablet", "carl", "--no-run")
    bring_up_all(shop, run_id="unmerged")
    assert people(shop) == before | {
        "visitor tablet": ("bert", 2), "user bert": ("bert", 2), "user carl": ("carl", 1),
    }  # fmt: skip
    verified(shop)
    refused = CliRunner().invoke(
        main, ["--home", str(shop.settings.home), "people", "unmerge", "phone", "carl"]
    )
    assert refused.exit_code == 2
    command("restore", "tablet", "carl", "--no-run")
    bring_up_all(shop, run_id="restored")
    assert people(shop) == before
    assert versions(shop, (SILVER_EVENTS, FACT_SESSIONS)) == kept, "no event was written anew"
    verified(shop)
    settings_module.settings.cache_clear()


def test_a_late_login_joins_what_came_before(shop: Workspace) -> None:
    late = line(60, "14:20:00", "dora", "login", user_id="dora@example")
    land(shop, "shop_json", f"{DAY}T17", "late.jsonl", late)
    bring_up_all(shop, run_id="late")
    assert people(shop)["visitor dora"] == ("dora@example", 2)
    assert ask(
        shop, "select count(*) from gold.v_fact_sessions where person_id = 'dora@example'"
    ) == [(3,)]
    assert datetime.fromisoformat(f"{DAY}T14:20:00+00:00") in {
        row["last_seen_at"] for row in rows(shop, PEOPLE)
    }
    verified(shop)

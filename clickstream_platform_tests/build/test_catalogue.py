"""Catalogue feeds to versions: late, repeated, shuffled and broken feeds."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.catalogue import build_catalogue
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.staleness import is_catalogue_stale
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.oracle.verify import verify
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.tables.catalogue import (
    BRONZE_CATALOGUE,
    CAMPAIGNS,
    CATALOGUE,
    CATALOGUE_QUARANTINE,
    PRODUCTS,
    USERS,
)
from clickstream_platform_tests.homes import arrow, json_line, land, rows, versions

pytestmark = pytest.mark.slow
HEADER = b"product_id,name,category,brand,price\n"
EIGHT, NINE, TEN = "2024-11-29T08", "2024-11-29T09", "2024-11-29T10"


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2024, 11, 29, hour, minute, tzinfo=UTC)


def bring_in(workspace: Workspace) -> list[HourReport]:
    workspace.look_at_landing()
    waiting = list(workspace.manifest.waiting_hours())
    build_bronze(workspace, waiting, run_id="test")
    reports = build_catalogue(workspace, run_id="test")
    assert not is_catalogue_stale(workspace, hour_state.current(workspace.lake))
    return reports


def prove(workspace: Workspace) -> None:
    report = verify(
        workspace.settings, tables=(BRONZE_CATALOGUE.path, *[t.path for t in CATALOGUE])
    )
    assert report.ok, json.dumps(report.as_dict(), indent=1, default=str)
    checked = {law.law: law.checked for law in report.laws}
    assert checked["feeds_to_bronze"] == arrow(workspace, BRONZE_CATALOGUE).num_rows
    assert checked["versions_equal_definition"] == sum(
        arrow(workspace, table).num_rows for table in CATALOGUE
    )


def prices(workspace: Workspace, item_id: str) -> list[tuple[Any, ...]]:
    found = [row for row in rows(workspace, PRODUCTS) if row["item_id"] == item_id]
    named = ("version_no", "price", "valid_from", "valid_to")
    return sorted(tuple(row[name] for name in named) for row in found)


def product(number: int, price: str, effective_at: str | None = None) -> bytes:
    fields = {"product_id": f"p{number}", "price": price, "effective_at": effective_at}
    return json_line(**{name: value for name, value in fields.items() if value is not None})


def test_feeds_become_versions_and_a_late_older_feed_comes_in_between(
    workspace: Workspace,
) -> None:
    land(workspace, "products_csv", EIGHT, "a.csv", HEADER + b'p1,"Shoe, red",shoes,Asa,19.90\n')
    land(workspace, "products_csv", TEN, "a.csv", HEADER + b"p1,Shoe,shoes,Asa,15\np2,Hat,,,\n")
    bring_in(workspace)
    assert prices(workspace, "p1") == [
        (1, Decimal("19.90"), at(8), at(10)),
        (2, Decimal("15.00"), at(10), None),
    ]
    first = next(row for row in rows(workspace, PRODUCTS) if row["valid_to"] is not None)
    assert (first["item_name"], first["item_brand"]) == ("Shoe, red", "Asa")
    assert prices(workspace, "p2") == [(1, None, at(10), None)]
    prove(workspace)
    a_wrong_version_is_found(workspace)

    land(workspace, "products_json", TEN, "late.jsonl", product(1, "17", "2024-11-29T09:30:00Z"))
    bring_in(workspace)
    assert prices(workspace, "p1") == [
        (1, Decimal("19.90"), at(8), at(9, 30)),
        (2, Decimal("17.00"), at(9, 30), at(10)),
        (3, Decimal("15.00"), at(10), None),
    ]
    prove(workspace)


def a_wrong_version_is_found(workspace: Workspace) -> None:
    """The proof finds a gap, a missing table and a changed line; afterwards all is as it was."""
    stored = DeltaTable(delta.location(workspace.lake, PRODUCTS))
    right = stored.version()
    stored.update({"valid_to": "valid_from + interval '1 hour'"}, predicate="version_no = 1")
    found = verify(workspace.settings, tables=(PRODUCTS.path,)).laws[0].findings
    assert {finding.problem for finding in found} == {"different value", "gap or overlap"}
    stored.restore(right)
    place = Path(delta.location(workspace.lake, PRODUCTS))
    hidden = place.rename(place.with_name("hidden"))
    [finding] = verify(workspace.settings, tables=(PRODUCTS.path,)).laws[0].findings
    assert (finding.table, finding.problem) == (PRODUCTS.path, "missing table")
    hidden.rename(place)
    lines = DeltaTable(delta.location(workspace.lake, BRONZE_CATALOGUE))
    received = lines.version()
    lines.delete("source_offset = 0")
    found = verify(workspace.settings, tables=(BRONZE_CATALOGUE.path,)).laws[0].findings
    assert {finding.problem for finding in found} == {"missing row"}
    lines.restore(received)


def test_the_same_feed_again_changes_no_table(workspace: Workspace) -> None:
    feed = HEADER + b"p1,Shoe,shoes,Asa,19.90\n"
    land(workspace, "products_csv", EIGHT, "a.csv", feed)
    bring_in(workspace)
    before = versions(workspace, CATALOGUE)
    assert build_catalogue(workspace, run_id="again") == []
    land(workspace, "products_csv", EIGHT, "b.csv", feed)  # the same bytes by another name
    land(workspace, "products_csv", TEN, "a.csv", feed + b"p1,Shoe,shoes,Asa,19.90\n")
    land(workspace, "products_csv", NINE, "x.csv", b"name,product_id,category,brand,price\n")
    reports = bring_in(workspace)
    assert versions(workspace, CATALOGUE) == before
    [quarantine] = [r for r in reports if r.table == CATALOGUE_QUARANTINE.path]
    counts = {"rejected": 0, "superseded": 0, "repeat": 3, "version": 1}
    assert quarantine.details == {f"lines_{name}": n for name, n in counts.items()}
    assert arrow(workspace, BRONZE_CATALOGUE).num_rows == 4


def test_what_cannot_be_read_is_rejected_with_every_reason(workspace: Workspace) -> None:
    land(workspace, "products_csv", EIGHT, "a.csv", HEADER + b",a,b,c,dear\np1,a\np2,a,b,c,-1\n")
    lines = [
        json_line(user_id="u1", segment="vip", country="DE", signup_date="2024-02-30"),
        json_line(user_id="u2", segment="vip", country="NA", signup_date="2024-02-29"),
        b"{",
        b'{"user_id":"\xff"}',
        json_line(user_id="u3", effective_at="yesterday"),
    ]
    land(workspace, "users_json", EIGHT, "a.jsonl", b"\n".join(lines))
    campaign = json_line(campaign_id="c1", campaign="sale", source="mail", medium="email")
    land(workspace, "campaigns_json", EIGHT, "a.jsonl", campaign)
    [*_, quarantine] = bring_in(workspace)
    found = {
        (row["source"], row["source_offset"]): sorted(row["reasons"])
        for row in rows(workspace, CATALOGUE_QUARANTINE)
    }
    assert found == {
        ("products_csv", 0): ["bad_price", "missing_key"],
        ("products_csv", 1): ["column_count"],
        ("products_csv", 2): ["bad_price"],
        ("users_json", 0): ["bad_signup_date"],
        ("users_json", 2): ["malformed_line"],
        ("users_json", 3): ["invalid_utf8"],
        ("users_json", 4): ["bad_effective_at"],
    }
    [user] = rows(workspace, USERS)
    assert (user["user_id"], user["country"], user["signup_date"]) == (
        "u2",
        None,
        date(2024, 2, 29),
    )
    assert [row["mkt_medium"] for row in rows(workspace, CAMPAIGNS)] == ["email"]
    [lines_rule] = [rule for rule in quarantine.checks[0].rules if rule.rule == "conservation"]
    assert (lines_rule.rows_checked, lines_rule.failed_count) == (9, 0)
    prove(workspace)


@pytest.mark.parametrize(
    "seed", [1, *[pytest.param(seed, marks=pytest.mark.prove) for seed in range(2, 12)]]
)
def test_order_split_and_repeats_of_feeds_do_not_matter(workspace: Workspace, seed: int) -> None:
    chance = random.Random(seed)
    moments = [f"2024-11-29T{hour:02}:00:00Z" for hour in range(6)]
    lines = [
        product(chance.randrange(3), chance.choice(["1.00", "2.00", "3.00"]), moment)
        for moment in chance.choices(moments, k=30)
    ]
    shuffled = [*lines, *chance.sample(lines, 10)]  # some come twice
    chance.shuffle(shuffled)
    for number, hour in enumerate((TEN, EIGHT)):  # the later hour comes first
        part = shuffled[number::2]
        land(workspace, "products_json", hour, f"{number}.jsonl", b"\n".join(part))
        [*_, quarantine] = bring_in(workspace)
    order = [("item_id", "ascending"), ("version_no", "ascending")]
    expected = by_hand(lines)
    assert arrow(workspace, PRODUCTS).sort_by(order).to_pylist() == expected
    superseded = sum(line not in held_lines(lines) for line in shuffled)
    assert superseded > 0
    assert quarantine.details == {
        "lines_rejected": 0,
        "lines_superseded": superseded,
        "lines_repeat": 40 - superseded - len(expected),
        "lines_version": len(expected),
    }
    prove(workspace)


def held_lines(lines: list[bytes]) -> set[bytes]:
    """Of the lines about one product and moment those with the greatest hash."""
    held: dict[tuple[str, str], bytes] = {}
    for line in lines:
        told = json.loads(line)
        place = (told["product_id"], told["effective_at"])
        held[place] = max(
            held.get(place, line), line, key=lambda one: content_hash(json.loads(one)["price"])
        )
    return set(held.values())


def by_hand(lines: list[bytes]) -> list[dict[str, Any]]:
    """The versions in plain Python: what holds at each moment, where it differs from before."""
    at_moment: dict[tuple[str, str], set[str]] = {}
    for line in map(json.loads, lines):
        at_moment.setdefault((line["product_id"], line["effective_at"]), set()).add(line["price"])
    found: list[dict[str, Any]] = []
    for (item_id, moment), told in sorted(at_moment.items()):
        price = max(told, key=content_hash)
        last = found[-1] if found and found[-1]["item_id"] == item_id else None
        if last and last["price"] == Decimal(price):
            continue
        begin = datetime.fromisoformat(moment)
        if last:
            last["valid_to"] = begin
        found.append(
            {
                "version_no": last["version_no"] + 1 if last else 1,
                "valid_from": begin,
                "valid_to": None,
                "content_hash": content_hash(price),
                "item_id": item_id,
                "item_name": None,
                "item_brand": None,
                "item_category": None,
                "price": Decimal(price),
            }
        )
    return found


def content_hash(price: str) -> str:
    return hashlib.sha256(f"---{len(price)}:{price}".encode()).hexdigest()


def test_a_crash_between_bronze_and_the_manifest_brings_no_line_twice(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(workspace, "products_json", EIGHT, "a.jsonl", product(1, "1"))
    workspace.look_at_landing()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(hour_state, "record", die)
        build_bronze(workspace, [EIGHT], run_id="dies")
    version = delta.version(workspace.lake, BRONZE_CATALOGUE)
    bring_in(workspace)
    assert delta.version(workspace.lake, BRONZE_CATALOGUE) == version
    assert arrow(workspace, BRONZE_CATALOGUE).num_rows == 1
    assert prices(workspace, "p1") == [(1, Decimal("1.00"), at(8), None)]
    assert workspace.manifest.counts() == {"committed": 1}

"""Persons from literal links: joined, held apart, cut; and random links against a walk."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.oracle.people_law import components
from clickstream_platform.transforms.limits import PeopleLimits
from clickstream_platform.transforms.people import identity_links, people
from clickstream_platform_tests.transforms.literal import at, tuples

LIMITS = PeopleLimits(blocked_ids=("guest", "null"), max_users_per_device=1, max_ids_per_person=20)
JOINING = PeopleLimits(blocked_ids=(), max_users_per_device=3, max_ids_per_person=20)
Link = tuple[str, str]
Decision = tuple[str, str, str, str]  # visitor, account, action, clock


def links_of(spark: SparkSession, links: list[Link]) -> DataFrame:
    ten = at("10:00:00")
    rows = [(v, u, ten, ten + timedelta(seconds=no)) for no, (v, u) in enumerate(links)]
    return spark.createDataFrame(
        rows, "visitor_id string, user_id string, first_at timestamp, last_at timestamp"
    )


def persons(
    spark: SparkSession,
    links: list[Link],
    *decisions: Decision,
    limits: PeopleLimits = LIMITS,
) -> dict[tuple[str, str], tuple[str, int, str]]:
    """Kind and id -> person, ids of the person, guards."""
    decided = spark.createDataFrame(
        [(v, u, action, at(clock)) for v, u, action, clock in decisions],
        "visitor_id string, user_id string, action string, decided_at timestamp",
    )
    found = people(links_of(spark, links), decided, limits).toArrow().to_pylist()
    return {
        (row["id_kind"], row["id"]): (row["person_id"], row["person_ids"], ",".join(row["guards"]))
        for row in found
    }


def test_two_devices_of_an_account_are_one_person_and_a_kiosk_joins_nobody(
    spark: SparkSession,
) -> None:
    kiosk = [("kiosk", f"u{number:02}") for number in range(50)]
    nineteen = [(f"n{number}", "at_limit") for number in range(19)]
    twenty = [(f"t{number}", "beyond") for number in range(20)]
    links = [
        *(("phone", "anna"), ("laptop", "anna"), ("shared", "anna"), ("shared", "bert")),
        *(("tablet", " Guest "), ("NULL", "carl"), *kiosk, *nineteen, *twenty),
    ]
    found = persons(spark, links)
    for who in (("visitor", "phone"), ("visitor", "laptop"), ("user", "anna")):
        assert found[who][:2] == ("anna", 3)
    assert found[("user", "anna")][2] == "shared_device", "one of its links does not count"
    assert found[("user", "bert")] == ("bert", 1, "shared_device")
    assert found[("visitor", "shared")] == ("shared", 1, "shared_device")
    assert {found[("user", user)] for _, user in kiosk} == {
        (user, 1, "shared_device") for _, user in kiosk
    }, "50 logins are 50 persons"
    assert found[("visitor", "tablet")] == ("tablet", 1, "blocked_id")
    assert found[("user", "carl")] == ("carl", 1, "blocked_id")
    assert {found[("visitor", name)][:2] for name, _ in nineteen} == {("at_limit", 20)}
    assert {found[("visitor", name)] for name, _ in twenty} == {
        (name, 1, "too_many_ids") for name, _ in twenty
    }


def test_a_cut_link_is_as_if_never_seen_and_a_restored_one_as_if_never_cut(
    spark: SparkSession,
) -> None:
    links = [("phone", "anna"), ("laptop", "anna"), ("shared", "anna"), ("shared", "bert")]
    before = persons(spark, links)
    cut = persons(spark, links, ("shared", "anna", "cut", "10:00:00"))
    # Without that link the device has one account, and joins it.
    assert cut[("visitor", "shared")] == ("bert", 2, "cut")
    assert cut[("user", "bert")] == ("bert", 2, "")
    without = persons(spark, [link for link in links if link != ("shared", "anna")])
    assert {who: row[:2] for who, row in cut.items()} == {
        who: row[:2] for who, row in without.items()
    }
    again = ("shared", "anna", "restore", "10:00:01"), ("shared", "anna", "cut", "10:00:00")
    assert persons(spark, links, *again) == before
    alone = persons(spark, [("phone", "anna")], ("phone", "anna", "cut", "10:00:00"))
    assert alone == {
        ("visitor", "phone"): ("phone", 1, "cut"),
        ("user", "anna"): ("anna", 1, "cut"),
    }


def random_links(cases: range) -> list[Link]:
    """Links of each case among ids of its own: chains, stars and devices of many accounts."""
    links = []
    for seed in cases:
        rng = random.Random(seed)
        visitors, users = rng.randrange(3, 30), rng.randrange(2, 20)
        for _ in range(rng.randrange(2, 40)):
            link = (f"c{seed}v{rng.randrange(visitors)}", f"c{seed}u{rng.randrange(users)}")
            links.append(link)
    return sorted(set(links))


@pytest.mark.parametrize(
    "cases",
    [range(20), pytest.param(range(20, 220), marks=pytest.mark.prove)],
    ids=["20 cases", "200 cases"],
)
def test_random_links_are_joined_as_a_walk_along_them_joins(
    cases: range, spark: SparkSession
) -> None:
    links = random_links(cases)
    of_device = defaultdict(set)
    for visitor, user in links:
        of_device[visitor].add(user)
    kept = [link for link in links if len(of_device[link[0]]) <= JOINING.max_users_per_device]
    walked = components(kept)
    expected = {}
    for node in {(kind, name) for v, u in links for kind, name in (("visitor", v), ("user", u))}:
        root, ids, _ = walked.get(node, (node[1], 1, 1))
        is_held = ids > JOINING.max_ids_per_person
        expected[node] = (node[1], 1) if is_held else (root, ids)
    shuffled = random.Random(cases.start).sample(links, len(links))
    found = persons(spark, shuffled, limits=JOINING)
    assert {who: row[:2] for who, row in found.items()} == expected
    sizes = {ids for _, ids in expected.values()}
    assert max(sizes) > 5
    assert any("too_many_ids" in row[2] for row in found.values())


def test_a_link_is_an_event_with_an_anonymous_id_and_an_account(spark: SparkSession) -> None:
    rows = [
        ("2024-11-29", "v1", "u1", at("10:00:01")),
        ("2024-11-29", "v1", "u1", at("10:00:00")),
        ("2024-11-30", "v1", "u1", at("10:00:00", "2024-11-30")),
        ("2024-11-29", "v2", None, at("10:00:00")),
        ("2024-11-29", "u3", "u3", at("10:00:00")),  # no anonymous id: the visitor is the account
        ("2024-11-29", None, None, at("10:00:00")),
    ]
    schema = "event_day string, visitor_id string, user_id string, event_timestamp timestamp"
    found = identity_links(spark.createDataFrame(rows, schema))
    assert tuples(found, "event_day", "visitor_id", "user_id", "events", "first_at", "last_at") == [
        ("2024-11-29", "v1", "u1", 2, at("10:00:00"), at("10:00:01")),
        ("2024-11-30", "v1", "u1", 1, *[at("10:00:00", "2024-11-30")] * 2),
    ]

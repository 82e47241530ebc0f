"""Persons from ids that were seen together (docs/DEFINITIONS.md, People)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.tables.people import IDENTITY_LINKS, PEOPLE, USER, VISITOR
from clickstream_platform.transforms.limits import PeopleLimits
from clickstream_platform.transforms.sessions import typed


def identity_links(events: DataFrame) -> DataFrame:
    """One row per day, visitor and account, from the events of whole days."""
    both = F.col("visitor_id").isNotNull() & F.col("user_id").isNotNull()
    # Without an anonymous id the visitor is the account itself.
    linked = events.where(both & (F.col("visitor_id") != F.col("user_id")))
    return typed(
        linked.groupBy("event_day", "visitor_id", "user_id").agg(
            F.count(F.lit(1)).alias("events"),
            F.min("event_timestamp").alias("first_at"),
            F.max("event_timestamp").alias("last_at"),
        ),
        IDENTITY_LINKS,
    )


def people(links: DataFrame, decisions: DataFrame, limits: PeopleLimits) -> DataFrame:
    """One row per id of `links`, from all of them and all decisions there are.

    A function of the sets of links and newest decisions: a cut link is as if it was never seen.
    """
    judged = _judged(links, decisions, limits)
    persons = _persons(judged.where(F.col("guard").isNull()), limits)
    ids = _ids(judged)
    who = ["id_kind", "id"]
    joined = ids.join(persons, on=who, how="left")
    is_held = F.coalesce("person_ids", F.lit(1)) > limits.max_ids_per_person
    guards = F.when(is_held, F.array_append("guards", F.lit("too_many_ids"))).otherwise(
        F.col("guards")
    )
    own_users = (F.col("id_kind") == USER).cast("bigint")
    stays = is_held | F.col("person_id").isNull()
    return typed(
        joined.withColumns(
            {
                "guards": F.array_sort(guards),
                "person_id": F.when(stays, F.col("id")).otherwise(F.col("person_id")),
                "person_ids": F.when(stays, F.lit(1)).otherwise(F.col("person_ids")),
                "person_users": F.when(stays, own_users).otherwise(F.col("person_users")),
                "is_blocked": _is_blocked(F.col("id"), limits),
            }
        ),
        PEOPLE,
    )


def _is_blocked(name: Column, limits: PeopleLimits) -> Column:
    return F.lower(F.trim(name)).isin([*limits.blocked_ids])


def _judged(links: DataFrame, decisions: DataFrame, limits: PeopleLimits) -> DataFrame:
    """One row per visitor and account with the `guard` because of which the link does not count."""
    pair = ["visitor_id", "user_id"]
    pairs = links.groupBy(*pair).agg(
        F.min("first_at").alias("first_at"), F.max("last_at").alias("last_at")
    )
    newest = decisions.groupBy(*pair).agg(
        F.max_by("action", F.struct("decided_at", "action")).alias("action")
    )
    is_cut = F.coalesce(F.col("action") == "cut", F.lit(False))
    blocked = _is_blocked(F.col("visitor_id"), limits) | _is_blocked(F.col("user_id"), limits)
    guarded = pairs.join(newest, on=pair, how="left").withColumn(
        "guard", F.when(is_cut, "cut").when(blocked, "blocked_id")
    )
    users = F.count_if(F.col("guard").isNull()).over(Window.partitionBy("visitor_id"))
    is_shared = F.col("guard").isNull() & (users > limits.max_users_per_device)
    return guarded.withColumn("guard", F.when(is_shared, "shared_device").otherwise(F.col("guard")))


def _ids(judged: DataFrame) -> DataFrame:
    """Every id with its links, and the guards that hold some of them."""
    sides = F.array(
        F.struct(F.lit(VISITOR).alias("id_kind"), F.col("visitor_id").alias("id")),
        F.struct(F.lit(USER).alias("id_kind"), F.col("user_id").alias("id")),
    )
    return (
        judged.select("first_at", "last_at", "guard", F.inline(sides))
        .groupBy("id_kind", "id")
        .agg(
            F.count(F.lit(1)).alias("links"),
            F.collect_set("guard").alias("guards"),
            F.min("first_at").alias("first_seen_at"),
            F.max("last_at").alias("last_seen_at"),
        )
    )


def _persons(kept: DataFrame, limits: PeopleLimits) -> DataFrame:
    """One row per id of the links that count: its person, and how many ids and accounts it has."""
    devices = kept.groupBy("visitor_id").agg(F.array_sort(F.collect_set("user_id")).alias("users"))
    users = kept.select("user_id").distinct()
    if limits.max_users_per_device > 1:
        bridges = devices.where(F.size("users") > 1).select("users")
        roots = bridges.coalesce(1).mapInArrow(_roots, "user_id string, root string")
        users = users.join(roots, on="user_id", how="left").withColumn(
            "root", F.coalesce("root", "user_id")
        )
    else:
        users = users.withColumn("root", F.col("user_id"))
    of_user = users.select(F.lit(USER).alias("id_kind"), F.col("user_id").alias("id"), "root")
    # All accounts of one device have one root: its first account tells it.
    of_device = devices.join(users, on=F.col("users")[0] == F.col("user_id"), how="inner").select(
        F.lit(VISITOR).alias("id_kind"), F.col("visitor_id").alias("id"), "root"
    )
    of_person = Window.partitionBy("root")
    return of_user.unionByName(of_device).select(
        "id_kind",
        "id",
        F.col("root").alias("person_id"),
        F.count(F.lit(1)).over(of_person).alias("person_ids"),
        F.count_if(F.col("id_kind") == USER).over(of_person).alias("person_users"),
    )


def _roots(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Union-find over lists of accounts that belong together; the root is the smallest of all.

    Runs in one Python worker. What comes out does not depend on the order of the lists.
    """
    parent: dict[str, str] = {}

    def find(user: str) -> str:
        path = []
        while parent.setdefault(user, user) != user:
            path.append(user)
            user = parent[user]
        parent.update(dict.fromkeys(path, user))
        return user

    for batch in batches:
        for users in batch.column("users").to_pylist():
            roots = {find(user) for user in users}
            smallest = min(roots)
            parent.update(dict.fromkeys(roots, smallest))
    found = [(user, find(user)) for user in parent]
    yield pa.RecordBatch.from_pydict(
        {"user_id": [user for user, _ in found], "root": [root for _, root in found]},
        schema=pa.schema([("user_id", pa.string()), ("root", pa.string())]),
    )

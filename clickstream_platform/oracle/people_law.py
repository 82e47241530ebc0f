"""The persons by their definition: walks along the links that count, from account to account."""

from __future__ import annotations

import pyarrow as pa

from clickstream_platform.oracle.lake import Lake, sql_of

LINKS = "gold/identity_links"
DECISIONS = "ops/identity_decisions"
Node = tuple[str, str]  # kind, id


def make_people(lake: Lake) -> None:
    """Makes what `people.sql` reads; `gold.identity_links` is there."""
    if lake.exists(DECISIONS):
        lake.view(DECISIONS, name="ops.identity_decisions")
    else:
        lake.sql.execute(
            "create or replace view ops.identity_decisions as select null::varchar as visitor_id, "
            "null::varchar as user_id, null::varchar as action, null::timestamp as decided_at "
            "limit 0"
        )
    lake.sql.execute(f"create or replace table gold.link_guards as {sql_of('link_guards')}")
    links = lake.rows("select visitor_id, user_id from gold.link_guards where guard is null")
    found = components([(row["visitor_id"], row["user_id"]) for row in links])
    columns: dict[str, list[object]] = {
        "id_kind": [kind for kind, _ in found],
        "id": [name for _, name in found],
        "root": [root for root, _, _ in found.values()],
        "ids": [ids for _, ids, _ in found.values()],
        "users": [users for _, _, users in found.values()],
    }
    text, number = pa.string(), pa.int64()
    types = dict(zip(columns, (text, text, text, number, number), strict=True))
    lake.store(
        "component",
        pa.table({name: pa.array(values, types[name]) for name, values in columns.items()}),
    )


def components(links: list[tuple[str, str]]) -> dict[Node, tuple[str, int, int]]:
    """For each id: the smallest account it is joined to, and the numbers of ids and accounts."""
    neighbours: dict[Node, set[Node]] = {}
    for visitor, user in links:
        neighbours.setdefault(("visitor", visitor), set()).add(("user", user))
        neighbours.setdefault(("user", user), set()).add(("visitor", visitor))
    found: dict[Node, tuple[str, int, int]] = {}
    for start in neighbours:
        if start in found:
            continue
        reached, waiting = {start}, [start]
        while waiting:
            for node in neighbours[waiting.pop()] - reached:
                reached.add(node)
                waiting.append(node)
        users = [name for kind, name in reached if kind == "user"]
        found |= dict.fromkeys(reached, (min(users), len(reached), len(users)))
    return found

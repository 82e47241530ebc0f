"""Who is who: the links of an id, and decisions to cut or restore one."""

from __future__ import annotations

import uuid
from typing import Any

from clickstream_platform.errors import UsageError
from clickstream_platform.queries.lake import Lake
from clickstream_platform.storage import delta, identity
from clickstream_platform.storage.identity import CUT, RESTORE, Decision
from clickstream_platform.tables.ops import IDENTITY_DECISIONS

_PERSONS = """
    select id_kind, id, person_id, person_ids, guards
    from gold.people
    where person_id in (select person_id from gold.people where id = $id)
    order by id_kind, id
"""
_LINKS = """
    select visitor_id, user_id, sum(events)::bigint as events, min(first_at) as first_at,
        max(last_at) as last_at
    from gold.identity_links
    where visitor_id in (select id from gold.people where id_kind = 'visitor' and person_id = $id)
        or user_id in (select id from gold.people where id_kind = 'user' and person_id = $id)
        or visitor_id = $id or user_id = $id
    group by visitor_id, user_id
    order by visitor_id, user_id
"""
_LINK = """
    select 1 from gold.identity_links where visitor_id = $visitor and user_id = $user limit 1
"""


def of_id(lake: Lake, name: str) -> dict[str, Any]:
    """The ids of the person behind `name`, and every link that one of them was seen in."""
    ids = lake.rows(_PERSONS, {"id": name})
    persons = {row["person_id"] for row in ids} or {name}
    links = {
        (row["visitor_id"], row["user_id"]): row
        for person in sorted(map(str, persons))
        for row in lake.rows(_LINKS, {"id": person})
    }
    cut = identity.cut_links(lake.settings.lake)
    return {
        "ids": ids,
        "links": [{**row, "is_cut": pair in cut} for pair, row in sorted(links.items())],
    }


def decide(lake: Lake, decision: Decision) -> bool:
    """Records the decision; false if it stands already.

    Raises: UsageError if the two ids were never seen together.
    """
    pair = (decision.visitor_id, decision.user_id)
    seen = lake.rows(_LINK, {"visitor": pair[0], "user": pair[1]})
    if not seen:
        raise UsageError(
            f"Visitor {pair[0]!r} and account {pair[1]!r} were never seen in one event; "
            "`clickstream people show ID` lists the links of an id."
        )
    is_cut = pair in identity.cut_links(lake.settings.lake)
    if decision.action == (CUT if is_cut else RESTORE):
        return False
    delta.init_table(lake.settings.lake, IDENTITY_DECISIONS, None)
    identity.record(lake.settings.lake, [decision], run_id=f"people-{uuid.uuid4()}")
    return True

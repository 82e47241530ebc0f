"""Rejected lines as people look at them: counted, with what to do, and one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clickstream_platform.build.samples import masked
from clickstream_platform.queries.lake import Lake
from clickstream_platform.tables.remedies import remedy

_CHOSEN = """
    ($rule is null or list_contains(reasons, $rule))
    and ($source is null or source = $source)
    and event_hour between coalesce($first, '') and coalesce($last, '~')
"""
_COUNTS = f"""
    select event_hour, source, reason, status, count(*) as lines
    from (select *, unnest(reasons) as reason from silver.v_quarantine where {_CHOSEN})
    where $rule is null or reason = $rule
    group by all
    order by event_hour, lines desc, source, reason, status
"""  # noqa: S608 (constants alone)
_LINES = f"""
    select source_file, source_offset, event_hour, source, source_version, rules_version, status,
        reasons, detail, raw, replacement
    from silver.v_quarantine
    where {_CHOSEN}
    order by event_hour, source_file, source_offset
    limit $limit
"""  # noqa: S608 (constants alone)


def counts(lake: Lake, chosen: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Lines by hour, source, reason and status, with what to do; with two reasons in both."""
    found = lake.rows(_COUNTS, dict(chosen))
    return [{**row, "remedy": remedy(str(row["reason"]))} for row in found]


def lines(
    lake: Lake, chosen: Mapping[str, str | None], *, limit: int, unmasked: bool
) -> list[dict[str, Any]]:
    """Single lines with their address, what was found, and what to do."""
    shown = []
    for row in lake.rows(_LINES, {**chosen, "limit": limit}):
        texts = {name: _text(row.pop(name), unmasked=unmasked) for name in ("raw", "replacement")}
        reasons: Any = row["reasons"]
        shown.append({**row, **texts, "remedies": [remedy(reason) for reason in reasons]})
    return shown


def _text(raw: Any, *, unmasked: bool) -> str | None:
    if raw is None:
        return None
    return raw.decode("utf-8", "backslashreplace") if unmasked else masked(raw)

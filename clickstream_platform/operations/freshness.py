"""How fresh each table is, judged by the events in its hours and never by its commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find
from clickstream_platform.settings import Settings

NEEDS = "ops.hour_state"


@dataclass(frozen=True)
class Freshness:
    """One table; `age_s` is how long ago its newest event happened, null without one."""

    table: str
    data_through: datetime | None
    age_s: float | None
    blocked_hours: int
    is_fresh: bool


def freshness(settings: Settings, *, now: datetime) -> list[Freshness]:
    """Every table with an hour; fresh if its newest event is at most `alerts.stale_after_s` old.

    A build of an old hour commits now and changes nothing here, because it brings no newer event.
    """
    question = find("hour_freshness")
    with Lake(settings) as lake:
        if NEEDS not in lake.tables:
            return []
        rows = lake.rows(question.sql, question.values({}))
    return [_judged(row, now, settings.alerts.stale_after_s) for row in rows]


def _judged(row: dict[str, object], now: datetime, limit_s: int) -> Freshness:
    through = row["data_through"]
    age_s = (now - through).total_seconds() if isinstance(through, datetime) else None
    return Freshness(
        table=str(row["table"]),
        data_through=through if isinstance(through, datetime) else None,
        age_s=age_s,
        blocked_hours=int(str(row["blocked_hours"])),
        is_fresh=age_s is not None and age_s <= limit_s,
    )

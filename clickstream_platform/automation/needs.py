"""The hours that silver or gold must build, as `ops/hour_state` tells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from clickstream_platform.automation.asking import Need
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.running.plan import sizes_of
from clickstream_platform.settings import Settings
from clickstream_platform.storage import hour_state
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.streaming.state import Heartbeat, known_streams
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.silver import SILVER_EVENTS


def repair_needs(workspace: Workspace, states: States) -> dict[str, Need]:
    """Every stale hour with a digest of its own states and of those that can change it."""
    hours = sorted({*stale_silver(workspace, states), *stale_gold(workspace, states)})
    sizes = sizes_of(states)
    silver = hour_state.of_table(states, SILVER_EVENTS.path)
    needs = {}
    for hour in hours:
        rows = list(_rows(hour, states, silver))
        needs[hour] = Need(
            size=sizes.get(hour, 0),
            since=max((row.recorded_at.timestamp() for row in rows if row.recorded_at), default=0),
            digest=_digest(rows),
        )
    return needs


def left_to_streams(settings: Settings, states: States, *, now: datetime) -> set[str]:
    """Hours whose lines all come from sources whose streams are alive: these rebuild them, but for
    the hours that they gave up."""
    alive = living_streams(settings, now=now)
    given_up = {hour for beat in alive.values() for hour in beat.given_up}
    bronze = hour_state.of_table(states, BRONZE_EVENTS.path)
    return {
        hour
        for hour, row in bronze.items()
        if row.sources and alive.keys() >= {*row.sources} and hour not in given_up
    }


def living_streams(settings: Settings, *, now: datetime) -> dict[str, Heartbeat]:
    """The streams that are alive, by source."""
    return {
        beat.source: beat
        for beat in known_streams(settings)
        if beat.is_alive(now, stale_after_s=settings.stream.stale_after_s)
    }


def _rows(hour: str, states: States, silver: dict[str, HourStateRow]) -> Iterator[HourStateRow]:
    for path in (BRONZE_EVENTS.path, SILVER_EVENTS.path):
        if row := states.get((path, hour)):
            yield row
    for table in GOLD:
        if row := states.get((table.path, hour)):
            yield row
            yield from hour_state.reaching(row, silver)


def _digest(rows: list[HourStateRow]) -> str:
    seen = sorted({(row.table, row.hour, row.version, str(row.recorded_at)) for row in rows})
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]

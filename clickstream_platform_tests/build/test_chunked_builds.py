"""A build in chunks makes the rows of a build in one piece, and one that dies has done the chunks
before; what is left is stale, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.progress import listening
from clickstream_platform.build.silver import build_silver
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.hours import hours_between
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.catalog import GOLD, SILVER
from clickstream_platform_tests.homes import Row, bring_up, json_line, land, rows, verified

HOURS = hours_between("2024-11-29T08", "2024-11-29T11")
TINY = 1_000  # bytes: two or three lines


class DiedError(Exception):
    """What ends the build in this test."""


def lines_of(hour: str) -> list[bytes]:
    """A visitor who is there in every hour, a repeat of one order in each, and a broken line."""

    def event(name: str, minute: int, **more: object) -> bytes:
        return json_line(
            event_id=f"{name}-{hour}", event_type=name, user_id="u-1", session_id="s-1",
            timestamp=f"{hour}:{minute:02}:00Z", product_id="p-1", price=9.5, quantity=1, **more,
        )  # fmt: skip

    return [
        event("page_view", 1),
        event("product_view", 25),
        event("page_view", 50),
        event("purchase", 55, transaction_id="t-1", currency="USD"),
        b"{broken",
    ]


def landed(workspace: Workspace) -> Workspace:
    for hour in HOURS:
        land(workspace, "shop_json", hour, "all.json", b"\n".join(lines_of(hour)))
    return workspace


def content(workspace: Workspace) -> dict[str, list[Row]]:
    """Every row of silver and hourly gold, without the runs that wrote it."""
    found = {}
    for table in (*SILVER, *GOLD):
        names = [name for name in table.column_names if name not in ("run_id", "enqueued_at")]
        found[table.path] = sorted(rows(workspace, table, *names), key=repr)
    return found


@pytest.mark.slow
@pytest.mark.long
def test_chunks_make_the_same_rows_and_survive_a_death_between_them(
    new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    whole = landed(new_workspace(tmp_path / "whole"))
    bring_up(whole)
    cut = landed(new_workspace(tmp_path / "cut", max_bytes_per_chunk=TINY))
    cut.look_at_landing()
    build_bronze(cut, HOURS, run_id="first")
    told: list[int] = []

    def die_after_two(count: int) -> None:
        told.append(count)
        if len(told) == 2:
            raise DiedError

    with pytest.raises(DiedError), listening(die_after_two):
        build_silver(cut, HOURS, run_id="first")
    assert told == [1, 1]
    assert stale_silver(cut, hour_state.current(cut.lake)) == HOURS[2:]
    bring_up(cut, run_id="second")
    states = hour_state.current(cut.lake)
    made_by = {hour: states["silver/events", hour].run_id for hour in HOURS}
    assert made_by == dict(zip(HOURS, ["first", "first", "second", "second"], strict=True))
    assert not stale_gold(cut, states)
    assert content(cut) == content(whole)
    assert len(content(whole)["gold/fact_transactions"]) == 1
    verified(cut)

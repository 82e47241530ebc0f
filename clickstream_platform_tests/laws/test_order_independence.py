"""What is stored follows from the lines, not from when or in which files they came."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.tables.catalog import ALL, GOLD, SILVER
from clickstream_platform.tables.gold import FACT_EVENTS, FACT_SESSIONS
from clickstream_platform_tests.homes import (
    bring_up,
    json_line,
    land,
    rows,
    verified,
    versions,
)

pytestmark = pytest.mark.slow
START = datetime(2024, 11, 29, 22, tzinfo=UTC)  # the day spans midnight
HOURS = ["2024-11-29T22", "2024-11-29T23", "2024-11-30T00", "2024-11-30T01"]
Arrival = tuple[str, bytes]  # ingest hour, line
NAMES = ("page_view", "view_item", "add_to_cart", "begin_checkout", "purchase")


def line_of(event_id: str, moment: datetime, **fields: object) -> bytes:
    stamp = moment.isoformat().replace("+00:00", "Z")
    return json_line(event_id=event_id, timestamp=stamp, **fields)


def random_day(seed: int) -> list[Arrival]:
    """About 150 lines in 4 hours: resends, late lines, collisions, repeated purchases, rubbish."""
    rng = random.Random(seed)
    arrivals: list[Arrival] = []
    for number in range(110):
        moment = START + timedelta(seconds=rng.randrange(4 * 3600 * 10) / 10)
        hour = int((moment - START).total_seconds() // 3600)
        name = rng.choice(NAMES)
        fields: dict[str, object] = {"event_type": name, "page_url": f"/{rng.randrange(5)}"}
        if rng.random() < 0.9:
            fields["user_id"] = f"u{rng.randrange(6)}"
        if name != "page_view":
            fields |= {
                "product_id": f"p{rng.randrange(3)}",
                "price": rng.randrange(100, 9000) / 100,
            }
        if name == "purchase":
            fields["transaction_id"] = f"t{rng.randrange(6)}"
        line = line_of(f"e{number}", moment, **fields)
        arrival = min(hour + (rng.randrange(1, 4) if rng.random() < 0.2 else 0), 3)
        arrivals.append((HOURS[arrival], line))
        if rng.random() < 0.15:  # sent again
            arrivals.append((HOURS[rng.randrange(arrival, 4)], line))
        if rng.random() < 0.1:  # its id used by another event of the hour
            within = moment.replace(minute=rng.randrange(60))
            other = line_of(f"e{number}", within, **fields | {"page_url": "/other"})
            arrivals.append((HOURS[rng.randrange(hour, 4)], other))
        if rng.random() < 0.08:
            arrivals.append((HOURS[arrival], b'{"event_id":"broken%d"' % number))
    return arrivals


def by_hour(arrivals: list[Arrival]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for hour, line in arrivals:
        found.setdefault(hour, []).append(line)
    return found


def content(workspace: Workspace) -> dict[str, list[str]]:
    """Every row of silver and gold without lineage, as sorted texts."""
    return {
        table.path: sorted(map(str, rows(workspace, table, *table.content_columns)))
        for table in (*SILVER, *GOLD)
    }


def check(seed: int, new_workspace: Callable[..., Workspace], folder: Path) -> Workspace:
    arrivals = random_day(seed)
    whole = new_workspace(folder / "whole")
    for hour, lines in by_hour(arrivals).items():
        land(whole, "shop_json", hour, "all.json", b"\n".join(lines))
    bring_up(whole)

    rng = random.Random(f"files {seed}")
    files: list[tuple[str, list[bytes]]] = []
    for hour, lines in by_hour(arrivals).items():
        shuffled = rng.sample(lines, len(lines))
        cut = rng.randrange(1, len(shuffled))
        files += [(hour, shuffled[:cut]), (hour, shuffled[cut:])]
    rng.shuffle(files)
    steps = [files[:2], files[2:3], files[3:]]  # a repair after each
    pieces = new_workspace(folder / "pieces")
    number = 0
    for step in steps:
        for hour, lines in step:
            land(pieces, "shop_json", hour, f"part{number}.json", b"\n".join(lines))
            number += 1
        bring_up(pieces)

    expected = content(whole)
    assert len(expected["silver/events"]) > 80
    assert expected["silver/duplicates"]
    assert expected["silver/quarantine"]
    assert content(pieces) == expected
    verified(whole)
    verified(pieces)
    return pieces


def test_order_and_split_of_the_files_do_not_show_and_a_second_run_does_nothing(
    new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    pieces = check(1, new_workspace, tmp_path)
    before = versions(pieces, ALL)
    assert bring_up(pieces) == []
    assert versions(pieces, ALL) == before


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(2, 23))
def test_order_and_split_of_the_files_do_not_show(
    seed: int, new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    check(seed, new_workspace, tmp_path)


def sessions(workspace: Workspace) -> list[tuple[str, str, int]]:
    found = rows(workspace, FACT_SESSIONS, "visitor_id", "event_hour", "event_count")
    return sorted(tuple(row.values()) for row in found)


def test_sessions_join_cross_midnight_and_end_at_their_cap(workspace: Workspace) -> None:
    def drop(hour: str, name: str, *lines: bytes) -> None:
        land(workspace, "shop_json", hour, name, b"\n".join(lines))

    def view(event_id: str, visitor: str, moment: datetime) -> bytes:
        return line_of(event_id, moment, event_type="page_view", user_id=visitor)

    def after(**passed: float) -> datetime:
        return START + timedelta(**passed)

    early, late = view("j1", "joined", after(minutes=40)), view("j3", "joined", after(minutes=85))
    drop(HOURS[0], "a.json", early)
    drop(HOURS[1], "b.json", late, view("m1", "night", after(minutes=110)))
    drop(HOURS[2], "c.json", view("m2", "night", after(minutes=125)))
    # A robot every 29 minutes for more than a day: its chain is cut 24 hours after its start.
    for number in range(52):
        moment = after(minutes=29 * number)
        line = view(f"r{number:02}", "robot", moment)
        drop(f"{moment:%Y-%m-%dT%H}", f"bot{number:02}.json", line)
    bring_up(workspace)
    robot = [("robot", HOURS[0], 50), ("robot", "2024-11-30T22", 2)]
    apart = [("joined", HOURS[0], 1), ("joined", HOURS[1], 1), ("night", HOURS[1], 2)]
    assert sessions(workspace) == sorted([*apart, *robot])
    # 22:40 and 23:25 are 45 minutes apart until 23:02 arrives, an hour late.
    drop(HOURS[2], "late.json", view("j2", "joined", after(minutes=62)))
    bring_up(workspace)
    assert sessions(workspace) == sorted([("joined", HOURS[0], 3), ("night", HOURS[1], 2), *robot])
    found = rows(workspace, FACT_EVENTS, "visitor_id", "event_id", "session_id", "event_sequence")
    joined = {row["event_id"]: row for row in found if row["visitor_id"] == "joined"}
    assert {name: row["event_sequence"] for name, row in joined.items()} == {
        "j1": 1,
        "j2": 2,
        "j3": 3,
    }
    assert len({row["session_id"] for row in joined.values()}) == 1
    verified(workspace)

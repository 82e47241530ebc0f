"""What is stored follows from the lines, not from when or in which files they came."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.silver import build_silver
from clickstream_platform.build.staleness import stale_gold, stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import hour_state
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
SPAN = timedelta(hours=4)
HOURS = ["2024-11-29T22", "2024-11-29T23", "2024-11-30T00", "2024-11-30T01"]
Arrival = tuple[str, bytes]  # ingest hour, line
NAMES = ("page_view", "view_item", "add_to_cart", "begin_checkout", "purchase")


def line_of(event_id: str, moment: datetime, **fields: object) -> bytes:
    stamp = moment.isoformat().replace("+00:00", "Z")
    return json_line(event_id=event_id, timestamp=stamp, **fields)


def random_case(seed: int, *, day: int | None = None) -> list[Arrival]:
    """About 150 lines in 4 hours: resends, late lines, collisions, repeated purchases, rubbish.

    Each seed has visitors and orders of its own, so that many cases can share a home, and a day
    of its own, if none is given.
    """
    rng = random.Random(seed)
    start = START + timedelta(days=2 * (seed if day is None else day))
    hours = [f"{start + timedelta(hours=number):%Y-%m-%dT%H}" for number in range(4)]
    arrivals: list[Arrival] = []
    for number in range(110):
        moment = start + timedelta(seconds=rng.randrange(4 * 3600 * 10) / 10)
        hour = int((moment - start).total_seconds() // 3600)
        name = rng.choice(NAMES)
        fields: dict[str, object] = {"event_type": name, "page_url": f"/{rng.randrange(5)}"}
        if rng.random() < 0.9:
            fields["user_id"] = f"u{seed}-{rng.randrange(6)}"
        if name != "page_view":
            fields |= {
                "product_id": f"p{rng.randrange(3)}",
                "price": rng.randrange(100, 9000) / 100,
            }
        if name == "purchase" and rng.random() < 0.7:
            fields["transaction_id"] = f"t{seed}-{rng.randrange(6)}"
        line = line_of(f"e{seed}-{number}", moment, **fields)
        arrival = min(hour + (rng.randrange(1, 4) if rng.random() < 0.2 else 0), 3)
        arrivals.append((hours[arrival], line))
        if rng.random() < 0.15:  # sent again
            arrivals.append((hours[rng.randrange(arrival, 4)], line))
        if rng.random() < 0.1:  # its id used by another event of the hour
            within = moment.replace(minute=rng.randrange(60))
            other = line_of(f"e{seed}-{number}", within, **fields | {"page_url": "/other"})
            arrivals.append((hours[rng.randrange(hour, 4)], other))
        if rng.random() < 0.15:  # and in other hours, where it names other events
            later = start + (moment - start + timedelta(hours=rng.randrange(1, 4))) % SPAN
            other = line_of(f"e{seed}-{number}", later, **fields)
            arrivals.append((hours[int((later - start).total_seconds() // 3600)], other))
        if rng.random() < 0.08:
            arrivals.append((hours[arrival], b'{"event_id":"broken%d-%d"' % (seed, number)))
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


def differences(found: dict[str, list[str]], expected: dict[str, list[str]]) -> dict[str, list]:
    """The first rows that only one of the two has, by table."""
    return {
        path: [sorted({*found[path]} - {*rows_})[:3], sorted({*rows_} - {*found[path]})[:3]]
        for path, rows_ in expected.items()
        if found[path] != rows_
    }


def pieces_of(seed: int, arrivals: list[Arrival]) -> list[list[tuple[str, list[bytes]]]]:
    """The lines of each hour shuffled and cut in two files, the files shuffled, in three drops."""
    rng = random.Random(f"files {seed}")
    files: list[tuple[str, list[bytes]]] = []
    for hour, lines in by_hour(arrivals).items():
        shuffled = rng.sample(lines, len(lines))
        cut = rng.randrange(1, len(shuffled))
        files += [(hour, shuffled[:cut]), (hour, shuffled[cut:])]
    rng.shuffle(files)
    return [files[:2], files[2:3], files[3:]]


def build_some_alone(workspace: Workspace, rng: random.Random) -> None:
    """Some hours are built one by one, one of them twice, before a range run does the rest."""
    workspace.look_at_landing()
    build_bronze(workspace, [*workspace.manifest.waiting_hours()], run_id="alone")
    stale = stale_silver(workspace, hour_state.current(workspace.lake))
    for hour in rng.sample(stale, 2):
        build_silver(workspace, [hour], run_id="alone")
    build_silver(workspace, [hour], run_id="again")
    build_gold(workspace, [hour], run_id="alone")
    build_gold(workspace, [hour], run_id="again", force=True)


def build_each_alone(workspace: Workspace, rng: random.Random) -> int:
    """Every hour is built by itself: all in one random order, silver and gold at once; then, in
    random orders too, those of which a neighbour's silver came later. Returns the builds of gold.
    """
    workspace.look_at_landing()
    build_bronze(workspace, [*workspace.manifest.waiting_hours()], run_id="alone")
    hours = stale_silver(workspace, hour_state.current(workspace.lake))
    for hour in rng.sample(hours, len(hours)):
        build_silver(workspace, [hour], run_id="alone")
        build_gold(workspace, [hour], run_id="alone")
    count = len(hours)
    while stale := stale_gold(workspace, hour_state.current(workspace.lake)):
        count += len(stale)
        assert count <= 4 * len(hours), f"{stale} stay stale"
        for hour in rng.sample(stale, len(stale)):
            build_gold(workspace, [hour], run_id="alone")
    return count


def land_whole(workspace: Workspace, cases: Mapping[int, list[Arrival]]) -> None:
    for seed, arrivals in cases.items():
        for hour, lines in by_hour(arrivals).items():
            land(workspace, "shop_json", hour, f"{seed}.json", b"\n".join(lines))


def check(
    seeds: Sequence[int], days: int, new_workspace: Callable[..., Workspace], folder: Path
) -> Workspace:
    """One batch over all equals three drops of files, and equals every hour alone.

    The cases share `days` nights of four hours, for hours alone cost by their number.
    """
    cases = {seed: random_case(seed, day=seed % days) for seed in seeds}
    whole = new_workspace(folder / "whole")
    land_whole(whole, cases)
    bring_up(whole)
    expected = content(whole)
    assert sessions_over_hours(whole) >= 3 * len(seeds)
    assert len(expected["silver/events"]) > 80 * len(seeds)
    assert len(expected["silver/duplicates"]) >= len(seeds)
    assert len(expected["silver/quarantine"]) >= len(seeds)

    alone = new_workspace(folder / "alone")
    land_whole(alone, cases)
    rng = random.Random(f"alone {seeds}")
    assert build_each_alone(alone, rng) > 4 * days, "some hours came before their neighbours"
    assert not differences(content(alone), expected)
    assert bring_up(alone) == []

    pieces = new_workspace(folder / "pieces")
    rng = random.Random(f"runs {seeds}")
    drops = [pieces_of(seed, arrivals) for seed, arrivals in cases.items()]
    for number, drop in enumerate(zip(*drops, strict=True)):
        for part, (hour, lines) in enumerate(file for files in drop for file in files):
            land(pieces, "shop_json", hour, f"{number}-{part}.json", b"\n".join(lines))
        if number == 1:
            build_some_alone(pieces, rng)
        bring_up(pieces)
    assert not differences(content(pieces), expected)
    verified(whole)
    verified(pieces)
    return pieces


def sessions_over_hours(workspace: Workspace) -> int:
    """How many sessions have events in several hours."""
    found = rows(workspace, FACT_EVENTS, "session_id", "event_hour")
    of_session = {(row["session_id"], row["event_hour"]) for row in found if row["session_id"]}
    return sum(count > 1 for count in Counter(name for name, _ in of_session).values())


def test_order_and_split_of_the_files_do_not_show_and_a_second_run_does_nothing(
    new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    pieces = check(range(10), 1, new_workspace, tmp_path)
    before = versions(pieces, ALL)
    assert bring_up(pieces) == []
    assert versions(pieces, ALL) == before


@pytest.mark.prove
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(10, 210, 25))
def test_order_and_split_of_the_files_do_not_show(
    first: int, new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    check(range(first, first + 25), 6, new_workspace, tmp_path)


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

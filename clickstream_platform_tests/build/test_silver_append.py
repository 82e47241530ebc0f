"""Lines appended to an hour of silver leave what a rebuild would, which decides the rest."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from clickstream_platform.build import bronze, silver_append
from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.silver import build_silver
from clickstream_platform.build.silver_append import FollowedHours
from clickstream_platform.build.staleness import stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import delta, doubts, hour_state
from clickstream_platform.storage.delta import Written
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.ops import CONSERVATION_LEDGER
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform.tables.warnings import INGESTION_WARNINGS
from clickstream_platform_tests.homes import Row, json_line, land, rows, verified

pytestmark = [pytest.mark.slow]
SOURCE, INGEST, HOUR = "shop_json", "2024-11-29T12", "2024-11-29T10"


def click(number: int, *, second: int | None = None, **more: object) -> bytes:
    at = number % 3600 if second is None else second
    fields = {
        "event_id": f"e{number}",
        "user_id": f"u{number % 5}",
        "product_id": f"P{number % 3}",
        "event_type": ("product_view", "purchase")[number % 2],
        "price": 1.5,
        "timestamp": f"2024-11-29T10:{at // 60:02d}:{at % 60:02d}Z",
    }
    return json_line(**fields | more)


def bring(workspace: Workspace, name: str, lines: Sequence[bytes], *, source: str = SOURCE) -> None:
    """A file of lines to bronze."""
    land(workspace, source, INGEST, name, b"\n".join(lines) + b"\n")
    workspace.look_at_landing()
    build_bronze(workspace, list(workspace.manifest.waiting_hours()), run_id="test")


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def settling() -> FollowedHours:
    """Lines in dispute are decided at once."""
    followed = FollowedHours()
    followed.settle()
    return followed


def go_round(workspace: Workspace, followed: FollowedHours) -> None:
    stale = stale_silver(workspace, hour_state.current(workspace.lake))
    followed.refresh(workspace, stale, run_id="test")


def refresh(workspace: Workspace, followed: FollowedHours) -> None:
    go_round(workspace, followed)
    assert not stale_silver(workspace, hour_state.current(workspace.lake))


def operations(workspace: Workspace, table: Table = SILVER_EVENTS) -> list[str]:
    """How each commit with rows changed the table, oldest first."""
    log = Path(delta.location(workspace.lake, table)) / "_delta_log"
    found = []
    for commit in sorted(log.glob("*.json")):
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        if any("add" in action or "remove" in action for action in actions):
            info = next(action["commitInfo"] for action in actions if "commitInfo" in action)
            found.append(str(info["operationParameters"]["mode"]))
    return found


def verdicts(workspace: Workspace) -> dict[str, dict[str, str]]:
    """Table -> line -> its event, the line it repeats, or its reason; `a3` is line 3 of a.jsonl."""

    def named(file: str, offset: int) -> str:
        return f"{file.rpartition('/')[2].partition('.')[0]}{offset}"

    says: dict[str, Callable[[Row], str]] = {
        SILVER_EVENTS.name: lambda row: row["event_id"],
        SILVER_DUPLICATES.name: lambda row: named(
            row["accepted_source_file"], row["accepted_source_offset"]
        ),
        SILVER_QUARANTINE.name: lambda row: ",".join(row["reasons"]),
    }
    return {
        table.name: {
            named(row["source_file"], row["source_offset"]): says[table.name](row)
            for row in rows(workspace, table)
        }
        for table in SILVER
    }


def assert_as_rebuilt(workspace: Workspace, make: Callable[..., Workspace], folder: Path) -> None:
    """Equal to a home that saw all lines at once: tables, notes and hashes of the notes."""
    other = make(folder)
    shutil.copytree(workspace.settings.landing, other.settings.landing)
    other.look_at_landing()
    build_bronze(other, list(other.manifest.waiting_hours()), run_id="test")
    build_silver(other, stale_silver(other, hour_state.current(other.lake)), run_id="test")
    assert rows(other, SILVER_EVENTS)
    for table in (*SILVER, CONSERVATION_LEDGER, INGESTION_WARNINGS):
        found, expected = [
            sorted(repr({k: v for k, v in row.items() if k != "run_id"}) for row in rows(w, table))
            for w in (workspace, other)
        ]
        assert found == expected, table.path
    for table in SILVER:
        key = (table.path, HOUR)
        one, two = [hour_state.current(w.lake)[key] for w in (workspace, other)]
        assert (one.row_count, one.content_hash) == (two.row_count, two.content_hash), table.path
    verified(workspace)


def test_new_lines_copies_and_other_payloads_are_appended_and_equal_a_rebuild(
    workspace: Workspace, new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    followed = FollowedHours()
    bring(workspace, "a.jsonl", [click(1), click(2), click(3, second=5), b"{broken"])
    refresh(workspace, followed)
    bring(
        workspace,
        "b.jsonl",
        [
            click(4),  # new
            click(2),  # a copy of what was accepted before
            click(5),  # new, and a copy beside it
            click(5),
            click(6, second=9),  # new, and another payload beside it
            click(6, second=8),
            click(1, price="-1"),  # rejected: competes with nobody
            click(8, user_id=None),  # accepted with a warning
            b"{broken",
        ],
    )
    refresh(workspace, followed)

    assert operations(workspace) == ["Overwrite", "Append"]
    found = verdicts(workspace)
    assert found["events"] == {
        **{"a0": "e1", "a1": "e2", "a2": "e3"},
        **{"b0": "e4", "b2": "e5", "b5": "e6", "b7": "e8"},
    }
    assert found["duplicates"] == {"b1": "a1", "b3": "b2"}
    assert found["quarantine"] == {
        "a3": "malformed_line",
        "b4": "event_id_collision",
        "b6": "negative_price",
        "b8": "malformed_line",
    }
    assert_as_rebuilt(workspace, new_workspace, tmp_path / "other")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(("b", click(1)), ("a", click(1)), id="smaller-address"),
        pytest.param(("a", click(1, second=9)), ("b", click(1, second=8)), id="earlier-payload"),
    ],
)
def test_a_line_that_takes_the_place_of_an_accepted_one_leads_to_a_rebuild(
    workspace: Workspace,
    new_workspace: Callable[..., Workspace],
    tmp_path: Path,
    before: tuple[str, bytes],
    after: tuple[str, bytes],
) -> None:
    followed = settling()
    bring(workspace, f"{before[0]}.jsonl", [before[1], click(2)])
    refresh(workspace, followed)
    bring(workspace, f"{after[0]}.jsonl", [after[1], click(4)])
    refresh(workspace, followed)

    assert operations(workspace) == ["Overwrite", "Append", "Overwrite"]
    assert f"{after[0]}0" in verdicts(workspace)["events"]
    assert_as_rebuilt(workspace, new_workspace, tmp_path / "other")


def test_another_payload_of_an_accepted_id_leads_to_a_rebuild_that_counts_it(
    workspace: Workspace, new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    followed = settling()
    bring(workspace, "a.jsonl", [click(1, second=8), click(2)])
    refresh(workspace, followed)
    bring(workspace, "b.jsonl", [click(1, second=9), click(4)])
    refresh(workspace, followed)

    assert operations(workspace) == ["Overwrite", "Append", "Overwrite"]
    assert verdicts(workspace)["quarantine"] == {"b0": "event_id_collision"}
    reused = rows(workspace, SILVER_EVENTS, "event_id", "reused_id_lines")
    assert {row["event_id"]: row["reused_id_lines"] for row in reused} == {
        "e1": 1,
        "e2": 0,
        "e4": 0,
    }
    assert_as_rebuilt(workspace, new_workspace, tmp_path / "other")


def test_lines_in_dispute_wait_for_a_rebuild_and_keep_no_other_line_waiting(
    workspace: Workspace, new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    clock = Clock()
    followed = FollowedHours(clock=clock)
    bring(workspace, "m.jsonl", [click(1, second=8), click(2), click(3)])
    refresh(workspace, followed)
    clock.now -= 1  # the rebuild took no time by this clock
    bring(
        workspace,
        "n.jsonl",
        [
            click(1, second=9),  # another payload of an accepted id
            click(1, second=8),  # a copy of the accepted one waits with it
            click(2),  # a copy of what nobody disputes
            click(1, price="-1"),  # rejected: competes with nobody
            click(4),
        ],
    )
    bring(workspace, "a.jsonl", [click(3), click(5)])  # its copy has the smaller address
    go_round(workspace, followed)
    bring(workspace, "o.jsonl", [click(1, second=8), click(3), click(6)])  # as before
    go_round(workspace, followed)

    assert operations(workspace) == ["Overwrite", "Append", "Append"]
    found = verdicts(workspace)
    new = {"n4": "e4", "a1": "e5", "o2": "e6"}
    assert found["events"] == {"m0": "e1", "m1": "e2", "m2": "e3"} | new
    assert found["duplicates"] == {"n2": "m1"}
    assert found["quarantine"] == {"n3": "negative_price"}
    states = hour_state.current(workspace.lake)
    assert stale_silver(workspace, states) == [HOUR]
    assert followed.is_waiting(HOUR, states)
    assert verified(workspace).pending == 5

    clock.now += 2
    assert not followed.is_waiting(HOUR, states)
    refresh(workspace, followed)
    assert operations(workspace)[-1] == "Overwrite"
    assert_as_rebuilt(workspace, new_workspace, tmp_path / "other")


def test_an_hour_that_somebody_else_built_is_rebuilt_first(workspace: Workspace) -> None:
    followed = FollowedHours()
    bring(workspace, "a.jsonl", [click(1)])
    refresh(workspace, followed)
    bring(workspace, "b.jsonl", [click(2)])
    build_silver(workspace, [HOUR], run_id="backfill")
    bring(workspace, "c.jsonl", [click(3)])
    refresh(workspace, followed)
    bring(workspace, "d.jsonl", [click(4)])
    refresh(workspace, followed)

    assert operations(workspace) == ["Overwrite", "Overwrite", "Overwrite", "Append"]
    assert len(rows(workspace, SILVER_EVENTS)) == 4
    verified(workspace)


def test_lines_of_a_source_that_is_not_noted_yet_are_read_by_its_mapping(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = FollowedHours()
    bring(workspace, "a.jsonl", [click(1)])
    refresh(workspace, followed)
    monkeypatch.setattr(bronze, "record_touched", lambda *_, **__: None)  # as if it came later
    bring(workspace, "b.jsonl", [click(1), click(2)], source="kafka_raw")
    followed.refresh(workspace, [HOUR], run_id="test")
    assert operations(workspace) == ["Overwrite", "Overwrite"]
    bring(workspace, "c.jsonl", [click(3)])
    build_silver(workspace, [HOUR], run_id="test")

    assert sorted((row["source"], row["event_id"]) for row in rows(workspace, SILVER_EVENTS)) == [
        ("kafka_raw", "e1"),
        ("kafka_raw", "e2"),
        ("shop_json", "e1"),
        ("shop_json", "e3"),
    ]


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize(
    "survives", [1, *[pytest.param(commits, marks=pytest.mark.prove) for commits in (0, 2, 3)]]
)
@pytest.mark.long
def test_what_a_crash_left_between_its_commits_is_put_right(
    workspace: Workspace,
    new_workspace: Callable[..., Workspace],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    survives: int,
) -> None:
    first = FollowedHours()
    bring(workspace, "b.jsonl", [click(1), click(2)])
    refresh(workspace, first)
    bring(workspace, "c.jsonl", [click(1), click(3), click(9, price="-1")])
    with monkeypatch.context() as patched:
        crash_after(patched, commits=survives)
        with pytest.raises(Crash):
            refresh(workspace, first)
    assert set(doubts.among(workspace.settings.state, "silver", [HOUR])) == {HOUR}
    # This line takes e1's place, so that no duplicate of it may be left: as before the crash.
    bring(workspace, "a.jsonl", [click(1, second=0)])
    refresh(workspace, FollowedHours())

    assert not doubts.among(workspace.settings.state, "silver", [HOUR])
    assert verdicts(workspace)["duplicates"] == {}
    assert_as_rebuilt(workspace, new_workspace, tmp_path / "other")


def crash_after(patched: pytest.MonkeyPatch, *, commits: int) -> None:
    """The process ends after so many of the three appends, or before the note."""
    done: list[Written] = []
    append_once, note = delta.append_once, silver_append.silver.note

    def append(*args: object, **kwargs: object) -> Written:
        if len(done) == commits:
            raise Crash
        done.append(append_once(*args, **kwargs))  # type: ignore[arg-type]
        return done[-1]

    def never(*args: object, **kwargs: object) -> object:
        raise Crash

    patched.setattr(delta, "append_once", append)
    patched.setattr(silver_append, "in_parallel", lambda tasks: [task() for task in tasks])
    patched.setattr(silver_append.silver, "note", never if commits == 3 else note)


def test_an_append_that_a_dead_process_left_in_the_engine_commits_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[Callable[[], Written]] = []
    first = FollowedHours()
    bring(workspace, "a.jsonl", [click(1)])
    refresh(workspace, first)
    bring(workspace, "b.jsonl", [click(2), click(1), click(9, price="-1")])
    with monkeypatch.context() as patched:
        append_once = delta.append_once

        def later(*args: object, **kwargs: object) -> Written:
            left.append(lambda: append_once(*args, **kwargs))  # type: ignore[arg-type]
            return Written(0, "")

        patched.setattr(delta, "append_once", later)
        patched.setattr(silver_append.silver, "note", lambda *_: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            refresh(workspace, first)
    refresh(workspace, FollowedHours())

    assert len(left) == 3
    assert [append().is_new for append in left] == [False] * 3
    assert len(rows(workspace, SILVER_EVENTS)) == 2
    assert len(rows(workspace, SILVER_DUPLICATES)) == len(rows(workspace, SILVER_QUARANTINE)) == 1
    verified(workspace)


@pytest.mark.parametrize(
    "seed", [1, *[pytest.param(seed, marks=pytest.mark.prove) for seed in range(2, 22)]]
)
@pytest.mark.long
def test_any_split_into_appends_equals_one_rebuild(
    workspace: Workspace, new_workspace: Callable[..., Workspace], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    print(f"seed {seed}")
    lines = [click(number) for number in range(60)]
    lines += [click(chance.randrange(60)) for _ in range(12)]
    lines += [click(chance.randrange(60), second=chance.randrange(3600)) for _ in range(6)]
    lines += [b"{broken", b"[]", click(3, price="x")]
    chance.shuffle(lines)
    cuts = sorted(chance.sample(range(1, len(lines)), 5))
    names = [f"{chance.randrange(100):02d}{place}.jsonl" for place in range(6)]
    clock = Clock()
    followed = FollowedHours(clock=clock)
    for name, first, end in zip(names, [0, *cuts], [*cuts, len(lines)], strict=True):
        bring(workspace, name, lines[first:end])
        clock.now += chance.choice((-1, 2))  # lines in dispute wait, or are decided
        go_round(workspace, followed)
    followed.settle()
    refresh(workspace, followed)
    assert_as_rebuilt(workspace, new_workspace, tmp_path / "other")

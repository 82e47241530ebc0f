"""What `clickstream shadow diff` prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from clickstream_platform.settings import settings
from clickstream_platform.shadow import compare
from clickstream_platform.shadow.command import shadow_group
from clickstream_platform.shadow.compare import Difference
from clickstream_platform.tables.gold import GOLD

TEN, ELEVEN = "2024-11-29T10", "2024-11-29T11"
Show = Callable[..., str]


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Show]:
    """Prints these differences."""
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    settings.cache_clear()

    def invoke(found: list[Difference], *arguments: str) -> str:
        monkeypatch.setattr(compare, "compare", lambda _: found)
        done = CliRunner().invoke(shadow_group, ["diff", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    yield invoke
    settings.cache_clear()


def same(table: str) -> Difference:
    return Difference(table, 2, (), ())


def test_only_tables_that_differ_are_shown_with_their_whole_names(show: Show) -> None:
    differing = [
        Difference(
            table.path, 2, (TEN,), (), 1_000_000, 2_000_000, 3, {"session_id": 3, "value": 1}
        )
        for table in GOLD
    ]
    printed = show([*differing, same("gold/a"), same("gold/b")])
    for table in GOLD:
        [line] = [line for line in printed.splitlines() if line.startswith(f"{table.path} ")]
        assert line.split()[1:] == ["2", "1", "0", "1,000,000", "2,000,000", "3"]
        assert f"Rows of {table.path} change in session_id (3), value (1).\n" in printed
    assert "gold/a" not in printed
    assert printed.splitlines()[-1] == "A swap would change no row of 2 tables."


def test_an_hour_held_back_is_shown_though_a_swap_leaves_it(show: Show) -> None:
    printed = show([Difference("gold/fact_sessions", 2, (), (ELEVEN,)), same("gold/a")])
    assert "gold/fact_sessions" in printed
    assert "no row of 1 tables" in printed


def test_where_nothing_differs_there_is_no_table(show: Show) -> None:
    assert show([same("gold/a"), same("gold/b")]) == "A swap would change no row of 2 tables.\n"


def test_a_machine_gets_every_table(show: Show) -> None:
    listed = json.loads(show([Difference("gold/b", 2, (TEN,), ()), same("gold/a")], "--json"))
    assert [one["table"] for one in listed] == ["gold/b", "gold/a"]

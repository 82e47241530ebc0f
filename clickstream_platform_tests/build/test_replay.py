"""A rule broken on purpose for three hours, repaired by replay: as if it had never been broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from clickstream_platform.build.fixes import FixError, fixed_bytes
from clickstream_platform.build.replay import Decision, Replayed, Selection, prepare_replay
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.cli import main
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.silver import SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import bring_up, land, rows, verified, versions

HOURS = ("2024-11-29T10", "2024-11-29T11", "2024-11-29T12")
MAPPING = """
name: tills
description: A till's own log.
version: 1
format: json
event_id: {{field: id}}
event_timestamp: {{field: {time}}}
fields: {{event_name: name, user_id: user, transaction_id: order}}
item: {{item_id: sku, price: price}}
"""
TORN = (
    b'{"event_id":"torn","timestamp":"2024-11-29T10:30:00Z","event_type":"page_view","user_id":"u"'
)


def till_lines(hour: str) -> bytes:
    """Three events of the hour, and one of half an hour before it."""
    number = int(hour[-2:])
    before = f"2024-11-29T{number - 1:02}:45:00Z"
    clocks = [before, f"{hour}:05:00Z", f"{hour}:10:00Z", f"{hour}:59:59Z"]
    names = ("view_item", "view_item", "purchase", "purchase")
    lines = [
        {"id": f"{hour}-{place}", "at": clock, "name": names[place], "user": "u", "sku": "p1",
         "price": "3.50", "order": f"o{number}"}
        for place, clock in enumerate(clocks)
    ]  # fmt: skip
    return "\n".join(json.dumps(line) for line in lines).encode()


@pytest.fixture
def new_home(
    new_workspace: Callable[..., Workspace], tmp_path: Path
) -> Callable[[str, str], Workspace]:
    """A home whose tills are read with this time field."""

    def make(name: str, time: str) -> Workspace:
        folder = tmp_path / f"{name}_sources"
        folder.mkdir()
        (folder / "tills.yaml").write_text(MAPPING.format(time=time))
        home = new_workspace(tmp_path / name, source_dirs=[folder])
        for hour in HOURS:
            land(home, "tills", hour, "tills.jsonl", till_lines(hour))
        return home

    return make


def contents(home: Workspace, tables: tuple[Table, ...]) -> dict[str, list[str]]:
    return {table.path: sorted(map(str, rows(home, table))) for table in tables}


def replayed(home: Workspace, rule: str, **decision: Any) -> Replayed:
    wanted = Decision(author="tester", **decision)
    return prepare_replay(home, Selection(rule=rule), wanted, run_id="replay")


def test_a_replay_after_a_fix_is_as_if_nothing_had_been_wrong(
    new_home: Callable[[str, str], Workspace],
) -> None:
    broken, right = new_home("broken", "till_time"), new_home("right", "at")
    land(broken, "shop_json", "2024-11-29T13", "torn.jsonl", TORN)
    land(right, "shop_json", "2024-11-29T13", "whole.jsonl", TORN + b"}")
    bring_up(right)
    bring_up(broken)
    rejected = rows(broken, SILVER_QUARANTINE, "reasons", "event_hour")
    assert sorted(row["event_hour"][-2:] for row in rejected) == ["10"] * 4 + ["11"] * 4 + [
        "12"
    ] * 4 + ["13"]
    assert not rows(broken, SILVER_EVENTS)

    mapping = broken.settings.source_dirs[0] / "tills.yaml"
    mapping.write_text(MAPPING.format(time="at"))
    mended = Workspace(broken.settings, broken.session)
    first = replayed(mended, "missing_event_timestamp")
    assert (first.selected, first.decided, first.moved) == (12, 0, 3)
    assert first.hours == ("2024-11-29T09", *HOURS)
    second = replayed(mended, "malformed_line", fix="raw || '}'")
    assert (second.selected, second.decided, second.moved) == (1, 1, 1)
    assert second.hours == ("2024-11-29T10", "2024-11-29T13")
    bring_up(mended)
    verified(mended)
    assert contents(mended, GOLD) == contents(right, GOLD)
    assert not rows(mended, SILVER_QUARANTINE)

    before = versions(mended, ALL)
    assert not replayed(mended, "missing_event_timestamp").hours
    assert not replayed(mended, "malformed_line", fix="raw || '}'").hours
    assert bring_up(mended) == []
    assert versions(mended, ALL) == before
    assert status(mended) == [("malformed_line", "repaired")]


def status(home: Workspace) -> list[tuple[str | None, str]]:
    sql = "select rule, status from silver.v_quarantine join ops.repairs using (source_file)"
    found = CliRunner().invoke(
        main, ["--home", str(home.settings.home), "query", sql, "--format", "json"]
    )
    assert found.exit_code == 0, found.output
    return [(row["rule"], row["status"]) for row in json.loads(found.stdout)]


def test_a_discarded_line_stays_rejected_and_is_listed_so(workspace: Workspace) -> None:
    hour = HOURS[0]
    land(workspace, "shop_json", hour, "a.jsonl", TORN + b'\n{"user_id": 12345678, "email')
    bring_up(workspace)
    torn = Selection(first=hour, last=hour, source="shop_json")
    decided = prepare_replay(
        workspace, torn, Decision(author="tester", discard=True), run_id="replay"
    )
    assert (decided.selected, decided.decided, decided.hours) == (2, 2, ())
    verified(workspace)
    home = ["--home", str(workspace.settings.home), "quarantine"]
    listed = CliRunner().invoke(main, [*home, "list", "--rule", "malformed_line", "--json"])
    (row,) = json.loads(listed.stdout)["rejected"]
    assert (row["event_hour"], row["lines"], row["status"]) == (hour, 2, "discarded")
    shown = CliRunner().invoke(main, [*home, "show", "--hours", hour, "--json"])
    assert "12345678" not in shown.stdout
    plain = CliRunner().invoke(main, [*home, "show", "--hours", hour, "--unmasked"])
    assert '{"user_id": 12345678, "email' in plain.stdout
    assert "a.jsonl@" in plain.stdout
    refused = CliRunner().invoke(main, [*home, "replay", "--discard"])
    assert refused.exit_code == 2
    assert "--discard needs --rule" in refused.output


def line(raw: bytes) -> dict[str, Any]:
    return {
        "raw": raw, "source": "s", "source_file": "f", "source_offset": 0, "event_hour": HOURS[0],
        "reasons": ["malformed_line"], "detail": None,
    }  # fmt: skip


def test_a_fix_sees_text_and_bytes_and_may_leave_lines_alone() -> None:
    lines = [line(b"a\xff"), line(b"b")]
    assert fixed_bytes(lines, "raw || '}'") == ["a\ufffd}".encode(), b"b}"]
    assert fixed_bytes(lines, "if(raw = 'b', raw_bytes, null)") == [None, b"b"]


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        ("no_such_column", "no SQL expression over a line"),
        ("1", "must give text or bytes, not int"),
        ("unnest([raw, 'x'])", "one value per line; it gave 2"),
        ("(select content from read_text('/etc/hostname'))", "no SQL expression over a line"),
    ],
)
def test_a_fix_that_cannot_be_is_refused_with_the_reason(fix: str, words: str) -> None:
    with pytest.raises(FixError, match="--fix") as refused:
        fixed_bytes([line(b"x")], fix)
    assert words in str(refused.value)

"""Schema modes against each kind of drift, and formats no built-in source has; one build."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from clickstream_platform.build.report import HourReport
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import Row, bring_up, json_line, land, rows, verified

pytestmark = pytest.mark.slow
HOUR = "2024-11-29T10"
MODES = ("rescue", "add", "fail")
DRIFTING = """
name: drift_{mode}
description: A tracker that changes.
version: 1
format: json
event_id: {{field: id}}
event_timestamp: {{field: at, format: epoch_auto}}
fields: {{event_name: name, user_id: user, page_title: page.title}}
item: {{item_id: product, price: price, quantity: pieces}}
schema_mode: {mode}
"""
ARRAY = """
name: till_array
description: JSON arrays with wall clock times of Berlin and the three times of a client.
version: 1
format: json_array
event_id: {field: id}
event_timestamp: {field: at, format: dmy, zone: Europe/Berlin, repair_clock: true}
fields:
  event_name: name
  user_id: user
  client_timestamp: made
  sent_at: sent
  received_at: got
  tax: tax
"""
SEMICOLON = """
name: semicolon
description: CSV without header, semicolons, quoted line ends, epoch seconds.
version: 1
format: csv
csv: {header: false, columns: [id, at, name, user, json], delimiter: ";"}
event_id: {field: id}
event_timestamp: {field: at, format: epoch_s}
fields: {event_name: name, user_id: user, page_title: json.page.title}
"""
BASE = {"name": "view_item", "user": "u", "product": "p", "price": 10.5, "pieces": 2}
CHANGES: dict[str, dict[str, object]] = {
    "plain": {},
    "added": {"colour": "red"},
    "removed": {"product": None, "price": None, "pieces": None},
    "renamed": {"user": None, "userId": "u"},
    "widened": {"pieces": 2.0},
    "narrowed": {"price": 10},
    "retyped": {"price": {"amount": 1}, "page": "home"},
}
DRIFTED = {"added", "renamed", "retyped"}
AT_MS = 1732875000000  # 10:10
LONG = 12345678901234567890


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"2024-11-29T{text}").replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def built(
    new_workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Workspace, list[HourReport]]:
    folder = tmp_path_factory.mktemp("modes")
    mappings = folder / "sources"
    mappings.mkdir()
    for mode in MODES:
        (mappings / f"drift_{mode}.yaml").write_text(DRIFTING.format(mode=mode))
    (mappings / "till_array.yaml").write_text(ARRAY)
    (mappings / "semicolon.yaml").write_text(SEMICOLON)
    home = new_workspace(folder / "home", source_dirs=[mappings])
    fill(home)
    return home, bring_up(home)


def fill(home: Workspace) -> None:
    units = (1, 1_000, 1_000_000)
    for mode in MODES:
        lines = [
            json_line(id=name, at=AT_MS // 1000 * units[number % 3], **(BASE | change))
            for number, (name, change) in enumerate(CHANGES.items())
        ]
        land(home, f"drift_{mode}", HOUR, "a.json", b"\n".join(lines))
    elements: list[Any] = [
        {"id": "berlin", "at": "29.11.2024 11:20:30.5", "name": "login", "user": 17, "tax": "1,5"},
        {"id": "zoned", "at": "29.11.2024 10:21:00Z", "name": 'a,"]b[', "user": LONG},
        {"id": "skewed", "at": "29.11.2024 11:22:00", "made": "28.11.2024 03:00:00",
         "sent": "28.11.2024 03:00:09", "got": "29.11.2024 11:25:09", "name": "login", "user": "u"},
        [1],
        {"id": "bad", "at": "31.02.2024 10:00:00", "name": "login"},
    ]  # fmt: skip
    text = json.dumps(elements, indent=1).encode().replace(b"[\n  1\n ]", b"[1, {]]")
    land(home, "till_array", HOUR, "a.json.gz", gzip.compress(text))
    again = elements[2] | {"sent": "28.11.2024 03:01:09", "got": "29.11.2024 11:26:09.250"}
    land(home, "till_array", HOUR, "again.json", json.dumps([again]).encode())
    land(home, "till_array", HOUR, "empty.json", b" [ ]\n")
    land(home, "till_array", HOUR, "none.json", b'{"id": "alone"}')
    record = b'c1;1732875000;page_view;"u;\n1";"{""page"": {""title"": ""T""}}"\r\n'
    land(home, "semicolon", HOUR, "a.csv", record + b"c2;1732875001;page_view;u2;{broken\n")


def accepted(home: Workspace, source: str) -> dict[str, Row]:
    return {row["event_id"]: row for row in rows(home, SILVER_EVENTS) if row["source"] == source}


def rejected(home: Workspace, source: str) -> list[Row]:
    return [row for row in rows(home, SILVER_QUARANTINE) if row["source"] == source]


Built = tuple[Workspace, list[HourReport]]


@pytest.mark.parametrize("mode", MODES)
def test_a_drifted_line_is_kept_or_refused_as_the_mode_says(built: Built, mode: str) -> None:
    found = accepted(built[0], f"drift_{mode}")
    assert set(found) == set(CHANGES) - (DRIFTED if mode == "fail" else set())
    assert {row["event_timestamp"] for row in found.values()} == {moment("10:10:00")}
    assert found["removed"]["items"] == []
    assert found["widened"]["items"][0]["quantity"] == 2
    assert found["narrowed"]["items"][0]["price"] == Decimal("10.00")
    refused = {row["event_id"]: row["reasons"] for row in rejected(built[0], f"drift_{mode}")}
    assert refused == ({name: ["schema_drift"] for name in DRIFTED} if mode == "fail" else {})


@pytest.mark.parametrize(
    ("mode", "kept", "other"),
    [("rescue", "rescued_data", "added_fields"), ("add", "added_fields", "rescued_data")],
)
def test_undeclared_fields_are_kept_beside_the_event(
    built: Built, mode: str, kept: str, other: str
) -> None:
    found = accepted(built[0], f"drift_{mode}")
    for name, fields in (("added", {"colour": "red"}), ("renamed", {"userId": "u"})):
        assert json.loads(found[name][kept]) == fields
        assert found[name][other] is None
        assert "undeclared_fields" in found[name]["warnings"]
    assert json.loads(found["retyped"]["rescued_data"]) == {"price": '{"amount":1}', "page": "home"}
    assert sorted(found["retyped"]["warnings"]) == ["unparsable_json", "unparsable_price"]
    assert (found["plain"]["rescued_data"], found["plain"]["added_fields"]) == (None, None)


def test_drift_warns_with_a_patch_of_the_mapping(built: Built) -> None:
    (report,) = [r for r in built[1] if (r.table, r.hour) == (SILVER_EVENTS.path, HOUR)]
    (contract,) = [check for check in report.checks if check.check == "contract"]
    assert "undeclared_fields" in {rule.rule for rule in contract.warnings}
    patches = {(row["source"], row["field"]): row["patch"] for row in contract.samples}
    assert patches["drift_rescue", "userId"] == "fields: {user_id: [user, userId]}"
    assert patches["drift_add", "colour"] == "ignore: [colour]"


def test_elements_of_an_array_are_lines_wherever_their_commas_stand(built: Built) -> None:
    found = accepted(built[0], "till_array")
    times = {name: row["event_timestamp"] for name, row in found.items()}
    assert times == {
        "berlin": moment("10:20:30.500000"),
        "zoned": moment("10:21:00"),
        "skewed": moment("10:25:00"),
    }
    (copy,) = rows(built[0], SILVER_DUPLICATES)
    assert copy["event_id"] == "skewed"  # sent again, with another time of sending and receipt
    assert found["zoned"]["user_id"] == str(LONG)
    assert found["zoned"]["event_name"] == "a_b"
    assert (found["berlin"]["tax"], found["berlin"]["warnings"]) == (None, ["unparsable_tax"])
    reasons = {row["raw"]: row["reasons"] for row in rejected(built[0], "till_array")}
    missing = {"missing_event_name", "missing_event_timestamp"}
    assert set(reasons.pop(b'{"id": "alone"}')) == missing
    assert sorted(reasons.values()) == [["malformed_line"], ["unparsable_event_timestamp"]]
    assert b"[1, {]]" in reasons


def test_a_cell_may_hold_json_and_a_line_end(built: Built) -> None:
    found = accepted(built[0], "semicolon")
    assert (found["c1"]["user_id"], found["c1"]["page_title"]) == ("u;\n1", "T")
    assert found["c2"]["page_title"] is None
    assert json.loads(found["c2"]["rescued_data"]) == {"json": "{broken"}


def test_the_proof_agrees(built: Built) -> None:
    assert verified(built[0]).lines == 3 * len(CHANGES) + 5 + 1 + 1 + 2

"""Lines nobody should send: each ends where it belongs, with its reason, and none is lost.

All cases share one home: a case is a landing hour, built together with its neighbours.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import zstandard

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.gold import HOURLY_METRICS
from clickstream_platform.tables.ops import CONSERVATION_LEDGER
from clickstream_platform.tables.remedies import remedy
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform.tables.warnings import INGESTION_WARNINGS
from clickstream_platform_tests.homes import Row, bring_up, json_line, land, rows, verified

pytestmark = pytest.mark.slow
DAY = "2024-11-29"
BINARY, NUL, TWO = b"\xff\x01\x02\x80\x81", b"\x00\x00\x00", b'{"event_id":"o1"} {"event_id":"o2"}'
BAD_TEXT = b'{"event_id":"u1","event_type":"page_\xff\xfe\x80view"}'
NUL_INSIDE = b'{"event_id":"n\x001","event_type":"page_view","timestamp":"2024-11-29T01:02:00Z"}'
CUT, ARRAY, NUMBER, EMPTY = b'{"event_id":"c1","even', b"[1, 2]", b"17", b"{}"
CSV_HEADER = b"UserID,SessionID,Timestamp,EventType,ProductID,Amount,Outcome\r\n"
CSV_QUOTED = b'u1,"s\n1",2024-11-29 05:01:00,page_view,,,success'
CSV_SHORT = b"u1,s1,2024-11-29 05:02:00,page_view,,"
CSV_LONG = b"u1,s1,2024-11-29 05:03:00,page_view,,,success,more"


def event(event_id: str, time: str, **fields: object) -> bytes:
    """A good line of the fixed day."""
    given = {"event_type": "page_view", "user_id": "u", "page_url": "/"} | fields
    stamp = time if "T" in time else f"{DAY}T{time}Z"
    return json_line(event_id=event_id, timestamp=stamp, **given)


G1, G2 = event("g1", "03:10:00"), event("g2", "03:11:00")
COPY = event("d1", "06:15:00")
LATE = event("l1", "06:30:00")
TRUNCATED = gzip.compress(
    b"\n".join([event("t1", "04:01:00"), event("t2", "04:02:00"), b'{"event_id":"t3' + b"x" * 60]),
    compresslevel=0,
)[:-40]


def fill(workspace: Workspace) -> None:
    def drop(hour: str, name: str, *lines: bytes, source: str = "shop_json") -> None:
        land(workspace, source, f"{DAY}T{hour}", name, b"\n".join([*lines, b""]))

    broken = (BINARY, BAD_TEXT, NUL, NUL_INSIDE, TWO, CUT, ARRAY, NUMBER, EMPTY)
    drop("01", "broken.json", event("a1", "01:01:00"), *broken)
    drop("01", "bom.json", b"\xef\xbb\xbf" + event("b1", "01:03:00"))
    drop("02", "only_bad.json", *[b'{"event_id":%d' % number for number in range(24)])
    drop("02", "few_good.json", *[event(f"h{number}", "02:00:00") for number in range(3)])
    land(
        workspace, "shop_json", f"{DAY}T03", "ends.json",
        b"\n\r\n" + G1 + b"\r\n\r\n\n" + G2,
    )  # fmt: skip
    land(workspace, "shop_json", f"{DAY}T04", "cut.json.gz", TRUNCATED)
    packed = b"\n".join([event("z1", "04:03:00"), event("z2", "04:04:00")])
    land(workspace, "shop_json", f"{DAY}T04", "whole.json.zst", zstandard.compress(packed))
    drop("05", "shop.csv", CSV_HEADER + CSV_QUOTED, CSV_SHORT, CSV_LONG, source="transactions_csv")
    drop("06", "one.json", COPY, event("x1", "06:01:00"))
    drop("06", "two.json", COPY)
    drop("07", "three.json", COPY, event("x2", "07:01:00"))
    drop("08", "late.json", LATE, event("x3", "08:01:00"))
    drop(
        "09",
        "times.json",
        event("f1", "10:05:00"),
        event("f2", "10:04:59.999999"),
        event("p1", "2018-12-31T23:59:59.999999Z"),
        event("p2", "2024-11-29T25:00:00Z"),
    )


@pytest.fixture(scope="module")
def built(
    new_workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    found = new_workspace(tmp_path_factory.mktemp("bad") / "home")
    fill(found)
    bring_up(found)
    return found


def of_hour(workspace: Workspace, table: object, hour: str) -> list[Row]:
    found = rows(workspace, table)  # type: ignore[arg-type]
    return [row for row in found if row["event_hour"] == f"{DAY}T{hour}"]


def rejected(workspace: Workspace, hour: str) -> dict[bytes, list[str]]:
    """Sorted reasons by the line's bytes."""
    found = of_hour(workspace, SILVER_QUARANTINE, hour)
    return {row["raw"]: sorted(row["reasons"]) for row in found}


def accepted_ids(workspace: Workspace, hour: str) -> list[str]:
    return sorted(row["event_id"] for row in of_hour(workspace, SILVER_EVENTS, hour))


def test_unreadable_lines_are_kept_byte_for_byte_with_one_reason(built: Workspace) -> None:
    assert rejected(built, "01") == {
        BINARY: ["invalid_utf8"],
        BAD_TEXT: ["invalid_utf8"],
        NUL: ["malformed_line"],
        NUL_INSIDE: ["malformed_line"],
        TWO: ["malformed_line"],
        CUT: ["malformed_line"],
        ARRAY: ["malformed_line"],
        NUMBER: ["malformed_line"],
        EMPTY: ["missing_event_id", "missing_event_name", "missing_event_timestamp"],
    }


def test_a_byte_order_mark_is_no_part_of_the_line(built: Workspace) -> None:
    assert accepted_ids(built, "01") == ["a1", "b1"]


def test_an_hour_of_bad_lines_is_held_back_and_its_neighbours_are_built(built: Workspace) -> None:
    states = hour_state.current(built.lake)
    assert states[SILVER_EVENTS.path, f"{DAY}T02"].blocked_by == "reject_rate"
    assert accepted_ids(built, "02") == []
    assert list(rejected(built, "02").values()) == [["malformed_line"]] * 24
    ledger = {row["home_hour"]: row for row in rows(built, CONSERVATION_LEDGER)}
    blocked = ledger[f"{DAY}T02"]
    counts = ("lines", "accepted", "duplicates", "quarantined", "pending")
    assert [blocked[name] for name in counts] == [27, 0, 0, 24, 3]
    hours = [row for row in rows(built, HOURLY_METRICS) if row["traffic"] == "all"]
    gold = {row["event_hour"]: row["events"] for row in hours}
    assert f"{DAY}T02" not in gold
    assert (gold[f"{DAY}T01"], gold[f"{DAY}T03"]) == (2, 2)


def test_each_reason_warning_and_repeat_is_counted_with_a_line_to_look_at(
    built: Workspace,
) -> None:
    found = {(row["home_hour"][-2:], row["type"]): row for row in rows(built, INGESTION_WARNINGS)}
    counts = {key: (row["severity"], row["lines"]) for key, row in found.items()}
    assert {key: count for key, count in counts.items() if key[0] in ("01", "02", "06")} == {
        ("01", "invalid_utf8"): ("error", 2),
        ("01", "malformed_line"): ("error", 6),
        ("01", "missing_event_id"): ("error", 1),
        ("01", "missing_event_name"): ("error", 1),
        ("01", "missing_event_timestamp"): ("error", 1),
        ("02", "malformed_line"): ("error", 24),
        ("06", "duplicate"): ("info", 2),
    }
    sample = found["01", "invalid_utf8"]
    assert sample["sample_file"].startswith(f"shop_json/{DAY}T01/broken.json@")
    assert (sample["sample_offset"], sample["remedy"]) == (1, remedy("invalid_utf8"))


def test_blank_lines_are_none_and_line_ends_are_not_content(built: Workspace) -> None:
    stored = [row for row in rows(built, BRONZE_EVENTS) if row["ingest_hour"] == f"{DAY}T03"]
    assert sorted((row["source_offset"], row["raw"]) for row in stored) == [(0, G1), (1, G2)]
    assert accepted_ids(built, "03") == ["g1", "g2"]


def test_a_cut_archive_yields_its_whole_lines_and_one_more_with_the_rest(built: Workspace) -> None:
    ((raw, reasons),) = rejected(built, "04").items()
    assert reasons == ["archive_truncated"]
    assert raw.startswith(b'{"event_id":"t3xxx')
    assert accepted_ids(built, "04") == ["t1", "t2", "z1", "z2"]


def test_a_quoted_line_end_is_content_and_a_missing_column_is_named(built: Workspace) -> None:
    (accepted,) = of_hour(built, SILVER_EVENTS, "05")
    assert accepted["client_session_id"] == "s\n1"
    assert accepted["source_offset"] == 0  # the header is no line
    found = of_hour(built, SILVER_QUARANTINE, "05")
    assert sorted((row["raw"], row["reasons"], row["detail"]) for row in found) == [
        (CSV_SHORT, ["column_count"], "missing column: Outcome"),
        (CSV_LONG, ["column_count"], "1 more than the 7 columns"),
    ]


def test_copies_across_files_and_hours_leave_the_smallest_address(built: Workspace) -> None:
    copies = sorted(of_hour(built, SILVER_DUPLICATES, "06"), key=lambda row: row["ingest_hour"])
    assert [row["ingest_hour"] for row in copies] == [f"{DAY}T06", f"{DAY}T07"]
    assert [row["source_file"].split("@")[0].rsplit("/")[-1] for row in copies] == [
        "two.json",
        "three.json",
    ]
    for row in copies:
        assert row["accepted_source_file"].startswith(f"shop_json/{DAY}T06/one.json@")
        assert row["accepted_source_offset"] == 0
    assert accepted_ids(built, "07") == ["x2"]


def test_a_line_two_hours_late_is_an_event_of_its_own_hour(built: Workspace) -> None:
    assert accepted_ids(built, "06") == ["d1", "l1", "x1"]
    (late,) = [r for r in of_hour(built, SILVER_EVENTS, "06") if r["event_id"] == "l1"]
    assert late["ingest_hour"] == f"{DAY}T08"
    assert late["event_timestamp"] == datetime(2024, 11, 29, 6, 30, tzinfo=UTC)
    assert accepted_ids(built, "08") == ["x3"]


def test_times_that_cannot_be_are_judged_in_the_hour_of_arrival(built: Workspace) -> None:
    found = of_hour(built, SILVER_QUARANTINE, "09")
    assert sorted((row["event_id"], row["reasons"]) for row in found) == [
        ("f1", ["future_event"]),
        ("p1", ["before_first_hour"]),
        ("p2", ["unparsable_event_timestamp"]),
    ]
    assert accepted_ids(built, "10") == ["f2"]  # a microsecond before the limit
    assert accepted_ids(built, "09") == []


def test_every_law_holds(built: Workspace) -> None:
    report = verified(built)
    found = (report.lines, report.accepted, report.duplicates, report.quarantined, report.pending)
    assert found == (59, 15, 2, 39, 3)

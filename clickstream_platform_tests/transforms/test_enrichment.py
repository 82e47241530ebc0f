"""Derived columns through Spark: a source that says some of them itself, and one that says none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from clickstream_platform.build import workspace as workspace_module
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.homes import bring_up, json_line, land, rows, verified

HOUR = "2024-11-29T10"
WORDED = """
name: worded
description: Says browser, device and campaign itself.
version: 1
format: json
event_id: {field: id}
event_timestamp: {field: at}
fields: {event_name: name, user_id: user, page_location: url, page_referrer: came_from,
         browser_name: browser, device_category: device, mkt_source: campaign_source}
"""
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)


def shop_line(event_id: str, clock: str, **more: object) -> bytes:
    time = f"2024-11-29T{clock}Z"
    fixed = {"event_id": event_id, "timestamp": time, "event_type": "page_view", "user_id": "u"}
    return json_line(**fixed, **more)


@pytest.fixture
def worded(new_workspace: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "worded.yaml").write_text(WORDED)
    return new_workspace(tmp_path / "home", source_dirs=[tmp_path / "sources"])


def test_events_and_sessions_tell_where_they_came_from(worded: Workspace) -> None:
    ad = "https://www.shop.example/p/%C3%A9?utm_source=news%20letter&utm_medium=email&gclid=g%zz"
    shop = [
        shop_line("e1", "10:00:00", page_url=ad, user_agent=IPHONE, referrer="https://x.com/a"),
        shop_line("e2", "10:01:00", page_url="https://shop.example/", user_agent="curl/8.1",
                  referrer="https://www.shop.example/"),
        shop_line("e3", "10:02:00"),
        b"\xff broken",
    ]  # fmt: skip
    said = {"at": "2024-11-29T10:03:00Z", "name": "page_view", "user": "w"}
    own = [
        {"id": "w1", **said, "browser": "Chrome Mobile 131.0", "device": "Phone",
         "campaign_source": "TikTok", "url": "/a?utm_source=x&utm_medium=paid",
         "came_from": "direct"},
        {"id": "w2", **said, "came_from": "google"},
        {"id": "w3", **said, "device": "tablet"},
        {"id": "w3", **said, "device": "desktop"},
    ]  # fmt: skip
    plain = b"UserID,SessionID,Timestamp,EventType,ProductID,Amount,Outcome\n"
    land(worded, "shop_json", HOUR, "a.jsonl", b"\n".join(shop))
    land(worded, "worded", HOUR, "b.jsonl", "\n".join(json.dumps(line) for line in own).encode())
    csv = plain + b"u9,s,2024-11-29 10:04:00,click,,,\n"
    land(worded, "transactions_csv", HOUR, "c.csv", csv)
    bring_up(worded)
    report = verified(worded)
    assert (report.accepted, report.quarantined) == (7, 2)  # the second w3 says something else

    names = ("event_id", "browser_name", "os_name", "device_category", "channel_group")
    found = {row["event_id"]: row for row in rows(worded, SILVER_EVENTS)}
    of_csv = next(row for row in found.values() if row["source"] == "transactions_csv")
    assert [
        tuple(found[key][name] for name in names) for key in ("e1", "e2", "e3", "w1", "w2")
    ] == [
        ("e1", "Safari", "iOS", "mobile", "Email"),
        ("e2", "curl", None, "bot", "Direct"),
        ("e3", None, None, None, None),
        ("w1", "Chrome", None, "mobile", "Paid Social"),
        ("w2", None, None, None, "Organic Search"),
    ]
    assert {name: of_csv[name] for name in names[1:]} == dict.fromkeys(names[1:])
    assert (of_csv["is_declared_bot"], of_csv["enrichment_version"]) == (False, 1)
    first = found["e1"]
    texts = ("page_domain", "page_path", "mkt_source", "mkt_clickid", "mkt_network", "refr_source")
    assert [first[name] for name in texts] == [
        "www.shop.example", "/p/%C3%A9", "news letter", "g%zz", "Google", "x",
    ]  # fmt: skip
    assert (found["e2"]["refr_medium"], found["e2"]["is_declared_bot"]) == ("internal", True)
    assert found["w1"]["mkt_source"] == "TikTok"

    kept = (
        "user_id",
        "channel_group",
        "mkt_source",
        "mkt_medium",
        "device_category",
        "refr_source",
    )
    sessions = sorted(tuple(row.values()) for row in rows(worded, FACT_SESSIONS, *kept))
    assert sessions[0] == ("u", "Email", "news letter", "email", "mobile", "x")
    facts = {row["event_id"]: row for row in rows(worded, FACT_EVENTS)}
    assert (facts["w1"]["channel_group"], facts["e2"]["is_declared_bot"]) == ("Paid Social", True)


def test_another_version_of_the_rules_makes_every_hour_stale(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = workspace.silver_code
    monkeypatch.setattr(workspace_module, "ENRICHMENT_VERSION", 2)
    assert Workspace(workspace.settings, workspace.session).silver_code != before

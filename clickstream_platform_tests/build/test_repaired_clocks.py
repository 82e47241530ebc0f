"""Copies whose repaired times lie on both sides of a full hour are one event."""

from __future__ import annotations

import json

import pytest

from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.staleness import stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import hour_state
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import bring_up, land, rows, verified

BEFORE, AFTER, ARRIVAL = "2024-11-29T10", "2024-11-29T11", "2024-11-29T12"


def call(received: str, *, message: str = "m1", path: str = "/a") -> bytes:
    """A page call made 90 s before it was sent, by a clock that is a day behind."""
    body = {
        "messageId": message,
        "type": "page",
        "anonymousId": "v1",
        "originalTimestamp": "2024-11-28T10:58:20Z",
        "sentAt": "2024-11-28T10:59:50Z",
        "receivedAt": f"2024-11-29T{received}Z",
        "context": {"page": {"url": f"https://shop.example{path}"}},
    }
    return json.dumps(body).encode()


def placed(workspace: Workspace) -> dict[str, list[tuple[str, str]]]:
    tables = (SILVER_EVENTS, SILVER_DUPLICATES, SILVER_QUARANTINE)
    return {
        table.name: sorted(
            tuple(row.values()) for row in rows(workspace, table, "event_hour", "event_id")
        )
        for table in tables
    }


@pytest.mark.slow
@pytest.mark.long
def test_the_copy_of_the_hour_before_wins_whenever_it_arrives(workspace: Workspace) -> None:
    # Received 11:01:31, so repaired to 11:00:01; its copy, received 11:01:29, to 10:59:59.
    late = [call("11:01:31"), call("11:01:32", message="m2"), call("11:01:32", message="m3")]
    land(workspace, "segment", ARRIVAL, "after.jsonl", b"\n".join(late))
    bring_up(workspace)
    assert placed(workspace)["events"] == [(AFTER, "m1"), (AFTER, "m2"), (AFTER, "m3")]

    early = [call("11:01:29"), call("11:01:28", message="m2", path="/b")]
    land(workspace, "segment", ARRIVAL, "before.jsonl", b"\n".join(early))
    workspace.look_at_landing()
    build_bronze(workspace, [ARRIVAL], run_id="early")
    assert stale_silver(workspace, hour_state.current(workspace.lake)) == [BEFORE, AFTER]

    bring_up(workspace)
    assert placed(workspace) == {
        "events": [(BEFORE, "m1"), (BEFORE, "m2"), (AFTER, "m3")],
        "duplicates": [(AFTER, "m1")],
        "quarantine": [(AFTER, "m2")],
    }
    assert [r["reasons"] for r in rows(workspace, SILVER_QUARANTINE, "reasons")] == [
        ["event_id_collision"]
    ]
    verified(workspace)

"""Bronze takes each file once, also if a run is killed between its commit and its notes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clickstream_platform.build import bronze
from clickstream_platform.build.bronze import build_bronze
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.oracle.verify import verify
from clickstream_platform.storage import hour_state
from clickstream_platform.storage.manifest import Manifest
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.lateness import LATENESS_HOURLY
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.homes import bring_up, json_line, land, rows
from clickstream_platform_tests.storage.test_manifest import dead_owner

TEN, NINE = "2024-11-29T10", "2024-11-29T09"


class KilledError(Exception):
    """Stands for the end of the process: nothing of ours runs after it."""


def line(event_id: str, time: str) -> bytes:
    return json_line(
        event_id=event_id, timestamp=f"2024-11-29T{time}Z", event_type="page_view", user_id="u"
    )


def drop(workspace: Workspace) -> None:
    land(workspace, "shop_json", TEN, "a.json", line("1", "10:00:00") + b"\n")
    land(workspace, "shop_json", TEN, "b.json", line("2", "09:59:00") + b"\n")
    workspace.look_at_landing()


def addresses(workspace: Workspace) -> list[tuple[str, int]]:
    found = rows(workspace, BRONZE_EVENTS, "source_file", "source_offset")
    return sorted((row["source_file"].split("@")[0], row["source_offset"]) for row in found)


@pytest.mark.parametrize("step", ["count_arrivals", "record_touched", "commit"])
def test_a_crash_after_the_bronze_commit_heals_without_a_second_copy(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KilledError

    drop(workspace)
    with monkeypatch.context() as patched:
        owner = dead_owner()
        patched.setattr(bronze, "this_process", lambda _: owner)
        patched.setattr(Manifest, "release", lambda *_: None)
        patched.setattr(Manifest if step == "commit" else bronze, step, killed)
        with pytest.raises(KilledError):
            build_bronze(workspace, [TEN], run_id="killed")
    assert len(addresses(workspace)) == 2
    assert workspace.manifest.counts() == {"claimed": 2}

    build_bronze(workspace, list(workspace.manifest.waiting()), run_id="again")

    assert addresses(workspace) == [(f"shop_json/{TEN}/a.json", 0), (f"shop_json/{TEN}/b.json", 0)]
    assert workspace.manifest.counts() == {"committed": 2}
    states = hour_state.of_table(hour_state.current(workspace.lake), BRONZE_EVENTS.path)
    assert set(states) == {NINE, TEN}
    assert verify(workspace.settings, tables=["bronze/events"]).ok
    late = rows(workspace, LATENESS_HOURLY, "home_hour", "lines", "hours_late")
    assert sorted((row["home_hour"], row["lines"], row["hours_late"]) for row in late) == [
        (NINE, 1, 1),
        (TEN, 1, 0),
    ]


def test_a_changed_file_the_same_bytes_elsewhere_and_an_unreadable_one(
    workspace: Workspace,
) -> None:
    drop(workspace)
    broken = workspace.settings.landing / "shop_json" / TEN / "c.json"
    broken.write_bytes(line("3", "10:01:00") + b"\n")
    workspace.look_at_landing()
    broken.unlink()
    broken.symlink_to(Path(os.devnull))  # after the look: neither read nor an end of the run
    bring_up(workspace)
    assert len(addresses(workspace)) == 2
    changed = line("1", "10:00:00") + b"\n" + line("4", "10:02:00") + b"\n"
    land(workspace, "shop_json", TEN, "a.json", changed)
    land(workspace, "shop_json", TEN, "copy.json", line("2", "09:59:00") + b"\n")
    bring_up(workspace)
    assert len(addresses(workspace)) == 5
    events = rows(workspace, SILVER_EVENTS, "event_id")
    assert sorted(row["event_id"] for row in events) == ["1", "2", "4"]

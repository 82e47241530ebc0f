"""New settings build gold beside the lake; the lake changes by a swap alone, to the same rows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from deltalake import DeltaTable

from clickstream_platform.build.staleness import stale_gold
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.shadow import build as shadow
from clickstream_platform.shadow.compare import Difference, compare
from clickstream_platform.shadow.swap import OutdatedShadowError, swap
from clickstream_platform.storage import delta, hour_state, leases
from clickstream_platform.storage.leases import HoursBusyError
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.homes import (
    bring_up,
    json_line,
    land,
    rows,
    verified,
    versions,
)

pytestmark = pytest.mark.slow
NINE, TEN = "2024-11-29T09", "2024-11-29T10"


def view(number: int, hour: str, minute: int, user: str) -> bytes:
    return json_line(
        event_id=f"e{number}",
        user_id=user,
        product_id="P1",
        event_type="product_view",
        price=9.5,
        timestamp=f"{hour}:{minute:02d}:00Z",
    )


def with_idle(workspace: Workspace, seconds: int) -> Workspace:
    sessions = workspace.settings.sessions.model_copy(update={"idle_s": seconds})
    return Workspace(
        workspace.settings.model_copy(update={"sessions": sessions}), workspace.session
    )


def sessions(workspace: Workspace) -> int:
    return len(rows(workspace, FACT_SESSIONS, "session_id"))


def differences(workspace: Workspace) -> dict[str, Difference]:
    return {one.table: one for one in compare(workspace)}


@pytest.fixture
def old(workspace: Workspace) -> Workspace:
    """Ann pauses for twenty minutes at nine; Bob comes once, at ten. Visits end after thirty."""
    land(workspace, "shop_json", NINE, "a.jsonl",
         b"\n".join([view(1, NINE, 5, "ann"), view(2, NINE, 25, "ann")]))  # fmt: skip
    land(workspace, "shop_json", TEN, "b.jsonl", view(3, TEN, 50, "bob"))
    bring_up(workspace)
    return workspace


def test_a_swap_makes_the_lake_what_a_rebuild_would_have_made_it(old: Workspace) -> None:
    new = with_idle(old, 600)
    hours = [NINE, TEN]
    before = versions(old, GOLD)

    shadow.build(new, hours, run_id="try")

    assert sessions(old) == 2
    assert versions(old, GOLD) == before
    found = differences(new)
    assert found[FACT_SESSIONS.path].changed_hours == (NINE,)
    of_sessions = found[FACT_SESSIONS.path]
    assert (of_sessions.only_before, of_sessions.only_after, of_sessions.changed) == (0, 1, 1)
    assert of_sessions.columns["event_count"] == 1
    of_events = found[FACT_EVENTS.path]
    assert (of_events.only_before, of_events.only_after, of_events.changed) == (0, 0, 1)
    assert set(of_events.columns) == {"session_id", "event_sequence"}

    replaced = swap(new, run_id="swap")

    assert replaced[FACT_SESSIONS.path] == 1
    assert replaced["gold/fact_transactions"] == 0
    assert sessions(new) == 3
    states = hour_state.current(new.lake)
    assert not [*stale_gold(new, states)]
    assert not shadow.folder(new.settings).exists()
    bring_up(new)
    verified(new)


def test_a_swap_that_dies_leaves_nothing_that_counts_as_built(
    old: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = with_idle(old, 600)
    shadow.build(new, [NINE, TEN], run_id="try")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(delta, "replace_hours_arrow", die)
        with pytest.raises(KeyboardInterrupt):
            swap(new, run_id="dying")
    assert len({row["session_id"] for row in rows(old, FACT_EVENTS, "session_id")}) == 3
    shadow.discard(old.settings)
    assert NINE in stale_gold(old, hour_state.current(old.lake))
    bring_up(old)
    assert sessions(old) == 2
    verified(old)


def test_an_hour_that_changed_meanwhile_or_other_settings_are_refused(old: Workspace) -> None:
    new = with_idle(old, 600)
    shadow.build(new, [NINE, TEN], run_id="try")
    with pytest.raises(OutdatedShadowError, match="clickstream shadow build"):
        swap(with_idle(old, 900), run_id="swap")
    states = hour_state.current(old.lake)
    of_silver = states[SILVER_EVENTS.path, NINE]
    hour_state.record(old.lake, [replace(of_silver, version=of_silver.version + 1)], run_id="on")
    with pytest.raises(OutdatedShadowError, match=NINE):
        swap(new, run_id="swap")
    assert sessions(old) == 2
    assert shadow.discard(old.settings)
    assert sessions(old) == 2
    with pytest.raises(shadow.NoShadowError, match="clickstream shadow build"):
        compare(new)


def test_who_finds_a_lock_held_changes_nothing(
    old: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = with_idle(old, 600)
    shadow.build(new, [NINE, TEN], run_id="try")
    before, built = versions(old, GOLD), shadow.built(new)
    other = this_process("other")
    monkeypatch.setattr(leases, "held", partial(leases.held, wait_s=0))
    with leases.held(old.settings.state, "shadow", ["all"], owner=other):
        for attempt in (
            lambda: shadow.build(new, [NINE], run_id="mine"),
            lambda: swap(new, run_id="mine"),
            lambda: shadow.discard(old.settings),
        ):
            with pytest.raises(HoursBusyError, match="written by other"):
                attempt()
    with (
        leases.held(old.settings.state, "gold", [TEN], owner=other),
        pytest.raises(HoursBusyError, match=f"gold {TEN} has been written by other"),
    ):
        swap(new, run_id="mine")
    assert versions(old, GOLD) == before
    assert shadow.built(new) == built
    assert not [*stale_gold(old, hour_state.current(old.lake))]
    swap(new, run_id="swap")
    assert sessions(new) == 3


def test_rows_gone_from_the_shadow_never_empty_the_lake(old: Workspace) -> None:
    new = with_idle(old, 600)
    shadow.build(new, [NINE, TEN], run_id="try")
    DeltaTable(delta.location(shadow.of(new).lake, FACT_SESSIONS)).delete()
    with pytest.raises(OutdatedShadowError, match=f"{FACT_SESSIONS.path} holds 0 rows where 2"):
        swap(new, run_id="swap")
    assert sessions(old) == 2
    shadow.discard(old.settings)
    bring_up(old)
    assert sessions(old) == 2
    verified(old)

"""The platform runs by itself: files are dropped, and the sensors of a real daemon do the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clickstream_platform.engine.server import Engine
from clickstream_platform.tables.gold import DAILY
from clickstream_platform_tests.homes import json_line
from clickstream_platform_tests.services.daemon import BOOKS, Watched

pytestmark = [pytest.mark.service, pytest.mark.prove, pytest.mark.timeout(2 * 3600)]
HOURS = [f"2024-11-29T{hour:02}" for hour in range(24)]
ARRIVAL, FORTY_DAYS_EARLIER = "2024-11-30T01", "2024-10-20T07"
SILVER_AND_GOLD_S = 1800.0  # a guard, not a measure: slow machines take minutes


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    found = Watched(tmp_path_factory.mktemp("home"))
    try:
        yield found
    finally:
        Engine(found.settings).stop()


def line(event_id: str, time: str, user: str = "u") -> bytes:
    return json_line(event_id=event_id, timestamp=f"{time}Z", event_type="page_view", user_id=user)


def test_dropped_files_reach_gold_and_a_late_event_touches_one_old_hour(home: Watched) -> None:
    for number, hour in enumerate(HOURS):
        lines = [line(f"{number}-{n}", f"{hour}:{n:02}:00", f"u{n}") for n in range(30)]
        home.drop(hour, "events.json", b"\n".join(lines))
    home.settings.logs.mkdir(parents=True, exist_ok=True)
    with home.running():
        taken = home.until(
            lambda: _is_everywhere(home, HOURS), within_s=SILVER_AND_GOLD_S, what="gold of the day"
        )
        print(f"\n24 hours in gold after {taken:.0f} s, engine and daemon started meanwhile")
        before = home.versions()
        home.drop(ARRIVAL, "late.json", line("late", f"{FORTY_DAYS_EARLIER}:30:00", "traveller"))
        taken = home.until(
            lambda: _is_everywhere(home, [FORTY_DAYS_EARLIER, *HOURS]),
            within_s=SILVER_AND_GOLD_S,
            what="gold of the old hour",
        )
        print(f"the late event in gold after {taken:.0f} s")
    written = {path: home.written(path, version) for path, version in before.items()}
    hours = {path: sorted({h for some in w.values() for h in some}) for path, w in written.items()}
    old, old_day = [FORTY_DAYS_EARLIER], [FORTY_DAYS_EARLIER[:10]]
    changed = {path: found for path, found in hours.items() if found and path not in BOOKS}
    daily = {table.path: changed.pop(table.path) for table in DAILY if table.path in changed}
    assert daily.keys() >= {"gold/fact_daily_metrics", "gold/traffic_daily"}
    assert {path: days for path, days in daily.items() if days != old_day} == {}
    assert changed == {
        "bronze/events": [ARRIVAL],
        "silver/events": old,
        "gold/fact_events": old,
        "gold/fact_sessions": old,
        "gold/funnel_10min": old,
        "gold/funnel_hourly": old,
        "gold/hourly_metrics": old,
    }
    assert hours["ops/lateness_hourly"] == [ARRIVAL]
    assert hours["ops/conservation_ledger"] == old  # keyed by home hour
    assert home.call("verify", "--json")["ok"]
    status = home.call("status", "--json")
    through = {row["table"]: row["complete_through"] for row in status["tables"]}
    assert through["gold/hourly_metrics"] == "2024-11-30T00:00:00Z"  # the end of the newest hour


def _is_everywhere(home: Watched, hours: list[str]) -> bool:
    """These hours are in every hourly gold table, nothing is stale and no run goes on."""
    found = home.gold_hours()
    if not found or not all(set(hours) <= set(of_table) for of_table in found.values()):
        return False
    if home.is_stale():
        return False
    return not home.call("status", "--json")["dagster"]["unfinished_runs"]

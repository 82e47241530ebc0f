"""Hours that are late, one by one: in the alerts, and on Dagster's `freshness` checks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from clickstream_platform.monitoring import freshness_sensor as module
from clickstream_platform.monitoring import rules
from clickstream_platform.monitoring.rules import standing
from clickstream_platform.operations.late_hours import HELD_BACK, NOT_ARRIVED, NOT_BUILT, late_hours
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.queries import lake_rows

DAY = "2026-11-20T"
LIMITS = {"stale_after_s": 7200, "late_after_s": 900, "lookback_hours": 24}


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"{DAY}{clock}").replace(tzinfo=UTC)


def built(table: str, hour: int, clock: str, version: int, **rest: Any) -> dict[str, Any]:
    """A row of `ops/hour_state`, recorded at `clock`; its newest event is in mid-hour."""
    key = f"{DAY}{hour:02}"
    return lake_rows.state(
        key, f"{hour:02}:30:00", clock, table=table, version=version, reach_from=key,
        reach_to=key, **rest
    )  # fmt: skip


def write(home: Settings, *rows: dict[str, Any]) -> None:
    lake_rows.write(home.home, "ops/hour_state", rows)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Hours 8 to 11 came and were built in time."""
    found = read_settings(home=tmp_path, alerts=LIMITS)
    for hour in range(8, 12):
        clock = f"{hour:02}:40:00"
        write(
            found,
            built("bronze/events", hour, clock, version=hour),
            built("silver/events", hour, clock, version=hour, input_version=hour),
            built("gold/fact_events", hour, clock, version=hour, input_version=hour),
        )
    return found


def late(home: Settings, clock: str) -> set[tuple[str, str, str]]:
    """(table, hour of the day, why), of the tables that have hours."""
    found = late_hours(home, now=at(clock))
    assert found is not None
    tables = ("silver/events", "gold/fact_events")
    return {(x.table, x.hour[-2:], x.why) for x in found if x.table in tables}


def keys(home: Settings, clock: str) -> set[str]:
    return {alert.key for alert in standing(home, now=at(clock))}


def keys_of_hours(home: Settings, clock: str) -> set[str]:
    """Those that are not about days: the home has no mart."""
    return keys(home, clock) - {"late:daily"}


def test_an_hour_of_which_nothing_came_is_late_once_it_ended_long_enough_ago(
    home: Settings,
) -> None:
    assert late(home, "14:59:59") == set()
    missing = {(table, "12", NOT_ARRIVED) for table in ("silver/events", "gold/fact_events")}
    assert late(home, "15:00:00") == missing


def test_only_its_own_build_ends_it_and_no_build_of_an_old_hour(home: Settings) -> None:
    write(
        home,
        built("silver/events", 8, "14:00:00", version=20, input_version=8),
        built("gold/fact_events", 8, "14:00:00", version=20, input_version=20),
    )
    assert {hour for _, hour, _ in late(home, "15:00:00")} == {"12"}
    write(
        home,
        built("bronze/events", 12, "15:01:00", version=21),
        built("silver/events", 12, "15:01:00", version=21, input_version=21),
        built("gold/fact_events", 12, "15:01:00", version=21, input_version=21),
    )
    assert late(home, "15:02:00") == set()


def test_what_waits_is_judged_by_its_oldest_input_that_was_not_built(home: Settings) -> None:
    write(home, built("bronze/events", 11, "11:50:00", version=20))
    write(home, built("bronze/events", 11, "12:04:00", version=21))  # a busy hour's newest is young
    assert late(home, "12:04:59") == set()
    assert late(home, "12:05:00") == {("silver/events", "11", NOT_BUILT)}
    assert keys_of_hours(home, "12:04:59") == set()
    assert keys_of_hours(home, "12:05:00") == {"late:silver"}
    write(home, built("silver/events", 11, "12:06:00", version=22, input_version=21))
    assert keys_of_hours(home, "12:06:00") == set()  # gold has waited for no time yet
    assert keys_of_hours(home, "12:21:00") == {"late:gold"}
    write(home, built("gold/fact_events", 11, "12:22:00", version=23, input_version=22))
    assert keys_of_hours(home, "12:22:00") == set()


def test_gold_is_not_told_of_for_hours_that_silver_waits_for(home: Settings) -> None:
    write(home, built("silver/events", 11, "11:45:00", version=19, input_version=11))
    write(home, built("bronze/events", 11, "11:50:00", version=20))
    assert {table for table, _, _ in late(home, "12:10:00")} == {"silver/events",
                                                                "gold/fact_events"}  # fmt: skip
    assert keys_of_hours(home, "12:10:00") == {"late:silver"}


def test_a_held_back_hour_is_late_at_once_and_told_of_by_its_check_alone(home: Settings) -> None:
    write(home, built("silver/events", 11, "11:50:00", version=20, input_version=20,
                      blocked_by="unique"))  # fmt: skip
    assert late(home, "11:51:00") == {("silver/events", "11", f"{HELD_BACK} by unique")}
    assert keys_of_hours(home, "11:51:00") == {"red_check:silver/events:unique"}


def test_a_lake_whose_newest_event_is_a_day_old_is_stale_and_its_hours_are_not_judged(
    home: Settings,
) -> None:
    tomorrow = at("11:31:00") + timedelta(days=1)
    assert late_hours(home, now=tomorrow) is None
    found = {alert.key for alert in standing(home, now=tomorrow)}
    assert found - {"late:daily"} == {"stale"}


def test_a_day_is_late_when_its_marts_wait_for_hours_written_since(home: Settings) -> None:
    def mart(name: str, clock: str) -> dict[str, Any]:
        return lake_rows.state(DAY[:-1], None, clock, table=f"gold/{name}")

    write(home, mart("fact_daily_metrics", "11:45:00"), mart("traffic_daily", "11:46:00"))
    assert keys(home, "12:39:00") == set()
    rebuilt = built("gold/fact_events", 11, "11:50:00", version=11, input_version=11)
    write(home, rebuilt)  # without a change: the same version
    assert keys(home, "12:39:00") == set()
    for clock, version in (("12:00:00", 30), ("12:10:00", 31)):
        write(home, built("gold/fact_events", 11, clock, version=version, input_version=11))
    assert keys(home, "12:14:59") == set()
    assert keys(home, "12:15:00") == {"late:daily"}
    write(home, mart("fact_daily_metrics", "12:16:00"))
    assert keys(home, "12:17:00") == {"late:daily"}  # the other mart still waits
    write(home, mart("traffic_daily", "12:16:00"))
    assert keys(home, "12:17:00") == set()


def test_a_day_without_any_mart_is_late_too(home: Settings) -> None:
    assert keys(home, "08:54:59") == set()
    assert keys(home, "08:55:00") == {"late:daily"}


def test_a_rule_that_cannot_be_checked_is_told_and_keeps_no_other_from_it(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Settings, __: datetime) -> Iterator[Any]:
        raise OSError("connection refused")
        yield

    monkeypatch.setattr(rules, "RULES", (broken, *rules.RULES))
    write(home, built("silver/events", 11, "11:50:00", version=20, input_version=20,
                      blocked_by="unique"))  # fmt: skip
    found = {alert.key: alert for alert in standing(home, now=at("11:51:00"))}
    assert "red_check:silver/events:unique" in found
    assert found["unchecked:broken"].body == "connection refused"


# -- Dagster's checks ------------------------------------------------------------------------------


@pytest.fixture
def clock(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[datetime]]:
    """What the sensor takes for now, and the home it looks at."""
    moment = [at("12:00:00")]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return moment[0]

    monkeypatch.setattr(module, "datetime", Clock)
    monkeypatch.setattr(module, "settings", lambda: home)
    yield moment


def verdict(instance: dg.DagsterInstance, hour: str) -> bool | None:
    """The newest evaluation of an hour of silver/events; null without one."""
    key = dg.AssetCheckKey(dg.AssetKey(["silver", "events"]), "freshness")
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    of_hour = [r.event.asset_check_evaluation for r in records if r.partition == f"{DAY}{hour}"]
    return of_hour[0].passed if of_hour else None


def test_the_sensor_turns_the_hour_s_check_red_once_and_green_when_it_is_built(
    home: Settings, clock: list[datetime]
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:

        def tick(cursor: str | None) -> str | None:
            context = dg.build_sensor_context(instance=instance, cursor=cursor)
            return module.freshness_sensor(context).cursor

        cursor = tick(None)
        assert verdict(instance, "12") is None
        clock[0] = at("15:00:00")
        cursor = tick(tick(cursor))
        assert (verdict(instance, "12"), verdict(instance, "11")) == (False, None)
        key = dg.AssetCheckKey(dg.AssetKey(["silver", "events"]), "freshness")
        history = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
        assert len(history) == 1
        write(home, built("silver/events", 8, "15:00:30", version=30, input_version=8))
        cursor = tick(cursor)
        assert verdict(instance, "12") is False
        write(home, built("silver/events", 12, "15:01:00", version=31, input_version=31))
        cursor = tick(cursor)
        assert verdict(instance, "12") is True
        more = built("bronze/events", 11, "15:02:00", version=40)
        write(home, more)
        clock[0] = at("15:20:00")
        cursor = tick(cursor)
        assert verdict(instance, "11") is False
        write(home, built("silver/events", 11, "15:21:00", version=41, input_version=40),
              built("bronze/events", 11, "15:22:00", version=42))  # fmt: skip
        clock[0] = at("15:40:00")
        cursor = tick(cursor)  # built, and late again: said anew
        newest = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
        assert newest.event.asset_check_evaluation.metadata["since"].value.startswith(f"{DAY}15:22")
        clock[0] = at("12:31:00") + timedelta(days=1)
        assert tick(cursor) == cursor  # at rest: nothing turns green by waiting

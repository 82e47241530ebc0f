"""The ticks of both sensors on real folders and tables, without Spark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from clickstream_platform import run_tags
from clickstream_platform.assets.hourly import ONLY_STALE_TAG
from clickstream_platform.automation.sensors import landing_sensor, touched_hours_sensor
from clickstream_platform.hours import parse_hour
from clickstream_platform.operations.status import home_status
from clickstream_platform.resources.home import Home
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.storage.owners import this_process
from clickstream_platform.streaming.state import Heartbeat, StreamFolder, utc_now
from clickstream_platform.tables.ops import HOUR_STATE
from clickstream_platform_tests.automation.runs import finish, put_run

TEN, ELEVEN, FAR = "2024-11-29T10", "2024-11-29T11", "2024-10-20T05"


class Platform:
    """A home, a Dagster instance, and ticks of the sensors on both."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home = Home(path=str(home), automation={"settle_s": 0})
        self.workspace = self.home.workspace
        self.instance = instance
        self.cursor: str | None = None
        delta.init_table(self.workspace.lake, HOUR_STATE, None)

    def drop(self, hour: str, name: str) -> None:
        folder = self.workspace.settings.landing / "shop_json" / hour
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}\n")

    def land(self) -> dg.SensorResult:
        """A tick of the landing sensor."""
        context = dg.build_sensor_context(instance=self.instance, resources={"home": self.home})
        return landing_sensor(context)

    def touch(self) -> dg.SensorResult:
        """A tick of the sensor of touched hours, which remembers its cursor."""
        context = dg.build_sensor_context(
            instance=self.instance, resources={"home": self.home}, cursor=self.cursor
        )
        found = touched_hours_sensor(context)
        self.cursor = found.cursor
        return found

    def record(self, *rows: tuple[str, str, int, int]) -> None:
        """States as (table, hour, version, input version)."""
        code = {"silver": self.workspace.silver_code, "gold": self.workspace.gold_code}
        hour_state.record(
            self.workspace.lake,
            [
                HourStateRow(
                    table=table,
                    hour=hour,
                    version=version,
                    input_version=read,
                    row_count=1,
                    code_version=code.get(table.split("/")[0], "received"),
                    run_id="r",
                    reach_from=hour,
                    reach_to=hour,
                )
                for table, hour, version, read in rows
            ],
            run_id="r",
        )


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Platform(tmp_path, instance)


def spans(found: dg.SensorResult) -> list[tuple[str, str]]:
    return [
        (request.tags[run_tags.RANGE_START], request.tags[run_tags.RANGE_END])
        for request in found.run_requests or ()
    ]


def test_new_files_are_asked_for_once_until_their_run_has_ended(platform: Platform) -> None:
    platform.drop(TEN, "a.json")
    platform.drop(ELEVEN, "b.json")
    platform.drop(FAR, "c.json")
    first = platform.land()
    assert spans(first) == [(FAR, FAR), (TEN, ELEVEN)]
    runs = [put_run(platform.instance, request, "ingest") for request in first.run_requests]
    second = platform.land()
    assert spans(second) == []
    assert "3 in progress" in str(second.skip_reason)
    for run in runs:
        finish(platform.instance, run, success=False)
    # The pause after a first failure is ten seconds; the same files then have another key.
    assert "3 waiting after a failure" in str(platform.land().skip_reason)
    claims = platform.workspace.manifest.claim([TEN, ELEVEN, FAR], owner=this_process("run"))
    assert len(claims) == 3
    assert "nothing to do" in str(platform.land().skip_reason)


def test_a_failed_run_asks_again_with_a_new_key(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.drop(TEN, "a.json")
    [first] = platform.land().run_requests
    finish(platform.instance, put_run(platform.instance, first, "ingest"), success=False)
    monkeypatch.setattr("clickstream_platform.automation.asking.FIRST_PAUSE_S", 0)
    [second] = platform.land().run_requests
    assert second.run_key != first.run_key
    assert spans(platform.land()) == [(TEN, TEN)]


def test_what_a_sensor_gave_up_is_said_in_its_tick_and_in_status(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_platform.automation.asking.FIRST_PAUSE_S", 0)
    platform.drop(TEN, "a.json")
    for _ in range(5):
        [request] = platform.land().run_requests
        finish(platform.instance, put_run(platform.instance, request, "ingest"), success=False)
    last = platform.land()
    assert f"GIVEN UP: {TEN}" in str(last.skip_reason)
    [tick] = home_status(platform.workspace.settings).ticks
    assert (tick.sensor, tick.given_up) == ("landing_sensor", (TEN,))
    platform.drop(TEN, "new.json")
    assert spans(platform.land()) == [(TEN, TEN)]


def test_few_hours_go_to_gold_in_one_run_and_many_to_bronze_first(platform: Platform) -> None:
    hours = [f"2024-11-29T{hour:02}" for hour in range(7)]
    for hour in hours[:6]:
        platform.drop(hour, "a.json")
    [few] = platform.land().run_requests
    assert few.job_name == "arrivals"
    assert few.tags[ONLY_STALE_TAG] == "true"
    platform.drop(hours[6], "a.json")
    [many] = platform.land().run_requests
    assert many.job_name == "ingest"
    assert ONLY_STALE_TAG not in many.tags


def test_hours_of_a_run_for_all_layers_are_not_asked_for_again(platform: Platform) -> None:
    platform.drop(TEN, "a.json")
    [request] = platform.land().run_requests
    run = put_run(platform.instance, request, request.job_name)
    platform.record(("bronze/events", TEN, 1, -1), ("bronze/events", FAR, 1, -1))
    assert spans(platform.touch()) == [(FAR, FAR)]
    finish(platform.instance, run, success=True)
    assert spans(platform.touch()) == [(FAR, FAR), (TEN, TEN)]


def test_lines_reach_bronze_though_a_run_for_all_layers_failed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_platform.automation.asking.FIRST_PAUSE_S", 0)
    platform.drop(TEN, "a.json")
    [request] = platform.land().run_requests
    finish(platform.instance, put_run(platform.instance, request, "arrivals"), success=False)
    for name in ("b.json", "c.json"):
        platform.drop(TEN, name)
        [again] = platform.land().run_requests
        assert again.job_name == "ingest"
        finish(platform.instance, put_run(platform.instance, again, "ingest"), success=True)
    platform.drop(ELEVEN, "d.json")
    platform.workspace.manifest.claim([TEN], owner=this_process("run"))
    assert [request.job_name for request in platform.land().run_requests] == ["arrivals"]


def test_lines_go_to_bronze_alone_while_others_work_on_their_hours(platform: Platform) -> None:
    platform.record(("bronze/events", TEN, 1, -1))
    [repair] = platform.touch().run_requests
    put_run(platform.instance, repair, "repair")
    platform.drop(TEN, "late.json")
    assert [request.job_name for request in platform.land().run_requests] == ["ingest"]


def test_files_of_a_living_stream_are_not_taken_to_gold_beside_it(platform: Platform) -> None:
    folder, beat = living_stream(platform, "shop_json")
    platform.drop(TEN, "a.json")
    assert [request.job_name for request in platform.land().run_requests] == ["ingest"]
    folder.beat(replace(beat, phase="stopped"))
    platform.drop(ELEVEN, "b.json")
    assert {request.job_name for request in platform.land().run_requests} == {"arrivals"}


def test_a_run_for_all_layers_covers_no_hour_between(platform: Platform) -> None:
    platform.drop(TEN, "a.json")
    platform.drop("2024-11-29T12", "b.json")
    found = platform.land()
    assert spans(found) == [(TEN, TEN), ("2024-11-29T12", "2024-11-29T12")]


def test_exactly_the_stale_hours_are_asked_for(platform: Platform) -> None:
    platform.record(("bronze/events", TEN, 1, -1), ("bronze/events", FAR, 2, -1))
    platform.record(("silver/events", TEN, 1, 1))
    found = platform.touch()
    assert spans(found) == [(FAR, FAR), (TEN, TEN)]  # silver of FAR, gold of TEN
    assert {request.tags[ONLY_STALE_TAG] for request in found.run_requests} == {"true"}
    [_, ten] = found.run_requests
    put_run(platform.instance, ten, "repair")
    assert spans(platform.touch()) == [(FAR, FAR)]


def arrived(hour: str, *sources: str) -> HourStateRow:
    return HourStateRow(
        table="bronze/events", hour=hour, version=1, input_version=-1, row_count=1,
        code_version="received", run_id="r", reach_from=hour, reach_to=hour, sources=sources,
    )  # fmt: skip


def living_stream(platform: Platform, source: str = "clicks") -> tuple[StreamFolder, Heartbeat]:
    folder = StreamFolder(platform.workspace.settings, source)
    beat = Heartbeat(source, "running", "run", this_process("run"), utc_now(), utc_now())
    return folder, folder.beat(beat)


def test_hours_of_a_living_stream_alone_are_left_to_it_until_it_dies(platform: Platform) -> None:
    mixed = arrived(ELEVEN, "clicks", "shop_json")
    rows = [arrived(TEN, "clicks"), mixed, arrived(FAR, "shop_json")]
    hour_state.record(platform.workspace.lake, rows, run_id="r")
    folder, alive = living_stream(platform)
    found = platform.touch()
    assert spans(found) == [(FAR, FAR), (ELEVEN, ELEVEN)]
    assert "1 left to streams" in home_status(platform.workspace.settings).ticks[0].said
    folder.beat(replace(alive, owner="run|1|0.000"))  # its process is gone
    assert spans(platform.touch()) == [(FAR, FAR), (TEN, ELEVEN)]


def test_an_hour_that_a_living_stream_gave_up_is_asked_for(platform: Platform) -> None:
    rows = [arrived(TEN, "clicks"), arrived(ELEVEN, "clicks")]
    hour_state.record(platform.workspace.lake, rows, run_id="r")
    folder, alive = living_stream(platform)
    assert platform.touch().run_requests == []
    folder.beat(replace(alive, given_up={TEN: "gold: a file is missing"}))
    assert spans(platform.touch()) == [(TEN, TEN)]


def test_a_tick_looks_again_while_hours_are_left_to_a_stream(platform: Platform) -> None:
    hour_state.record(platform.workspace.lake, [arrived(TEN, "clicks")], run_id="r")
    folder, alive = living_stream(platform)
    for _ in range(2):
        message = str(platform.touch().skip_reason.skip_message)
        assert message == "nothing to do; 1 left to streams"
    folder.beat(replace(alive, phase="stopped"))  # no new state: the heartbeat alone tells
    assert spans(platform.touch()) == [(TEN, TEN)]


def test_a_run_from_the_ui_covers_its_hours_too(platform: Platform) -> None:
    platform.record(("bronze/events", TEN, 1, -1))
    asset = frozenset({dg.AssetKey(["silver", "events"])})
    run = dg.DagsterRun(
        job_name="__ASSET_JOB", tags={run_tags.PARTITION: TEN}, asset_selection=asset,
        status=dg.DagsterRunStatus.STARTED,
    )  # fmt: skip
    platform.instance.run_storage.add_run(run)
    assert "1 in progress" in str(platform.touch().skip_reason)


def test_a_new_state_of_a_stale_hour_is_new_work(platform: Platform) -> None:
    platform.record(("bronze/events", TEN, 1, -1))
    [first] = platform.touch().run_requests
    [again] = platform.touch().run_requests
    assert again.run_key == first.run_key
    platform.record(("bronze/events", TEN, 2, -1))
    [second] = platform.touch().run_requests
    assert second.run_key != first.run_key


def test_while_nothing_changes_a_tick_does_not_even_read_the_states(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert str(platform.touch().skip_reason.skip_message) == "nothing to do"

    def unread(_: Path) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(hour_state, "current", unread)
    assert str(platform.touch().skip_reason.skip_message) == "nothing changed"


def test_a_tick_leaves_no_engine_and_no_spark_session(platform: Platform) -> None:
    platform.drop(TEN, "a.json")
    platform.land()
    platform.touch()
    assert not (platform.workspace.settings.state / "engine").exists()


def test_complete_through_stops_at_stale_hours_and_waiting_files(platform: Platform) -> None:
    platform.record(*[("bronze/events", hour, 1, -1) for hour in (FAR, TEN, ELEVEN)])
    platform.record(*[("silver/events", hour, 1, 1) for hour in (FAR, TEN, ELEVEN)])
    platform.record(*[("gold/hourly_metrics", hour, 1, 1) for hour in (FAR, ELEVEN)])
    for path in ("bronze/events", "silver/events", "gold/hourly_metrics"):
        table = platform.workspace.lake / path
        table.mkdir(parents=True)
    through = _complete_through(platform)
    assert through["silver/events"] == datetime(2024, 11, 29, 12, tzinfo=UTC)
    assert through["gold/hourly_metrics"] == parse_hour(TEN)  # never built
    platform.record(("bronze/events", FAR, 2, -1))
    through = _complete_through(platform)
    assert through["bronze/events"] == datetime(2024, 11, 29, 12, tzinfo=UTC)
    assert through["silver/events"] == through["gold/hourly_metrics"] == parse_hour(FAR)


def _complete_through(platform: Platform) -> dict[str, datetime]:
    from clickstream_platform.queries.lake import Lake  # noqa: PLC0415
    from clickstream_platform.queries.named import find  # noqa: PLC0415

    with Lake(platform.workspace.settings) as lake:
        rows = lake.rows(find("complete_through").sql)
    return {str(row["table"]): row["complete_through"] for row in rows}


def test_the_cursor_is_json_with_the_progress_of_the_bookkeeping(platform: Platform) -> None:
    platform.record(("silver/events", TEN, 1, 1))
    platform.touch()
    assert platform.cursor is not None
    assert json.loads(platform.cursor)["progress"]["bronze_version"] == -1

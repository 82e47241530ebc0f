"""Who materialises in the UI what is up to date writes nothing: a real Dagster instance, on a home
whose every file is listed before and after."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from clickstream_platform import run_tags
from clickstream_platform.assets.daily import daily, snapshots
from clickstream_platform.assets.hourly import bronze, gold, silver
from clickstream_platform.assets.specs import FORCE_TAG
from clickstream_platform.build.daily import build_daily, build_snapshots
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.hours import day_of
from clickstream_platform.resources.lake import Lake
from clickstream_platform.resources.spark import SparkEngine
from clickstream_platform.settings import Settings, settings
from clickstream_platform.storage import doubts
from clickstream_platform.tables.daily import FACT_DAILY_METRICS
from clickstream_platform.tables.products import DIM_PRODUCT_METRICS
from clickstream_platform_tests.homes import bring_up, json_line, land

TEN, ELEVEN = "2026-11-20T10", "2026-11-20T11"
EMPTY = "2026-11-20T12"
HOURS = {run_tags.RANGE_START: TEN, run_tags.RANGE_END: EMPTY}
FORCED = {FORCE_TAG: "true"}
EVENTS, SESSIONS = dg.AssetKey(["silver", "events"]), dg.AssetKey(["gold", "fact_sessions"])
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Hourly: Sequence[dg.AssetsDefinition] = (bronze, silver, gold)


@pytest.fixture(scope="module")
def built(
    new_workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """Two hours, brought up to date; each test has a copy."""
    workspace = new_workspace(tmp_path_factory.mktemp("built"))
    for hour in (TEN, ELEVEN):
        land(workspace, "shop_json", hour, "all.json", lines_of(hour))
    bring_up(workspace)
    build_daily(workspace, [day_of(TEN)], run_id="test", tables=[FACT_DAILY_METRICS])
    build_snapshots(workspace, run_id="test", tables=[DIM_PRODUCT_METRICS])
    return workspace


@pytest.fixture
def home(built: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The home that this process's assets work in."""
    folder = tmp_path / "home"
    shutil.copytree(built.settings.home, folder)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(folder))
    monkeypatch.setenv("CLICKSTREAM_AUTOMATION__SETTLE_S", "0")
    settings.cache_clear()
    yield Workspace(settings(), built.session)
    settings.cache_clear()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def lines_of(hour: str, *more: bytes) -> bytes:
    def event(name: str, minute: int, **fields: object) -> bytes:
        return json_line(
            event_id=f"{name}-{hour}", event_type=name, user_id="u-1", session_id="s-1",
            timestamp=f"{hour}:{minute:02}:00Z", product_id="p-1", price=9.5, quantity=1, **fields,
        )  # fmt: skip

    return b"\n".join([event("page_view", 1), event("product_view", 25), *more])


def files(home: Workspace) -> dict[str, tuple[int, int]]:
    """Every file under the lake, with its size and time."""
    found = [path for path in home.lake.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def materialise(
    assets: Sequence[dg.AssetsDefinition],
    instance: dg.DagsterInstance,
    engine: Settings,
    tags: dict[str, str],
    **chosen: Any,
) -> dg.ExecuteInProcessResult:
    lake = Lake(engine=SparkEngine.of(engine))
    return dg.materialize(
        assets, instance=instance, resources={"lake": lake}, tags=tags, run_config=QUIET, **chosen
    )


def told(done: dg.ExecuteInProcessResult, asset: dg.AssetKey) -> dict[str, dict[str, Any]]:
    """The metadata of each hour of the asset, as plain values."""
    return {
        str(event.partition): {k: v.value for k, v in event.materialization.metadata.items()}
        for event in done.get_asset_materialization_events()
        if event.asset_key == asset
    }


def test_hours_that_are_up_to_date_are_reported_and_no_file_is_written(
    home: Workspace, instance: dg.DagsterInstance, engine_settings: Settings
) -> None:
    before = files(home)
    done = materialise(Hourly, instance, engine_settings, HOURS)
    assert done.success
    assert files(home) == before
    for asset, rows in ((EVENTS, 2), (SESSIONS, 1)):
        hours = told(done, asset)
        assert {*hours} == {TEN, ELEVEN, EMPTY}  # green in the UI
        for hour in (TEN, ELEVEN):
            assert hours[hour]["unchanged"] is True
            assert FORCE_TAG in hours[hour]["not_built"]
        assert hours[TEN]["dagster/partition_row_count"] == rows
    contract = [
        check
        for check in done.get_asset_check_evaluations()
        if check.asset_key == EVENTS and check.check_name == "contract" and check.partition == TEN
    ]
    assert contract
    assert all(check.passed and "not_evaluated" in check.metadata for check in contract)
    assert not told(done, dg.AssetKey(["ops", "hour_state"]))


def test_what_is_up_to_date_for_a_day_and_over_all_time_writes_no_file(
    home: Workspace, instance: dg.DagsterInstance, engine_settings: Settings
) -> None:
    before = files(home)
    day = day_of(TEN)
    chosen = {"partition_key": day, "selection": [dg.AssetKey(FACT_DAILY_METRICS.key)]}
    assert materialise([daily], instance, engine_settings, {}, **chosen).success
    selection = [dg.AssetKey(DIM_PRODUCT_METRICS.key)]
    assert materialise([snapshots], instance, engine_settings, {}, selection=selection).success
    assert files(home) == before


def test_the_force_tag_builds_and_writes_what_is_up_to_date(
    home: Workspace, instance: dg.DagsterInstance, engine_settings: Settings
) -> None:
    before = files(home)
    done = materialise(Hourly, instance, engine_settings, FORCED, partition_key=TEN)
    assert done.success
    for asset in (EVENTS, SESSIONS):
        assert "not_built" not in told(done, asset)[TEN]
    new = {Path(path).relative_to(home.lake).as_posix() for path in {*files(home)} - {*before}}
    for table in ("silver/events", "gold/fact_sessions", "ops/hour_state", "ops/dq_results"):
        assert any(name.startswith(table) for name in new), table


def test_only_the_hour_with_a_new_line_is_built(
    home: Workspace, instance: dg.DagsterInstance, engine_settings: Settings
) -> None:
    late = lines_of("2026-11-20T11", json_line(
        event_id="late", event_type="page_view", user_id="u-2", session_id="s-2",
        timestamp="2026-11-20T11:40:00Z",
    ))  # fmt: skip
    land(home, "shop_json", ELEVEN, "late.json", late)
    hours = told(materialise(Hourly, instance, engine_settings, HOURS), EVENTS)
    assert hours[ELEVEN]["dagster/partition_row_count"] == 3
    assert (hours[TEN]["unchanged"], hours[ELEVEN]["unchanged"]) == (True, False)
    assert "not_built" not in hours[ELEVEN]


def test_an_hour_that_a_crash_left_in_doubt_is_built(
    home: Workspace, instance: dg.DagsterInstance, engine_settings: Settings
) -> None:
    doubts.begin(home.settings.state, "silver", [TEN], writer="rebuild")
    done = materialise([silver], instance, engine_settings, {}, partition_key=TEN)
    assert "not_built" not in told(done, EVENTS)[TEN]
    assert not doubts.among(home.settings.state, "silver", [TEN])

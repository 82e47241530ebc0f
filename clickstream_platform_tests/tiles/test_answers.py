"""A tile's answer equals the named question's, and says how far it can be trusted."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake

from clickstream_platform.queries.lake import Lake, QueryError
from clickstream_platform.queries.named import find
from clickstream_platform.queries.views import base_tables
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.tiles.answers import ALL_HOURS, PART_DAYS, answer, stamp
from clickstream_platform.tiles.model import Tile, View
from clickstream_platform.tiles.pages import PAGES
from clickstream_platform_tests.queries import lake_rows
from clickstream_platform_tests.queries.daily_rows import build as write_daily
from clickstream_platform_tests.queries.lake_rows import ELEVEN, TEN

TILES = [tile for page in PAGES for tile in page.tiles]
SESSIONS = Tile("Sessions", "session_totals")


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: f"{tile.query}-{tile.title}")
def test_every_tile_shows_the_rows_of_its_named_question(tile: Tile, tiny: Settings) -> None:
    question = find(tile.query)
    found = answer(tiny, tile, View(first=TEN, last=TEN))
    hours = question.span({"from": TEN, "to": TEN})
    with Lake(tiny) as lake:
        missing = base_tables(question.tables) - set(lake.tables)
        if missing:
            assert found.problem is not None
            assert all(name in found.problem for name in missing)
            return
        expected = lake.rows(question.sql, question.values({**hours, **tile.params}))
    assert found.problem is None
    assert found.rows is not None
    assert found.rows.to_pylist() == expected
    if tile.figure is not None and expected:
        assert tile.figure(found.rows).data
    for number in tile.numbers:
        assert number.column in found.rows.column_names
    assert (ALL_HOURS in found.unfiltered) == (not hours)
    assert (PART_DAYS in found.unfiltered) == question.is_of_days


def test_the_hours_chosen_move_everything_that_is_not_about_all_time() -> None:
    still = {tile.query for tile in TILES if not {"from", "to"} <= set(find(tile.query).params)}
    assert still == {
        *("rfm_segments", "customer_segments", "retention"),
        *("bought_together", "viewed_then_bought", "high_interest_low_conversion"),
    }


def test_a_tile_tells_how_far_its_data_goes_and_which_check_is_red(tiny: Settings) -> None:
    found = answer(tiny, SESSIONS, View())
    assert found.data_through == datetime(2026, 11, 20, 11, 7, tzinfo=UTC)
    assert "silver/events unique: 1 hour" in found.red
    early = answer(tiny, SESSIONS, View(last=TEN))
    assert early.data_through == datetime(2026, 11, 20, 10, 40, tzinfo=UTC)
    assert early.red == ("silver/events max_reject_rate: 1 hour",)
    assert early.warned == ("silver/events no_visitor: 1 hour",)


def test_a_failed_rule_makes_only_the_tiles_of_its_table_red(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path)
    bad = lake_rows.result("gold/fact_sessions", ELEVEN, "key_unique", "block", 3, "12:30:00")
    lake_rows.write(home.home, "ops/dq_results", [bad])
    red = answer(home, SESSIONS, View()).red
    assert "gold/fact_sessions key_unique: 1 hour" in red
    assert red != answer(home, SESSIONS, View(last=TEN)).red
    assert not any("fact_sessions" in r for r in answer(home, Tile("F", "funnel"), View()).red)


def test_a_failed_rule_of_a_day_or_of_all_time_is_red_in_each_of_its_hours(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path)
    write_daily(home.home)
    day = lake_rows.result("gold/journey_paths", TEN[:10], "key_unique", "block", 1, "12:30:00")
    whole = lake_rows.result("gold/rfm_scores", "all", "key_unique", "block", 1, "12:30:00")
    lake_rows.write(home.home, "ops/dq_results", [day, whole])
    for view in (View(), View(first=ELEVEN), View(last=TEN), View(first=TEN, last=TEN)):
        red = answer(home, Tile("J", "journeys"), view).red
        assert "gold/journey_paths key_unique: 1 hour" in red
        assert (
            "gold/rfm_scores key_unique: 1 hour"
            in answer(home, Tile("R", "rfm_segments"), view).red
        )
    before = View(last="2026-11-19T23")
    assert answer(home, Tile("J", "journeys"), before).red == ()


def test_gold_goes_as_far_as_the_events_it_was_built_from(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path)
    built = [
        lake_rows.state(hour, None, "12:05:00", table=table)
        for table in ("gold/fact_sessions", "gold/hourly_metrics")
        for hour in (TEN, ELEVEN)
    ]
    late = lake_rows.state(ELEVEN, "11:55:00", "12:06:00")
    through = [answer(home, SESSIONS, View()).data_through]
    for rows in (built, [late], [built[1] | {"recorded_at": lake_rows.at("12:07:00")}]):
        lake_rows.write(home.home, "ops/hour_state", rows)
        through.append(answer(home, SESSIONS, View()).data_through)
    old, new = (datetime(2026, 11, 20, 11, minute, tzinfo=UTC) for minute in (7, 55))
    assert through == [old, old, old, new]
    assert answer(home, Tile("L", "live"), View()).data_through == old  # its table is still behind


def test_a_mart_of_before_it_counted_without_robots_says_that_they_are_in(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path)
    live, no_robots = Tile("L", "live"), View(with_bots=False)
    assert "is_bot" not in answer(home, live, no_robots).unfiltered
    path = home.lake / "gold" / "hourly_metrics"
    rows = DeltaTable(str(path)).to_pyarrow_table(filters=[("traffic", "=", "all")])
    shutil.rmtree(path)
    write_deltalake(str(path), rows.drop_columns(["traffic"]), partition_by=["event_hour"])
    found = answer(home, live, no_robots)
    assert "is_bot" in found.unfiltered
    assert found.rows is not None
    assert found.rows.equals(answer(home, live, View()).rows)
    assert "traffic" not in found.command


def test_a_table_that_does_not_exist_is_a_friendly_sentence(tmp_path: Path) -> None:
    found = answer(empty_home(tmp_path), SESSIONS, View())
    assert found.rows is None
    assert found.problem is not None
    assert found.problem.startswith("Not built yet: gold.bot_visitors_hourly, gold.fact_s")
    assert "clickstream run" in found.problem


def empty_home(path: Path) -> Settings:
    return Settings(home=path)


def test_a_filter_no_table_of_the_tile_knows_is_named_and_not_half_applied(tiny: Settings) -> None:
    tile = Tile("Funnel", "funnel")
    view = View(device="mobile")
    assert answer(tiny, tile, view).unfiltered == ("device_category",)
    assert answer(tiny, tile, view).rows == answer(tiny, tile, View()).rows


def test_as_reported_on_reads_the_older_version_and_a_commit_changes_the_stamp(
    tmp_path: Path,
) -> None:
    home = lake_rows.build(tmp_path)
    before, then = stamp(home, SESSIONS), datetime.now(UTC)
    late = lake_rows.session("late", "10:50:00", "10:51:00", purchases=1)
    lake_rows.write(home.home, "gold/fact_sessions", [late])
    now, was = (answer(home, SESSIONS, View(as_of=as_of)).rows for as_of in (None, then))
    assert now is not None
    assert was is not None
    assert (now["sessions"][0].as_py(), was["sessions"][0].as_py()) == (5, 4)
    assert stamp(home, SESSIONS) != before


def test_only_keeps_rows_with_the_value_and_refuses_a_table_without_the_column(
    tiny: Settings,
) -> None:
    sql = "select count(*) as n from gold.fact_sessions"
    with Lake(tiny, only={"landing_page": "/"}) as lake:
        assert lake.rows(sql) == [{"n": 3}]
    with Lake(tiny, only={"is_engaged": True}) as lake:
        assert lake.rows(sql) == [{"n": 1}]
    with Lake(tiny, only={"landing_page": "/' or true --"}) as lake:
        assert lake.rows(sql) == [{"n": 0}]
    with Lake(tiny, only={"shoe_size": "9"}) as lake, pytest.raises(QueryError, match="shoe_size"):
        lake.rows(sql)


def test_a_view_is_a_value() -> None:
    assert replace(View(), device="tablet").only == {"device_category": "tablet"}
    assert View(with_bots=False, channel="Direct").only == {
        "channel_group": "Direct",
        "is_bot": False,
    }
    assert View(first=TEN).hours == {"from": TEN}


def test_bots_left_out_are_the_visitors_that_were_robots_that_day(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path)
    lake_rows.write(home.home, "gold/bot_visitors_hourly", [
        {"event_hour": TEN, "visitor_id": "left", "is_bot": True},
        {"event_hour": ELEVEN, "visitor_id": "open", "is_bot": False},
    ])  # fmt: skip
    found = answer(home, SESSIONS, View(with_bots=False))
    assert found.unfiltered == ()
    assert found.rows is not None
    assert found.rows["sessions"].to_pylist() == [3]
    with Lake(home, only={"is_bot": True}) as lake:
        rows = lake.rows("select session_id from gold.fact_sessions")
    assert rows == [{"session_id": "left"}]


def test_bots_left_out_of_a_mart_that_counts_both_ways_are_asked_by_parameter(
    full: Settings,
) -> None:
    tile = Tile("R", "rfm_segments")
    counted = {}
    for with_bots in (True, False):
        found = answer(full, tile, View(with_bots=with_bots, channel="Email"))
        assert found.rows is not None
        assert found.unfiltered == ("channel_group",)
        assert ("--param traffic=human" in found.command) is not with_bots
        counted[with_bots] = found.rows["customers"].to_pylist()
    assert counted == {True: [2], False: [1]}
    carts = answer(full, Tile("C", "abandoned_carts"), View(with_bots=False))
    assert carts.rows is not None
    assert carts.unfiltered == ()
    assert sum(carts.rows["carts"].to_pylist()) == 2


def test_a_mart_from_before_it_marked_robots_says_that_they_are_in(
    full: Settings, tmp_path: Path
) -> None:
    shutil.copytree(full.home, tmp_path / "home")
    older = read_settings(home=tmp_path / "home")
    stored = DeltaTable(str(older.lake / "gold/cart_abandonment"))
    rows = stored.to_pyarrow_table().drop_columns(["is_bot"])
    write_deltalake(stored, rows, mode="overwrite", schema_mode="overwrite")
    carts = answer(older, Tile("C", "abandoned_carts"), View(with_bots=False))
    assert carts.unfiltered == ("is_bot",)
    assert "traffic" not in carts.command

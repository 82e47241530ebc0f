"""The lake in DuckDB: views over the newest event, pruning, versions, and no way to write."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from clickstream_platform.errors import UsageError
from clickstream_platform.queries.extract import Extract, ExtractLake
from clickstream_platform.queries.lake import (
    Lake,
    NoSuchVersionError,
    QueryError,
    mentioned,
    parse_moment,
)
from clickstream_platform.queries.named import find
from clickstream_platform.setting_groups import FinalitySettings
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.storage import delta
from clickstream_platform.tables.marts import FUNNEL_10MIN, HOURLY_METRICS
from clickstream_platform_tests.queries import lake_rows
from clickstream_platform_tests.queries.lake_rows import ELEVEN, TEN, at


def test_progress_is_the_newest_row_of_each_hour_that_no_check_blocked(tiny: Settings) -> None:
    with Lake(tiny) as lake:
        assert lake.rows("from ops.progress") == [{"newest_event_at": at("11:07:00")}]


def test_a_revenue_window_is_final_120_s_after_its_end(tiny: Settings) -> None:
    sql = "select distinct window_end, is_final from gold.v_revenue_5min order by all"
    with Lake(tiny) as lake:
        assert [tuple(row.values()) for row in lake.rows(sql)] == [
            (at("10:05:00"), True),
            (at("11:05:00"), True),  # ended exactly 120 s before the newest event
            (at("11:10:00"), False),
        ]


def test_a_funnel_window_is_final_300_s_after_its_end(tiny: Settings) -> None:
    sql = "select distinct event_hour, is_final from gold.v_funnel_10min order by all"
    with Lake(tiny) as lake:
        found = [tuple(row.values()) for row in lake.rows(sql)]
    assert found == [(TEN, True), (ELEVEN, False)]


def test_how_long_a_window_waits_is_a_setting(tiny: Settings) -> None:
    finality = FinalitySettings(revenue_5min_s=121, funnel_10min_s=3900)
    patient = tiny.model_copy(update={"finality": finality})
    with Lake(patient) as lake:
        revenue = lake.rows("select distinct window_end from gold.v_revenue_5min where is_final")
        funnel = lake.rows("select event_hour from gold.v_funnel_10min where is_final")
    assert [row["window_end"] for row in revenue] == [at("10:05:00")]
    assert funnel == []


def test_a_session_closes_after_more_than_the_idle_time(tiny: Settings) -> None:
    sql = "select session_id, is_closed, cart_abandoned from gold.v_fact_sessions order by all"
    with Lake(tiny) as lake:
        assert [tuple(row.values()) for row in lake.rows(sql)] == [
            ("bought", True, False),
            ("left", True, True),
            ("on_limit", False, False),  # exactly 1,800 s: a further event would still belong
            ("open", False, False),
        ]


def test_only_files_of_the_asked_hours_are_opened(tmp_path: Path, tiny: Settings) -> None:
    shutil.copytree(tiny.home, tmp_path, dirs_exist_ok=True)
    table = tmp_path / "lake" / "gold" / "revenue_5min"
    [path] = (table / f"event_hour={ELEVEN}").glob("*.parquet")
    path.write_bytes(b"not opened, not noticed")
    sql = "select count(*) as n from gold.v_revenue_5min where event_hour between $from and $to"
    with Lake(read_settings(home=tmp_path)) as lake:
        assert lake.rows(sql, {"from": "0000-01-01T00", "to": TEN}) == [{"n": 4}]
        with pytest.raises(QueryError, match="No magic bytes"):
            lake.rows(sql, {"from": TEN, "to": ELEVEN})


def test_only_mentioned_tables_are_opened(tmp_path: Path, tiny: Settings) -> None:
    shutil.copytree(tiny.home, tmp_path, dirs_exist_ok=True)
    for entry in (tmp_path / "lake" / "gold" / "fact_events" / "_delta_log").iterdir():
        entry.write_text("broken")
    with Lake(read_settings(home=tmp_path)) as lake:
        sql = "select 1 as n from gold.hourly_metrics -- gold.fact_events"
        assert lake.rows(sql) == [{"n": 1}] * 4


def test_mentions_survive_quotes_case_and_blanks() -> None:
    sql = 'select * from "gold"."fact_events" join GOLD . Fact_Sessions using (session_id)'
    assert mentioned(sql) == {"gold.fact_events", "gold.fact_sessions"}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("delete from gold.fact_events", "this is DELETE"),
        ("create table t as select 1", "Only reading is possible"),
        ("copy (select 1) to 'x.csv'", "this is COPY"),
        ("explain analyze copy (select 1) to 'x.csv'", "this is COPY"),
        ("EXPLAIN (analyze) copy (select 1) to 'x.csv'", "this is COPY"),
        ("/* */ explain copy (select 1) to 'x.csv'", "Only reading is possible"),
        ("attach 'x.db'", "Only reading is possible"),
        ("set threads = 1", "Only reading is possible"),
        ("select 1; select 2", "these are 2"),
        ("", "these are 0"),
        ("select * from read_csv('/etc/passwd')", "disabled by configuration"),
        ("select * from read_text('/etc/passwd')", "disabled by configuration"),
        ("selec 1", "syntax error"),
        ("select event_nam from gold.fact_events", r"Columns of gold.fact_events: event_id, "),
        ("select * from gold.fact_event", r"Tables and views: .*gold.fact_events, "),
    ],
)
def test_what_cannot_be_answered_is_explained(sql: str, words: str, tiny: Settings) -> None:
    with Lake(tiny) as lake, pytest.raises(QueryError, match=words):
        lake.rows(sql)


def test_a_home_without_tables_says_how_to_build_them(tmp_path: Path) -> None:
    with (
        Lake(read_settings(home=tmp_path)) as lake,
        pytest.raises(QueryError, match=r"no table yet.*clickstream run"),
    ):
        lake.rows("select * from gold.fact_events")


def test_a_view_names_the_table_it_lacks(tmp_path: Path, tiny: Settings) -> None:
    shutil.copytree(tiny.home, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "lake" / "ops" / "hour_state")
    with Lake(read_settings(home=tmp_path)) as lake:
        assert "ops.v_dq_results" in lake.views
        assert "gold.v_fact_sessions" not in lake.views
        with pytest.raises(QueryError, match=r"ops.progress is made from ops.hour_state"):
            lake.rows("from gold.v_fact_sessions")


@pytest.fixture
def two_versions(tmp_path: Path) -> Settings:
    metrics = {"events": 1, "event_hour": TEN}
    lake_rows.write(tmp_path, "gold/hourly_metrics", [metrics])
    lake_rows.write(tmp_path, "gold/hourly_metrics", [{**metrics, "event_hour": ELEVEN}])
    return read_settings(home=tmp_path)


COUNT = "select count(*) as n from gold.hourly_metrics"


def test_a_version_holds_for_the_tables_read(two_versions: Settings) -> None:
    for version, rows in ((0, 1), (1, 2)):
        with Lake(two_versions, version=version) as lake:
            assert lake.rows(COUNT) == [{"n": rows}]
    with (
        Lake(two_versions, version=7) as lake,
        pytest.raises(NoSuchVersionError, match=r"no version 7. It has versions 0 \(.*\) to 1 \("),
    ):
        lake.rows(COUNT)


def test_as_of_takes_the_last_commit_until_then(two_versions: Settings) -> None:
    history = DeltaTable(str(two_versions.lake / "gold" / "hourly_metrics")).history()
    moments = {
        entry["version"]: datetime.fromtimestamp(entry["timestamp"] / 1000, tz=UTC)
        for entry in history
    }
    for version, rows in ((0, 1), (1, 2)):
        with Lake(two_versions, as_of=moments[version]) as lake:
            assert lake.rows(COUNT) == [{"n": rows}]
    before = moments[0] - timedelta(milliseconds=1)
    with (
        Lake(two_versions, as_of=before) as lake,
        pytest.raises(NoSuchVersionError, match=r"did not exist at .*versions 0"),
    ):
        lake.rows(COUNT)


def test_a_time_without_zone_is_utc() -> None:
    assert parse_moment("2026-11-20T10:00:00") == at("10:00:00")
    assert parse_moment("2026-11-20T12:00:00+02:00") == at("10:00:00")
    with pytest.raises(UsageError, match="is not a time"):
        parse_moment("yesterday")


def test_rows_of_before_there_was_a_column_are_what_its_contract_says(tmp_path: Path) -> None:
    path = str(tmp_path / "lake" / "gold" / "hourly_metrics")
    older = pa.table({"event_hour": [TEN], "events": pa.array([5], pa.int64())})
    write_deltalake(path, older, partition_by=["event_hour"])
    kinds = "select event_hour, traffic, events from gold.hourly_metrics order by all"
    home = read_settings(home=tmp_path)
    with Lake(home) as lake:
        assert [tuple(row.values()) for row in lake.rows(kinds)] == [(TEN, "all", 5)]
    rows = lake_rows.humans([{"event_hour": ELEVEN, "events": 1}])
    newer = pa.Table.from_pylist(rows, schema=HOURLY_METRICS.arrow_schema)
    delta.replace_hours_arrow(newer, home.lake, HOURLY_METRICS, [ELEVEN], run_id="r")
    expected = [(TEN, "all", 5), (ELEVEN, "all", 1), (ELEVEN, "human", 1)]
    with Lake(home) as lake:
        assert [tuple(row.values()) for row in lake.rows(kinds)] == expected
    extract = Extract(home)
    try:
        with ExtractLake(home, extract) as lake:
            assert [tuple(row.values()) for row in lake.rows(kinds)] == expected
    finally:
        extract.close()


def test_a_product_of_before_there_was_a_usual_price_has_none(tmp_path: Path) -> None:
    path = str(tmp_path / "lake" / "gold" / "dim_product_metrics")
    seen = {"traffic": "all", "item_category": "c", "max_price": Decimal("9.00")}
    older = [
        {**seen, "item_id": "A", "views": 9, "add_to_carts": 1, "orders": 0, "order_rate": 0.0},
        {**seen, "item_id": "B", "views": 1, "add_to_carts": 1, "orders": 1, "order_rate": 1.0},
    ]
    write_deltalake(path, pa.Table.from_pylist(older))
    question = find("high_interest_low_conversion")
    with Lake(read_settings(home=tmp_path)) as lake:
        [row] = lake.rows(question.sql, question.values({}))
    assert (row["item_id"], row["price"]) == ("A", None)


def test_a_funnel_of_before_there_were_modes_is_of_visitors_in_any_order(tmp_path: Path) -> None:
    path = str(tmp_path / "lake" / "gold" / "funnel_10min")
    counted = {"sessions_at_step": 5, "sessions_through_step": 5}
    older = pa.Table.from_pylist(
        [{"event_hour": TEN, "traffic": "all", "step_no": 1, "step": "view_item", **counted}]
    )
    write_deltalake(path, older, partition_by=["event_hour"])
    newer = pa.Table.from_pylist(
        [
            {**row, "traffic": "all"}
            for mode, count in (("any", 3), ("strict", 1))
            for row in lake_rows.steps(ELEVEN, (count, 0, 0, 0), mode=mode)
        ],
        schema=FUNNEL_10MIN.arrow_schema,
    )
    home, question = read_settings(home=tmp_path), find("funnel_by_hour")
    delta.replace_hours_arrow(newer, home.lake, FUNNEL_10MIN, [ELEVEN], run_id="r")

    def through(lake: Lake, **params: str) -> list[tuple[str, int]]:
        rows = lake.rows(question.sql, question.values(params))
        firsts = (row for row in rows if row["step_no"] == 1)
        return [(row["event_hour"], row["sessions_through_step"]) for row in firsts]

    extract = Extract(home)
    try:
        with Lake(home) as stored, ExtractLake(home, extract) as extracted:
            for lake in (stored, extracted):
                assert through(lake) == [(TEN, 5), (ELEVEN, 3)]
                assert through(lake, mode="strict") == [(ELEVEN, 1)]
    finally:
        extract.close()

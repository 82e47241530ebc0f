"""Lateness that is counted on equals a count of all lines, and opens no file twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from clickstream_platform.build import followed_lateness
from clickstream_platform.build.followed_lateness import FollowedLateness
from clickstream_platform.build.lateness import COLUMNS, lateness_of
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import delta, upkeep
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.lateness import LATENESS_HOURLY
from clickstream_platform_tests.build.test_silver_append import INGEST, bring, click
from clickstream_platform_tests.homes import arrow, rows

pytestmark = [pytest.mark.slow]


def brought_up(followed: FollowedLateness, workspace: Workspace) -> list[str]:
    """The hours that were counted."""
    hours = followed.uncounted(workspace.lake)
    if hours:
        followed.count(workspace, hours, run_id="test")
    return hours


def assert_is_a_whole_count(workspace: Workspace) -> None:
    found = rows(workspace, LATENESS_HOURLY)
    expected = lateness_of(arrow(workspace, BRONZE_EVENTS, *COLUMNS))
    key = ("ingest_hour", "home_hour", "source")
    assert sorted(found, key=lambda row: [row[name] for name in key]) == expected


def clear(workspace: Workspace) -> None:
    """As a stream's commit leaves it: lines in bronze that are not counted."""
    empty = LATENESS_HOURLY.arrow_schema.empty_table()
    delta.replace_hours_arrow(empty, workspace.lake, LATENESS_HOURLY, [INGEST], run_id="test")


def files(workspace: Workspace) -> set[str]:
    found = Path(delta.location(workspace.lake, BRONZE_EVENTS)).rglob("part-*.parquet")
    return {path.name for path in found}


def test_only_new_files_are_opened_and_the_rows_are_those_of_a_whole_count(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = FollowedLateness()
    bring(workspace, "a.jsonl", [click(number) for number in range(50)])
    clear(workspace)
    assert brought_up(followed, workspace) == [INGEST]
    assert brought_up(followed, workspace) == []
    assert_is_a_whole_count(workspace)
    plain, opened = pq.ParquetFile, []

    def watched(path: str, **options: Any) -> pq.ParquetFile:
        opened.append(Path(path).name)
        return plain(path, **options)

    for number, name in enumerate(("b.jsonl", "c.jsonl")):
        before = files(workspace)
        more = [click(50 * number + n, timestamp=f"2024-11-29T0{n % 9}:30:00Z") for n in range(50)]
        bring(workspace, name, more)
        clear(workspace)
        opened.clear()
        with monkeypatch.context() as watching:
            watching.setattr(pq, "ParquetFile", watched)
            watching.setattr(followed_lateness.delta, "read_arrow", None)  # what a whole count asks
            assert brought_up(followed, workspace) == [INGEST]
        assert {*opened} == files(workspace) - before
        assert_is_a_whole_count(workspace)


def test_a_compaction_is_no_new_line_and_a_replacement_leads_to_a_whole_count(
    workspace: Workspace,
) -> None:
    followed = FollowedLateness()
    for name in ("a.jsonl", "b.jsonl"):
        bring(workspace, name, [click(number) for number in range(20)])
    brought_up(followed, workspace)
    upkeep.compact_spark(
        workspace.spark, workspace.lake, BRONZE_EVENTS, [INGEST], target_bytes=100_000_000
    )
    assert brought_up(followed, workspace) == []
    held = workspace.spark.createDataFrame(arrow(workspace, BRONZE_EVENTS).slice(0, 7))
    delta.replace_hours(held, workspace.lake, BRONZE_EVENTS, [INGEST], run_id="an erasure")
    assert brought_up(followed, workspace) == [INGEST]
    assert_is_a_whole_count(workspace)
    assert sum(row["lines"] for row in rows(workspace, LATENESS_HOURLY)) == 7


def test_an_hour_stays_uncounted_until_its_count_is_committed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = FollowedLateness()
    bring(workspace, "a.jsonl", [click(number) for number in range(20)])
    brought_up(followed, workspace)
    bring(workspace, "b.jsonl", [click(number) for number in range(20)])
    with monkeypatch.context() as failing:
        failing.setattr(followed_lateness, "record_weights", None)
        with pytest.raises(TypeError):
            brought_up(followed, workspace)
    assert brought_up(followed, workspace) == [INGEST]
    assert_is_a_whole_count(workspace)

"""What the stream's benchmarks read: when an event was first committed, and whether lag grows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from benchmarks.stream_latency import NothingStreamedError, conserved, drift, summary
from benchmarks.stream_rate import EVERY_S, lag_growth

SINCE = 1_700_000_000.0


def write(place: Path, events: dict[str, float], *, mode: str) -> None:
    """One commit; `events`: id -> seconds after SINCE."""
    at = [datetime.fromtimestamp(SINCE + seconds, UTC) for seconds in events.values()]
    times = pa.array(at, pa.timestamp("us", tz="UTC"))
    table = pa.table({"event_id": list(events), "event_timestamp": times})
    before = {*place.glob("*.parquet")}
    write_deltalake(place, table, mode=mode)  # type: ignore[call-overload]
    for file in {*place.glob("*.parquet")} - before:  # as Spark writes times
        rows = pq.ParquetFile(file).read()
        pq.write_table(rows, file, use_deprecated_int96_timestamps=True)


def commit_at(place: Path, version: int, seconds: float) -> None:
    """Sets the time of a commit, seconds after SINCE."""
    log = place / "_delta_log" / f"{version:020d}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "commitInfo" in action:
            action["commitInfo"]["timestamp"] = int((SINCE + seconds) * 1000)
    log.write_text("\n".join(json.dumps(action) for action in actions))


def test_an_event_counts_when_it_is_first_seen_however_often_its_hour_is_rewritten(
    tmp_path: Path,
) -> None:
    write(tmp_path, {"warm": -5, "a": 1}, mode="append")
    write(tmp_path, {"warm": -5, "a": 1, "b": 2}, mode="overwrite")
    write(tmp_path, {"c": 10}, mode="append")
    for version, seconds in enumerate((4, 9, 11)):
        commit_at(tmp_path, version, seconds)

    found = summary(tmp_path, since=SINCE)

    assert (found["rows"], found["commits"], found["between_s"]) == (3, 3, 3.5)
    assert found["p50_s"] == 3.0  # a: 3 s, b: 7 s, c: 1 s
    with pytest.raises(NothingStreamedError, match="no event reached"):
        summary(tmp_path, since=SINCE + 60)


def test_lag_that_grows_is_told_from_lag_that_only_moves() -> None:
    assert lag_growth([0, 50, 0, 40, 10, 30, 5, 45, 0, 50]) < 5
    growing = [int(100 * EVERY_S * number) for number in range(20)]
    assert lag_growth(growing) == pytest.approx(100)


def test_lines_that_are_nowhere_and_memory_that_grows_are_seen() -> None:
    lines = {"bronze/events": 10, "silver/events": 7, "silver/duplicates": 2}
    assert "10 lines ≠ 7 in silver/events + 2 in silver/duplicates" in conserved(lines)
    assert "10 lines = " in conserved({**lines, "silver/quarantine": 1})
    told = "memory of the engine: 100 MiB after a fifth, 900 MiB at the end"
    assert drift("engine", [0] * 2 + [100] * 6 + [900] * 2) == told

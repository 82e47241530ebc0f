"""How late lines are: whole seconds after the end of their hour, by nearest rank."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from clickstream_platform.build.lateness import lateness_of

TEN, ELEVEN, NINE = "2024-11-29T10", "2024-11-29T11", "2024-11-29T09"


def lines(*rows: tuple[str, str, str, datetime | None]) -> pa.Table:
    names = ("ingest_hour", "home_hour", "source", "enqueued_at")
    schema = pa.schema(
        [*[(name, pa.string()) for name in names[:3]], (names[3], pa.timestamp("us", "UTC"))]
    )
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema)


def at(hour: int, minute: int = 0, second: int = 0, micro: int = 0) -> datetime:
    return datetime(2024, 11, 29, hour, minute, second, micro, tzinfo=UTC)


def test_lateness_begins_at_the_end_of_the_home_hour_and_is_cut_to_seconds() -> None:
    [row] = lateness_of(lines((ELEVEN, TEN, "a", at(11, 0, 1, 999_999))))
    assert row == {
        "ingest_hour": ELEVEN,
        "home_hour": TEN,
        "source": "a",
        "lines": 1,
        "hours_late": 1,
        "lateness_p50_s": 1,
        "lateness_p95_s": 1,
        "lateness_max_s": 1,
    }
    for moment in (at(11), at(10, 59, 59, 999_999), at(10)):
        [row] = lateness_of(lines((TEN, TEN, "a", moment)))
        assert (row["hours_late"], row["lateness_max_s"]) == (0, 0)


def test_ranks_count_lines_not_files() -> None:
    early, late = [(ELEVEN, TEN, "a", at(11, 0, 5))] * 19, [(ELEVEN, TEN, "a", at(11, 1))]
    [row] = lateness_of(lines(*early, *late))
    assert (row["lateness_p50_s"], row["lateness_p95_s"], row["lateness_max_s"]) == (5, 5, 60)
    [row] = lateness_of(lines(*early[:18], *late))
    assert row["lateness_p95_s"] == 60


def test_each_ingest_hour_home_hour_and_source_has_a_row_and_no_time_is_null() -> None:
    found = lateness_of(
        lines(
            (TEN, TEN, "a", None),
            (TEN, TEN, "b", None),
            (TEN, TEN, "b", at(12)),
            (TEN, ELEVEN, "a", at(10, 59)),
            (ELEVEN, NINE, "a", at(11)),
        )
    )
    assert [(r["ingest_hour"], r["home_hour"], r["source"], r["lines"]) for r in found] == [
        (TEN, TEN, "a", 1),
        (TEN, TEN, "b", 2),
        (TEN, ELEVEN, "a", 1),
        (ELEVEN, NINE, "a", 1),
    ]
    assert [row["hours_late"] for row in found] == [0, 0, -1, 2]
    assert [row["lateness_max_s"] for row in found] == [None, 3600, 0, 3600]

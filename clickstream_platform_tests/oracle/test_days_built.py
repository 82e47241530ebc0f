"""Which tables over all time the proof waits for, by states alone."""

from __future__ import annotations

import hashlib

import pytest

from clickstream_platform.oracle.days_built import EVENTS, PRODUCT_DAYS, State, mark_behind

PRODUCTS = "gold/dim_product_metrics"
FIRST, SECOND = "2024-11-29", "2024-11-30"


def state(table: str, key: str, *, rows: int = 1, digest: str | None = None) -> State:
    return {
        "table": table,
        "hour": key,
        "version": 1,
        "row_count": rows,
        "is_stale": False,
        "is_behind": False,
        "input_digest": digest,
    }


def digest_of(*inputs: State) -> str:
    held = sorted(f"{row['table']} {row['hour']} {row['version']}" for row in inputs)
    return hashlib.sha256("\n".join(held).encode()).hexdigest()[:24]


@pytest.mark.parametrize(("rows", "is_behind"), [(5, True), (0, False)])
def test_a_table_over_all_time_waits_for_a_day_that_its_daily_table_never_had(
    rows: int, is_behind: bool
) -> None:
    built = state(EVENTS, f"{FIRST}T10")
    day = state(PRODUCT_DAYS, FIRST, digest=digest_of(built))
    over_all = state(PRODUCTS, "all", digest=digest_of(day))
    streamed = state(EVENTS, f"{SECOND}T10", rows=rows)
    states = {(row["table"], row["hour"]): row for row in (built, day, over_all, streamed)}
    mark_behind(states, look_back_days=30)
    assert (day["is_behind"], over_all["is_behind"]) == (False, is_behind)

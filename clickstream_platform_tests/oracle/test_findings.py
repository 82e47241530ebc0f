"""What a finding says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from clickstream_platform.oracle.findings import Finding

HOUR = "2024-11-29T10"


@pytest.mark.parametrize(
    ("where", "found", "words"),
    [
        (
            ("gold/x", HOUR, {"step": 1}),
            ("different value", {"n": 1}, {"n": None}),
            f"gold/x, hour {HOUR}, step 1: different value: "
            "expected {'n': 1}, found {'n': None}",
        ),
        (
            ("gold/x", HOUR[:10], {}),
            ("missing table", "3 rows"),
            "gold/x, day 2024-11-29: missing table: expected 3 rows, found nothing",
        ),
        (
            ("gold/fact_sessions", None, {"session_id": "s", "n": 2}),
            ("not in gold/fact_events",),
            "gold/fact_sessions, session_id s, n 2: not in gold/fact_events",
        ),
    ],
    ids=["a value of an hour", "a table of a day", "an orphan has neither hour nor values"],
)
def test_a_finding_says_where_it_is_and_what_differs(
    where: tuple[Any, ...], found: tuple[Any, ...], words: str
) -> None:
    table, hour, key = where
    assert Finding("the_law", table, hour, key, *found).words == f"the_law: {words}"

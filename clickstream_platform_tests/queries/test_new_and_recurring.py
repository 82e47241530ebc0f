"""First-time and recurring customers of any period, from cohorts written by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.settings import read_settings
from clickstream_platform_tests.queries.daily_rows import HUMAN
from clickstream_platform_tests.queries.lake_rows import write
from clickstream_platform_tests.queries.test_named import tuples


def test_first_time_and_recurring_customers_by_day_week_and_month(tmp_path: Path) -> None:
    def cohort(period: str, start: date, number: int, customers: int) -> dict[str, Any]:
        return {"traffic": "all", "basis": "activity", "period": period, "cohort_start": start,
                "period_no": number, "customers": customers}  # fmt: skip

    friday, month = date(2026, 11, 20), date(2026, 12, 1)
    write(tmp_path, "gold/retention_cohort", [
        cohort("day", friday, 0, 5), cohort("day", friday, 12, 2),
        cohort("day", date(2026, 12, 2), 0, 4), cohort("day", date(2026, 12, 2), 0, 9) | HUMAN,
        cohort("week", date(2026, 11, 16), 0, 5), cohort("week", date(2026, 11, 16), 2, 3),
        cohort("month", month, 0, 7), cohort("month", month, 2, 1),
        cohort("day", friday, 0, 99) | {"basis": "order"},
    ])  # fmt: skip
    shop = read_settings(home=tmp_path)
    columns = ("period_start", "active_users", "new_users", "recurring_users", "recurring_share")
    assert tuples(shop, "new_and_recurring", *columns) == [
        (friday, 5, 5, 0, 0.0), (date(2026, 12, 2), 6, 4, 2, pytest.approx(1 / 3)),
    ]  # fmt: skip
    assert tuples(shop, "new_and_recurring", *columns, period="week") == [
        (date(2026, 11, 16), 5, 5, 0, 0.0), (date(2026, 11, 30), 3, 0, 3, 1.0),
    ]  # fmt: skip
    assert tuples(shop, "new_and_recurring", *columns, period="month") == [
        (month, 7, 7, 0, 0.0), (date(2027, 2, 1), 1, 0, 1, 1.0),
    ]  # fmt: skip
    found = tuples(shop, "new_and_recurring", "period_start", "new_users", traffic="human")
    assert found == [(date(2026, 12, 2), 9)]

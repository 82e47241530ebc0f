"""The asset check of orphans, on a tiny lake that has some and one that has none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from clickstream_platform.assets.orphans import CHECK, FACTS, orphans
from clickstream_platform.definitions import defs
from clickstream_platform.resources.home import Home
from clickstream_platform.storage import delta
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.ops import HOUR_STATE
from clickstream_platform_tests.queries.lake_rows import write

HOUR = "2026-11-20T10"
EVENT = {
    "event_id": "e1", "id_scope": "shop", "event_hour": HOUR, "event_name": "page_view",
    "event_timestamp": datetime(2026, 11, 20, 10, tzinfo=UTC), "visitor_id": "v", "session_id": "s",
}  # fmt: skip
ORDER = {"order_id": "o", "event_id": "gone", "id_scope": "shop", "event_hour": HOUR}


def checked(home: Path) -> dict[str, dg.AssetCheckEvaluation]:
    job = dg.Definitions(
        asset_checks=[orphans],
        jobs=[dg.define_asset_job("only_orphans", dg.AssetSelection.checks(orphans))],
        resources={"home": Home(path=str(home))},
    ).resolve_job_def("only_orphans")
    done = job.execute_in_process()
    assert done.success
    return {found.asset_key.path[-1]: found for found in done.get_asset_check_evaluations()}


def counts(found: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in found.metadata.items()}


@pytest.mark.parametrize("has_orphans", [False, True])
def test_each_fact_says_how_many_rows_name_what_is_not_there(
    tmp_path: Path, has_orphans: bool
) -> None:
    for table in ALL:
        if table.writer == "deltalake":
            delta.init_table(tmp_path / "lake", table, None)
    write(tmp_path, "gold/fact_events", [EVENT])
    lost = {"session_id": "lost", "visitor_id": "v", "event_hour": HOUR}
    write(tmp_path, "gold/fact_sessions", [lost if has_orphans else lost | {"session_id": "s"}])
    if has_orphans:
        write(tmp_path, "gold/fact_transactions", [ORDER])
    found = checked(tmp_path)
    assert set(found) == {fact.name for fact in FACTS}
    assert {name for name, check in found.items() if not check.passed} == (
        {"fact_events", "fact_sessions", "fact_transactions"} if has_orphans else set()
    )
    assert {check.check_name for check in found.values()} == {CHECK}
    assert all(check.severity is dg.AssetCheckSeverity.WARN for check in found.values())
    of_events = {"dim_event_types": 0, "fact_sessions": int(has_orphans), "dim_users": 0}
    assert counts(found["fact_events"]) == {"hours_to_build": 0, "dim_date": 0, **of_events}
    assert counts(found["fact_transactions"])["fact_events"] == int(has_orphans)


def test_a_home_without_tables_has_no_orphans(tmp_path: Path) -> None:
    delta.init_table(tmp_path / "lake", HOUR_STATE, None)
    assert [check.passed for check in checked(tmp_path).values()] == [True] * len(FACTS)


def test_the_check_runs_once_with_the_marts_over_all_time_and_not_with_every_hour() -> None:
    jobs = {job.name: job for job in defs.get_repository_def().get_all_jobs()}
    holding = {name for name, job in jobs.items() if orphans.op.name in job.graph.node_dict}
    assert "snapshots" in holding
    assert not holding & {"ingest", "repair", "daily", "catalogue"}

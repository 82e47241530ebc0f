"""Law of lateness: each row of `ops/lateness_hourly` equals a recount of bronze."""

from __future__ import annotations

from clickstream_platform.oracle.compare import Comparison, compare
from clickstream_platform.oracle.findings import Finding, LawResult
from clickstream_platform.oracle.lake import Lake, sql_of
from clickstream_platform.oracle.landing_law import BRONZE

LATENESS = "ops/lateness_hourly"
LATENESS_LAW = "lateness"
KEYS = ("ingest_hour", "home_hour", "source")
COLUMNS = (*KEYS, '"lines"', "hours_late", "lateness_p50_s", "lateness_p95_s", "lateness_max_s")


def check_lateness(lake: Lake, result: LawResult) -> None:
    """Every ingest hour of bronze has exactly the rows of its definition."""
    if not lake.exists(BRONZE):
        return
    lake.view(BRONZE, name="bronze.arrivals", columns=[*KEYS, "enqueued_at"])
    lake.sql.execute(f"create or replace temp table lateness_expected as {sql_of('lateness')}")
    if not lake.exists(LATENESS):
        if lake.number("select count(*) from lateness_expected"):
            result.add([Finding(result.law, LATENESS, None, {}, "missing table")])
        return
    lake.view(LATENESS, name="ops.lateness_hourly")
    columns = ", ".join(COLUMNS)
    lake.sql.execute(
        f"create or replace temp table lateness_actual as select {columns} from ops.lateness_hourly"
    )
    compare(
        lake,
        Comparison(
            law=result.law,
            table=LATENESS,
            expected="lateness_expected",
            actual="lateness_actual",
            columns=tuple(name.strip('"') for name in COLUMNS),
            keys=KEYS,
            hour_column="ingest_hour",
        ),
        result,
    )

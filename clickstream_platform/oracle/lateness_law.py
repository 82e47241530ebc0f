"""Law of lateness: each row of `ops/lateness_hourly` equals a recount of bronze."""

from __future__ import annotations

import pyarrow as pa

from clickstream_platform.oracle.compare import Comparison, compare
from clickstream_platform.oracle.findings import Finding, LawResult
from clickstream_platform.oracle.hours_built import BuiltHours
from clickstream_platform.oracle.lake import Lake, sql_of
from clickstream_platform.oracle.landing_law import BRONZE

LATENESS = "ops/lateness_hourly"
LATENESS_LAW = "lateness"
KEYS = ("ingest_hour", "home_hour", "source")
COLUMNS = (*KEYS, '"lines"', "hours_late", "lateness_p50_s", "lateness_p95_s", "lateness_max_s")


def check_lateness(lake: Lake, built: BuiltHours, result: LawResult) -> None:
    """Ingest hours of bronze have exactly the rows of their definition.

    An ingest hour with lines that wait for silver may still be arriving and is left out.
    """
    if not lake.exists(BRONZE):
        return
    lake.view(BRONZE, name="bronze.arrivals", columns=[*KEYS, "enqueued_at"])
    lake.sql.execute(f"create or replace temp table lateness_all as {sql_of('lateness')}")
    _keep_settled(lake, built)
    result.checked += lake.number("select count(*) from lateness_expected")
    if not lake.exists(LATENESS):
        if result.checked:
            result.add([Finding(result.law, LATENESS, None, {}, "missing table")])
        return
    lake.view(LATENESS, name="ops.lateness_hourly")
    lake.sql.execute(
        f"""create or replace temp table lateness_actual as
            select {", ".join(COLUMNS)} from ops.lateness_hourly
            where ingest_hour not in (select hour from arriving_hour)"""
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


def _keep_settled(lake: Lake, built: BuiltHours) -> None:
    current = built.current("silver/events") if lake.has_hour_state else set()
    lake.store("current_hour", pa.table({"hour": pa.array(sorted(current), pa.string())}))
    waits = "home_hour not in (select hour from current_hour)" if lake.has_hour_state else "false"
    lake.sql.execute(
        f"""create or replace temp table arriving_hour as
            select distinct ingest_hour as hour from lateness_all where {waits}"""
    )
    lake.sql.execute(
        """create or replace temp table lateness_expected as
           select * from lateness_all
           where ingest_hour not in (select hour from arriving_hour)"""
    )

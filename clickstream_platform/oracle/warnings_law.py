"""Law of ingestion warnings: each row equals a recount of silver, and says what to do."""

from __future__ import annotations

import pyarrow as pa

from clickstream_platform.oracle.compare import Comparison, compare
from clickstream_platform.oracle.findings import MAX_FINDINGS, Finding, LawResult
from clickstream_platform.oracle.hours_built import BuiltHours
from clickstream_platform.oracle.lake import SILVER, Lake, sql_of

WARNINGS = "ops/ingestion_warnings"
WARNINGS_LAW = "ingestion_warnings"
KEYS = ("home_hour", "source", "type")
COLUMNS = (*KEYS, "severity", '"lines"', "sample_file", "sample_offset")


def check_warnings(lake: Lake, built: BuiltHours, result: LawResult) -> None:
    """Current hours have exactly the rows of their definition.

    Of a held-back hour the events in the table are not those that were judged: its rows of severity
    `warn` are left out.
    """
    if not all(lake.exists(table) for table in SILVER):
        return
    for table in SILVER:
        lake.view(table, name=f"silver.{table.removeprefix('silver/')}_counted")
    _store_hours(lake, built)
    lake.sql.execute(
        f"create or replace temp table warnings_expected as {_of_current(sql_of('warnings'))}"
    )
    result.checked += lake.number("select count(*) from warnings_expected")
    if not lake.exists(WARNINGS):
        if result.checked:
            result.add([Finding(result.law, WARNINGS, None, {}, "missing table")])
        return
    lake.view(WARNINGS, name="ops.ingestion_warnings")
    lake.sql.execute(
        "create or replace temp table warnings_actual as "
        + _of_current(f"select {', '.join((*COLUMNS, 'remedy'))} from ops.ingestion_warnings")
    )
    compare(
        lake,
        Comparison(
            law=result.law,
            table=WARNINGS,
            expected="warnings_expected",
            actual="warnings_actual",
            columns=tuple(name.strip('"') for name in COLUMNS),
            keys=KEYS,
            hour_column="home_hour",
        ),
        result,
    )
    _check_remedies(lake, result)


def _store_hours(lake: Lake, built: BuiltHours) -> None:
    """The hours whose silver is as it was judged, and which of them are held back."""
    hours = built.current("silver/events")
    if not lake.has_hour_state:
        found = lake.rows("select distinct event_hour as hour from silver.events_counted")
        hours = {row["hour"] for row in found}
    listed, held = sorted(hours), built.held_back("silver/events")
    is_held = pa.array([hour in held for hour in listed], pa.bool_())
    hour_column = pa.array(listed, pa.string())
    lake.store("warnings_hour", pa.table({"hour": hour_column, "is_held": is_held}))


def _of_current(query: str) -> str:
    return f"""
        select found.* from ({query}) as found
        join warnings_hour on hour = home_hour and not (is_held and severity = 'warn')
    """


def _check_remedies(lake: Lake, result: LawResult) -> None:
    silent = "from warnings_actual where coalesce(trim(remedy), '') = ''"
    found = lake.rows(f"select * {silent} order by all limit {MAX_FINDINGS}")
    result.add(
        (
            Finding(
                law=result.law,
                table=WARNINGS,
                hour=row["home_hour"],
                key={name: row[name] for name in KEYS},
                problem="no remedy",
            )
            for row in found
        ),
        total=lake.number(f"select count(*) {silent}"),
    )

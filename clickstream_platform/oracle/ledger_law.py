"""Law of the ledger: each row adds up and equals a recount of bronze and silver."""

from __future__ import annotations

import pyarrow as pa

from clickstream_platform.oracle.compare import Comparison, compare
from clickstream_platform.oracle.findings import MAX_FINDINGS, Finding, LawResult
from clickstream_platform.oracle.hours_built import BuiltHours
from clickstream_platform.oracle.lake import SILVER, Lake
from clickstream_platform.oracle.landing_law import BRONZE

LEDGER = "ops/conservation_ledger"
LEDGER_LAW = "ledger"
EVENTS = "silver/events"
KEYS = ("ingest_hour", "home_hour", "source")
COUNTS = ("lines", "accepted", "duplicates", "quarantined", "pending")
RECOUNT = """
    with counted as (
        {branches}
    ),
    summed as (
        select ingest_hour, home_hour, source,
            sum("lines")::bigint as "lines", sum(accepted)::bigint as accepted,
            sum(duplicates)::bigint as duplicates, sum(quarantined)::bigint as quarantined
        from counted group by ingest_hour, home_hour, source
    )
    select *, "lines" - accepted - duplicates - quarantined as pending from summed
"""


def check_ledger(lake: Lake, built: BuiltHours, result: LawResult) -> None:
    """Rows of the ledger add up; for hours that are current they equal the recount.

    The rows that `silver/events` still has of a held-back hour are those of before: what it would
    accept now is pending.
    """
    if not lake.exists(LEDGER):
        if built.current(EVENTS):
            result.add([Finding(result.law, LEDGER, None, {}, "missing table")])
        return
    lake.view(LEDGER, name="ops.ledger")
    _check_sums(lake, result)
    if not lake.exists(BRONZE):
        return
    current = built.current(EVENTS)
    if not lake.has_hour_state:
        current = {
            row["home_hour"] for row in lake.rows("select distinct home_hour from ops.ledger")
        }
    lake.store("ledger_hour", pa.table({"hour": pa.array(sorted(current), pa.string())}))
    held = sorted(built.held_back(EVENTS))
    lake.store("held_hour", pa.table({"hour": pa.array(held, pa.string())}))
    lake.sql.execute(f"create or replace temp table recount as {_recount(lake)}")
    columns = (*KEYS, *(f'"{name}"' if name == "lines" else name for name in COUNTS))
    for name, relation in (("recount_rows", "recount"), ("ledger_rows", "ops.ledger")):
        lake.sql.execute(
            f"""create or replace temp table {name} as
                select {", ".join(columns)} from {relation}
                where home_hour in (select hour from ledger_hour)"""
        )
    compare(
        lake,
        Comparison(
            law=result.law,
            table=LEDGER,
            expected="recount_rows",
            actual="ledger_rows",
            columns=(*KEYS, *COUNTS),
            keys=KEYS,
            hour_column="home_hour",
        ),
        result,
    )


def _recount(lake: Lake) -> str:
    branches = []
    for place, (table, hour) in enumerate(
        [(BRONZE, "home_hour"), *((table, "event_hour") for table in SILVER)]
    ):
        if not lake.exists(table):
            continue
        name = f"actual.recount_{place}"
        lake.view(table, name=name, columns=["ingest_hour", hour, "source"])
        counts = ", ".join(
            f'{"count(*)" if place == position else "0"} as "{column}"'
            for position, column in enumerate(COUNTS[:4])
        )
        seen = f"where {hour} not in (select hour from held_hour) " if table == EVENTS else ""
        branches.append(
            f"select ingest_hour, {hour} as home_hour, source, {counts} from {name} "
            f"{seen}group by 1, 2, 3"
        )
    return RECOUNT.format(branches=" union all ".join(branches))


def _check_sums(lake: Lake, result: LawResult) -> None:
    wrong = 'from ops.ledger where "lines" <> accepted + duplicates + quarantined + pending'
    result.checked += lake.number("select count(*) from ops.ledger")
    found = lake.rows(f"{wrong} order by ingest_hour, home_hour, source limit {MAX_FINDINGS}")
    result.add(
        (
            Finding(
                law=result.law,
                table=LEDGER,
                hour=row["home_hour"],
                key={name: row[name] for name in KEYS},
                problem="does not add up",
                expected="lines = accepted + duplicates + quarantined + pending",
                actual={name: row[name] for name in COUNTS},
            )
            for row in found
        ),
        total=lake.number(f"select count(*) {wrong}"),
    )

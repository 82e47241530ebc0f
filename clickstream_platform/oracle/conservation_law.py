"""Law of conservation: every bronze line is in exactly one silver table of its home hour."""

from __future__ import annotations

from clickstream_platform.oracle.findings import MAX_FINDINGS, Finding, LawResult, Report
from clickstream_platform.oracle.lake import Lake
from clickstream_platform.oracle.landing_law import BRONZE

CONSERVATION = "conservation"
ADDRESS = ("source_file", "source_offset")
PLACES = """
    create or replace temp table place as
    with placed as (
        select source_file, source_offset, event_hour, 'silver/events' as place
        from actual_silver_events
        union all
        select source_file, source_offset, event_hour, 'silver/duplicates'
        from actual_silver_duplicates
        union all
        select source_file, source_offset, event_hour, 'silver/quarantine'
        from actual_silver_quarantine
    ),
    grouped as (
        select source_file, source_offset, event_hour, list_sort(list(place)) as places
        from placed group by source_file, source_offset, event_hour
    ),
    bronze_lines as (select distinct source_file, source_offset, home_hour from lines)
    select
        coalesce(bronze_lines.source_file, grouped.source_file) as source_file,
        coalesce(bronze_lines.source_offset, grouped.source_offset) as source_offset,
        coalesce(home_hour, event_hour) as hour,
        home_hour is not null as is_in_bronze,
        coalesce(places, []) as places,
        is_current,
        is_held
    from bronze_lines
    full outer join grouped
        on grouped.source_file = bronze_lines.source_file
        and grouped.source_offset = bronze_lines.source_offset
        and grouped.event_hour = bronze_lines.home_hour
    join batch_hour on batch_hour.hour = coalesce(home_hour, event_hour)
"""
BROKEN = """
    from place
    left join silver_events as accepted using (source_file, source_offset)
    where not is_in_bronze
        or len(places) > 1
            and not (is_held and len(places) = 2 and list_contains(places, 'silver/events'))
        or len(places) = 0 and is_current and not (is_held and accepted.source_file is not null)
"""


def check_conservation(lake: Lake, result: LawResult, report: Report) -> None:
    """Each line is in exactly one table of its home hour; silver holds no other address.

    What an hour would accept may be missing while a blocking rule holds it back, and a line that
    was accepted before may meanwhile be a duplicate or quarantined.
    """
    lake.sql.execute(PLACES)
    result.checked += lake.number("select count(*) from place")
    report.pending += lake.number(
        "select count(*) from place where len(places) = 0 and (is_held or not is_current)"
    )
    found = lake.rows(f"{BROKEN} order by source_file, source_offset limit {MAX_FINDINGS}")
    findings = []
    for row in found:
        places = row["places"]
        if not row["is_in_bronze"]:
            problem, expected = "unexpected row", f"a bronze line of home hour {row['hour']}"
        else:
            problem = "in more than one table" if places else "missing row"
            expected = "exactly one of events, duplicates, quarantine"
        findings.append(
            Finding(
                law=result.law,
                table=places[0] if places else BRONZE,
                hour=row["hour"],
                key={name: row[name] for name in ADDRESS},
                problem=problem,
                expected=expected,
                actual=places,
            )
        )
    result.add(findings, total=lake.number(f"select count(*) {BROKEN}"))

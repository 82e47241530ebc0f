"""Law of lines that came by Kafka: bronze is their only copy, so what can be proved is its order.

A partition's lines are a gapless run of offsets, each once, and each lies in the ingest hour that
the broker's time gives.
"""

from __future__ import annotations

from clickstream_platform.oracle.findings import MAX_FINDINGS, Finding, LawResult, Report
from clickstream_platform.oracle.lake import Lake

BRONZE = "bronze/events"
KAFKA_OFFSETS = "kafka_offsets"
# `topic/partition@generation`; after the `@` of a landing file's address stand 8 hex digits.
ADDRESS = r"[^/]+/\d+@[A-Za-z0-9._-]{1,7}"
_HOUR = "strftime({}, '%Y-%m-%dT%H')"
_BROKEN = f"""
    select source_file, min(ingest_hour) as hour, min(source_offset) as first,
        max(source_offset) as last, count(*) as lines, count(distinct source_offset) as offsets,
        count(*) filter (where ingest_hour is distinct from greatest(
            (select first_hour from setting),
            least({_HOUR.format("enqueued_at")}, {_HOUR.format("ingested_at")})
        )) as misplaced
    from bronze.events where regexp_full_match(source_file, '{ADDRESS}')
    group by source_file
    having lines <> last - first + 1 or offsets <> lines or misplaced > 0
"""


def kafka_partitions(lake: Lake) -> list[str]:
    """The addresses in bronze that are partitions of topics."""
    found = lake.rows(
        f"select source_file from bronze_file where regexp_full_match(source_file, '{ADDRESS}')"
    )
    return sorted({row["source_file"] for row in found})


def check_offsets(lake: Lake, result: LawResult, report: Report) -> None:
    """No offset of a partition is missing or there twice, and no line is in a foreign hour."""
    if not lake.exists(BRONZE):
        return
    lake.view(BRONZE, name="bronze.events")
    report.streamed = lake.number(
        f"select count(*) from bronze.events where regexp_full_match(source_file, '{ADDRESS}')"
    )
    result.checked += report.streamed
    broken = lake.rows(f"{_BROKEN} order by source_file")
    result.add(
        (
            Finding(
                law=result.law,
                table=BRONZE,
                hour=row["hour"],
                key={"source_file": row["source_file"]},
                problem="lines in a foreign ingest hour" if row["misplaced"] else "offsets missing",
                expected=0 if row["misplaced"] else row["last"] - row["first"] + 1,
                actual=row["misplaced"] or row["offsets"],
            )
            for row in broken[:MAX_FINDINGS]
        ),
        total=len(broken),
    )

"""Law of lines that came by Kafka: bronze is their only copy, so what can be proved is its order.

A partition's lines are of one source and a gapless run of offsets, each once, and each lies in the
ingest hour that the broker's time gives. Of a source whose mapping says `kafka.offset_gaps` a run
may have gaps: the marks of transactions, and what compaction removed, are offsets without a line.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from clickstream_platform.oracle.findings import MAX_FINDINGS, Finding, LawResult, Report
from clickstream_platform.oracle.lake import Lake

BRONZE = "bronze/events"
KAFKA_OFFSETS = "kafka_offsets"
# `topic/partition@generation`; after the `@` of a landing file's address stand 8 hex digits.
ADDRESS = r"[^/]+/\d+@[A-Za-z0-9._-]{1,7}"
_HOUR = "strftime({}, '%Y-%m-%dT%H')"
_MISSING = "offsets missing (if by transactions or compaction: `kafka.offset_gaps: true`)"
_BROKEN = f"""
    select source_file, min(ingest_hour) as hour, min(source_offset) as first,
        max(source_offset) as last, count(*) as lines, count(distinct source_offset) as offsets,
        count(distinct source) as sources,
        bool_and(source in (from source_with_gaps)) as may_have_gaps,
        count(*) filter (where ingest_hour is distinct from greatest(
            (select first_hour from setting),
            least({_HOUR.format("enqueued_at")}, {_HOUR.format("ingested_at")})
        )) as misplaced
    from bronze.events where regexp_full_match(source_file, '{ADDRESS}')
    group by source_file
    having (lines <> last - first + 1 and not may_have_gaps)
        or offsets <> lines or misplaced > 0 or sources > 1
"""


def kafka_partitions(lake: Lake) -> list[str]:
    """The addresses in bronze that are partitions of topics."""
    found = lake.rows(
        f"select source_file from bronze_file where regexp_full_match(source_file, '{ADDRESS}')"
    )
    return sorted({row["source_file"] for row in found})


def check_offsets(lake: Lake, result: LawResult, report: Report) -> None:
    """No offset of a partition is missing, there twice or another source's; no hour is foreign."""
    if not lake.exists(BRONZE):
        return
    with_gaps = sorted(m.name for m in lake.mappings.values() if m.has_offset_gaps)
    lake.store("source_with_gaps", pa.table({"source": pa.array(with_gaps, pa.string())}))
    lake.view(BRONZE, name="bronze.events")
    report.streamed = lake.number(
        f"select count(*) from bronze.events where regexp_full_match(source_file, '{ADDRESS}')"
    )
    result.checked += report.streamed
    broken = lake.rows(f"{_BROKEN} order by source_file")
    result.add((_finding(result.law, row) for row in broken[:MAX_FINDINGS]), total=len(broken))


def _finding(law: str, row: dict[str, Any]) -> Finding:
    """The worst that is wrong with a partition."""
    length = row["last"] - row["first"] + 1
    if row["sources"] > 1:
        problem, expected, actual = "lines of several sources", 1, row["sources"]
    elif row["misplaced"]:
        problem, expected, actual = "lines in a foreign ingest hour", 0, row["misplaced"]
    else:
        problem, expected, actual = _MISSING, length, row["offsets"]
    return Finding(
        law=law,
        table=BRONZE,
        hour=row["hour"],
        key={"source_file": row["source_file"]},
        problem=problem,
        expected=expected,
        actual=actual,
    )

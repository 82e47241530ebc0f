"""Laws of bronze: every line of every committed file is there, once, byte for byte."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa

from clickstream_platform.oracle.compare import Comparison, compare
from clickstream_platform.oracle.findings import MAX_FINDINGS, Finding, LawResult, Report
from clickstream_platform.oracle.kafka_law import kafka_partitions
from clickstream_platform.oracle.lake import Lake
from clickstream_platform.oracle.lines import LINE_SCHEMA, LandingFile, landing_files, read_lines

BRONZE = "bronze/events"
LANDING_TO_BRONZE = "landing_to_bronze"
ADDRESS_UNIQUE = "bronze_address_unique"
BATCH_LINES = 300_000

# The raw bytes are compared by their MD5; a flat file has no hour of its own.
FROM_LANDING = """
    select landing_lines.source_file, source_offset, source, md5(raw) as raw,
        ltrim(header, chr(65279)) as header, damage,
        coalesce(landing_lines.ingest_hour, known.ingest_hour) as ingest_hour
    from landing_lines
    left join (
        select source_file, any_value(ingest_hour) as ingest_hour from bronze_file group by 1
    ) as known on known.source_file = landing_lines.source_file
"""
FROM_BRONZE = """
    select events.source_file, source_offset, source, md5(raw) as raw,
        ltrim(header, chr(65279)) as header, damage, ingest_hour
    from bronze.events as events
    join landing_part as part on part.source_file = events.source_file
        and source_offset >= part.first_offset
        and (part.end_offset is null or source_offset < part.end_offset)
"""


@dataclass(frozen=True)
class _Part:
    """A stretch of a file's lines; `end` is null where it reaches the end of the file."""

    file: LandingFile
    first: int
    end: int | None
    lines: pa.Table


def check_landing(lake: Lake, result: LawResult, report: Report) -> None:
    """Each known file still in landing has exactly its lines in bronze."""
    _register_bronze_files(lake)
    in_bronze = {row["source_file"] for row in lake.rows("select source_file from bronze_file")}
    committed = committed_files(lake)
    seen: set[str] = set()
    batch: list[_Part] = []
    for file in landing_files(lake.settings.landing, lake.mappings):
        seen.add(file.source_file)
        if file.source_file not in in_bronze and file.source_file not in committed:
            report.pending_files += 1
            continue
        for part in _parts(lake, file):
            batch.append(part)
            if sum(p.lines.num_rows for p in batch) >= BATCH_LINES:
                _compare_parts(lake, batch, result)
                batch = []
    if batch:
        _compare_parts(lake, batch, result)
    streamed = set(kafka_partitions(lake))
    report.archived = sum(
        row["line_count"]
        for row in lake.rows("select source_file, line_count from bronze_file")
        if row["source_file"] not in seen | streamed
    )


def check_addresses(lake: Lake, result: LawResult) -> None:
    """No two bronze lines share an address."""
    if not lake.exists(BRONZE):
        return
    lake.view(BRONZE, name="bronze.events")
    repeated = """
        select source_file, source_offset, min(ingest_hour) as hour, count(*) as copies
        from bronze.events group by source_file, source_offset having count(*) > 1
    """
    result.checked += lake.number("select count(*) from bronze.events")
    lake.sql.execute(f"create or replace temp table repeated as {repeated}")
    found = lake.rows(f"from repeated order by source_file, source_offset limit {MAX_FINDINGS}")
    result.add(
        (
            Finding(
                law=result.law,
                table=BRONZE,
                hour=row["hour"],
                key={"source_file": row["source_file"], "source_offset": row["source_offset"]},
                problem="repeated key",
                expected=1,
                actual=row["copies"],
            )
            for row in found
        ),
        total=lake.number("select count(*) from repeated"),
    )


def _register_bronze_files(lake: Lake) -> None:
    if lake.exists(BRONZE):
        lake.view(BRONZE, name="bronze.events")
        lake.sql.execute(
            """create or replace table bronze_file as
               select source_file, ingest_hour, count(*) as line_count
               from bronze.events group by source_file, ingest_hour"""
        )
    else:
        lake.store("bronze_line_form", LINE_SCHEMA.empty_table())
        lake.sql.execute(
            """create or replace table bronze_file as
               select source_file, ingest_hour, 0::bigint as line_count from bronze_line_form"""
        )


def committed_files(lake: Lake) -> set[str]:
    """Addresses of the files that the manifest calls committed."""
    path = lake.settings.state / "manifest.sqlite"
    if not path.is_file():
        return set()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as manifest:
        rows = manifest.execute("select path, sha8 from files where status = 'committed'")
        return {f"{name}@{sha8}" for name, sha8 in rows}


def _parts(lake: Lake, file: LandingFile) -> Iterator[_Part]:
    """The file's lines in stretches of at most about BATCH_LINES; the last one is open-ended."""
    first = count = 0
    held: list[pa.RecordBatch] = []
    for batch in read_lines(file, lake.mappings[file.source]):
        if count >= BATCH_LINES:
            yield _Part(file, first, first + count, pa.Table.from_batches(held, LINE_SCHEMA))
            first, count, held = first + count, 0, []
        held.append(batch)
        count += batch.num_rows
    yield _Part(file, first, None, pa.Table.from_batches(held, LINE_SCHEMA))


def _compare_parts(lake: Lake, parts: list[_Part], result: LawResult) -> None:
    lake.store("landing_lines", pa.concat_tables([part.lines for part in parts]))
    lake.store(
        "landing_part",
        pa.table(
            {
                "source_file": pa.array([p.file.source_file for p in parts], pa.string()),
                "first_offset": pa.array([p.first for p in parts], pa.int64()),
                "end_offset": pa.array([p.end for p in parts], pa.int64()),
            }
        ),
    )
    hours = lake.rows(
        """select distinct ingest_hour from bronze_file
           where source_file in (select source_file from landing_part)"""
    )
    lake.view_or_empty(
        BRONZE,
        name="bronze.events",
        like="landing_lines",
        hours=("ingest_hour", [row["ingest_hour"] for row in hours]),
    )
    lake.sql.execute(f"create or replace temp table landing_expected as {FROM_LANDING}")
    lake.sql.execute(f"create or replace temp table landing_actual as {FROM_BRONZE}")
    compare(
        lake,
        Comparison(
            law=result.law,
            table=BRONZE,
            expected="landing_expected",
            actual="landing_actual",
            columns=(
                "source_file",
                "source_offset",
                "source",
                "raw",
                "header",
                "damage",
                "ingest_hour",
            ),
            keys=("source_file", "source_offset"),
            hour_column="ingest_hour",
        ),
        result,
    )
    result.checked += sum(part.lines.num_rows for part in parts)

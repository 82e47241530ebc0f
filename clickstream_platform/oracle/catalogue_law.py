"""Laws of the catalogue: every feed line is there once; the versions equal their definition."""

from __future__ import annotations

import pyarrow as pa

from clickstream_platform.oracle.compare import Comparison, compare
from clickstream_platform.oracle.days_built import ALL_TIME
from clickstream_platform.oracle.feeds import ATTRIBUTES, Feed, read_feeds, stated
from clickstream_platform.oracle.findings import Finding, LawResult, Report
from clickstream_platform.oracle.hours_built import BuiltHours
from clickstream_platform.oracle.lake import Lake
from clickstream_platform.oracle.landing_law import committed_files
from clickstream_platform.oracle.lines import LINE_SCHEMA, landing_files, read_lines

FEEDS_LAW = "feeds_to_bronze"
CATALOGUE_LAW = "versions_equal_definition"
BRONZE_CATALOGUE = "bronze/catalogue"
QUARANTINE = "silver/catalogue_quarantine"
KEYS = {"products": "item_id", "users": "user_id", "campaigns": "campaign_id"}
CATALOGUE = (*[f"silver/{name}" for name in KEYS], QUARANTINE)
LINE_COLUMNS = ("source", "raw", "header", "damage", "ingest_hour")
ADDRESS = ("source_file", "source_offset")
EXPECTED_LINES = """
    select landed.* replace (
        md5(landed.raw) as raw, coalesce(landed.ingest_hour, known.ingest_hour) as ingest_hour
    )
    from feed_landing as landed
    left join (
        select source_file, any_value(ingest_hour) as ingest_hour
        from bronze.catalogue group by 1
    ) as known on known.source_file = landed.source_file
"""
ACTUAL_LINES = """
    select * replace (md5(raw) as raw) from bronze.catalogue
    where source_file in (select source_file from feed_file)
"""
# Of the contents told for one moment the one with the greatest hash; a change begins a version.
VERSIONS = """
    with told as (
        select distinct key, make_timestamp(valid_from_us) as valid_from, content_hash, {attributes}
        from feed_stated
        where feed_table = '{table}' and len(reasons) = 0
        qualify content_hash = max(content_hash) over (partition by key, valid_from_us)
    ),
    changes as (
        select * from told
        qualify content_hash is distinct from
            lag(content_hash) over (partition by key order by valid_from)
    )
    select key as {key}, {attributes}, valid_from,
        lead(valid_from) over (partition by key order by valid_from) as valid_to,
        row_number() over (partition by key order by valid_from) as version_no, content_hash
    from changes
"""
GAPS = """
    select {key} as key, version_no, valid_to, later from (
        select *, lead(valid_from) over w as later, row_number() over w as place
        from actual.versions window w as (partition by {key} order by valid_from)
    )
    where valid_to is distinct from later or version_no <> place
"""


def check_feeds(lake: Lake, result: LawResult, report: Report) -> None:
    """Each feed file still in landing has exactly its lines in bronze, each address once."""
    feeds = read_feeds(lake.settings.source_dirs)
    lake.store("feed_line_form", LINE_SCHEMA.empty_table())
    lake.view_or_empty(BRONZE_CATALOGUE, name="bronze.catalogue", like="feed_line_form")
    known = {
        row["f"] for row in lake.rows("select distinct source_file as f from bronze.catalogue")
    }
    known |= committed_files(lake)
    batches: list[pa.RecordBatch] = []
    names: list[str] = []
    for file in landing_files(lake.settings.landing, {n: feed.lines for n, feed in feeds.items()}):
        if file.source_file not in known:
            report.pending_files += 1
            continue
        names.append(file.source_file)
        batches.extend(read_lines(file, feeds[file.source].lines))
    lake.store("feed_landing", pa.Table.from_batches(batches, LINE_SCHEMA))
    lake.store("feed_file", pa.table({"source_file": pa.array(names, pa.string())}))
    lake.sql.execute(f"create or replace temp table catalogue_expected as {EXPECTED_LINES}")
    lake.sql.execute(f"create or replace temp table catalogue_actual as {ACTUAL_LINES}")
    result.checked += lake.number("select count(*) from bronze.catalogue")
    columns = (*ADDRESS, *LINE_COLUMNS)
    compare(lake, _comparison(result, BRONZE_CATALOGUE, columns=columns, keys=ADDRESS), result)
    repeated = lake.rows(
        "select source_file, source_offset from bronze.catalogue group by all having count(*) > 1"
    )
    result.add(Finding(result.law, BRONZE_CATALOGUE, None, row, "repeated key") for row in repeated)


def check_catalogue(lake: Lake, built: BuiltHours, result: LawResult, report: Report) -> None:
    """The tables of versions, and the rejected lines, follow from bronze as defined."""
    behind = [table for table in CATALOGUE if built.behind(table)]
    report.notes.extend(f"{table} waits for a rebuild" for table in behind)
    current = [table for table in CATALOGUE if ALL_TIME in built.current(table)]
    if not current:
        return
    feeds = read_feeds(lake.settings.source_dirs)
    _state_lines(lake, feeds)
    for table in current:
        if not lake.exists(table):
            result.add([Finding(result.law, table, None, {}, "missing table")])
        elif table == QUARANTINE:
            _check_rejected(lake, result)
        else:
            _check_versions(lake, table, result)


def _state_lines(lake: Lake, feeds: dict[str, Feed]) -> None:
    lake.store("feed_line_form", LINE_SCHEMA.empty_table())
    lake.view_or_empty(BRONZE_CATALOGUE, name="bronze.catalogue", like="feed_line_form")
    columns = ", ".join((*ADDRESS, *LINE_COLUMNS))
    lake.store("feed_stated", stated(feeds, lake.rows(f"select {columns} from bronze.catalogue")))


def _check_versions(lake: Lake, table: str, result: LawResult) -> None:
    name = table.removeprefix("silver/")
    key = KEYS[name]
    attributes = ", ".join(ATTRIBUTES[name])
    definition = VERSIONS.format(attributes=attributes, table=name, key=key)
    lake.sql.execute(f"create or replace temp table catalogue_expected as {definition}")
    lake.view(table, name="actual.versions")
    lake.sql.execute("create or replace temp table catalogue_actual as from actual.versions")
    result.checked += lake.number("select count(*) from catalogue_expected")
    columns = (key, *ATTRIBUTES[name], "valid_from", "valid_to", "version_no", "content_hash")
    keys = (key, "version_no")
    compare(lake, _comparison(result, table, columns=columns, keys=keys), result)
    result.add(
        Finding(
            law=result.law,
            table=table,
            hour=None,
            key={key: row["key"], "version_no": row["version_no"]},
            problem="gap or overlap",
            expected=row["later"],
            actual=row["valid_to"],
        )
        for row in lake.rows(GAPS.format(key=key))
    )


def _check_rejected(lake: Lake, result: LawResult) -> None:
    lake.view(QUARANTINE, name="actual.rejected_feed_lines")
    columns = (*ADDRESS, "source", "ingest_hour", "raw", "reasons")
    for side, relation in (("expected", "feed_stated"), ("actual", "actual.rejected_feed_lines")):
        lake.sql.execute(
            f"""create or replace temp table catalogue_{side} as
                select source_file, source_offset, source, ingest_hour, md5(raw) as raw,
                    list_sort(reasons) as reasons
                from {relation} where len(reasons) > 0"""
        )
    result.checked += lake.number("select count(*) from catalogue_expected")
    compare(lake, _comparison(result, QUARANTINE, columns=columns, keys=ADDRESS), result)


def _comparison(
    result: LawResult, table: str, *, columns: tuple[str, ...], keys: tuple[str, ...]
) -> Comparison:
    return Comparison(
        law=result.law,
        table=table,
        expected="catalogue_expected",
        actual="catalogue_actual",
        columns=columns,
        keys=keys,
        hour_column="ingest_hour",
    )

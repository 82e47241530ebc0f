"""Laws of silver: home hours, conservation, uniqueness, and equality with the definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.hours import shift
from clickstream_platform.oracle.compare import Comparison, compare
from clickstream_platform.oracle.conservation_law import check_conservation
from clickstream_platform.oracle.enrichment import store_enriched, store_lists
from clickstream_platform.oracle.fields import canonical_rescued, texts_of_lines
from clickstream_platform.oracle.findings import (
    MAX_FINDINGS,
    Finding,
    LawResult,
    Report,
    missing_columns,
)
from clickstream_platform.oracle.hours_built import BuiltHours, batches, count_by_hour
from clickstream_platform.oracle.lake import SILVER, Lake, sql_of
from clickstream_platform.oracle.landing_law import BRONZE

REPAIRS = "ops/repairs"
HOME_HOUR = "home_hour"
EVENT_UNIQUE = "silver_event_unique"
SILVER_EQUAL = "silver_equals_definition"

BATCH_LINES = 300_000
READ_ROWS = 50_000
ADDRESS = ("source_file", "source_offset")
IN_BATCH = "home_hour in (select hour from batch_hour)"
LINE_COLUMNS = (*ADDRESS, "source", "ingest_hour", "home_hour", "raw", "header", "damage")
QUARANTINE_COLUMNS = (
    *ADDRESS, "source", "ingest_hour", "event_hour", "raw", "reasons", "event_id", "event_name",
    "event_timestamp", "event_fingerprint", "winner_fingerprint", "rules_version",
)  # fmt: skip
# Sets and JSON are stored in any order and writing; here each has one.
NORMALISED = {
    "silver/events": (
        "* replace (list_sort(warnings) as warnings, rescued.canonical as rescued_data, "
        "added.canonical as added_fields)",
        "left join rescued on rescued.stored = rescued_data "
        "left join rescued as added on added.stored = added_fields",
    ),
    "silver/duplicates": ("*", ""),
    "silver/quarantine": ("* replace (list_sort(reasons) as reasons)", ""),
}


@dataclass(frozen=True)
class SilverLaws:
    """The verdicts the batches of home hours add to."""

    home_hour: LawResult
    conservation: LawResult
    unique: LawResult
    equal: LawResult


def check_silver(lake: Lake, built: BuiltHours, laws: SilverLaws, report: Report) -> None:
    """All laws of silver, batch by batch of home hours."""
    lines = count_by_hour(lake, BRONZE, "home_hour")
    silver = {table: count_by_hour(lake, table, "event_hour") for table in SILVER}
    report.lines = sum(lines.values())
    report.accepted, report.duplicates, report.quarantined = (
        sum(silver[table].values()) for table in SILVER
    )
    with_rows = {hour for counts in silver.values() for hour in counts}
    behind = built.behind("silver/events")
    current = (built.current("silver/events") | with_rows) - behind
    sizes = {hour: lines.get(hour, 0) for hour in {*lines, *with_rows, *current}}
    if behind:
        report.notes.append(f"{len(behind)} home hours wait for a rebuild of silver")
    _missing_tables(lake, built, laws.equal)
    lake.sql.execute(
        "create table no_repair (source_file varchar, source_offset bigint, action varchar, "
        "replacement blob, decided_at timestamp)"
    )
    if not lake.exists(BRONZE):
        lake.store("no_line", _line_schema().empty_table())
    store_lists(lake)
    for hours in batches(sizes, BATCH_LINES):
        _prepare(lake, hours, current, built.held_back("silver/events"), laws.equal)
        _check_home_hours(lake, laws.home_hour)
        check_conservation(lake, laws.conservation, report)
        _check_unique(lake, laws.unique)
        for table in SILVER:
            _check_equal(lake, table, laws.equal)
        _check_detail(lake, laws.equal)


def _line_schema() -> pa.Schema:
    kinds = {"source_offset": pa.int64(), "raw": pa.binary()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in LINE_COLUMNS])


def _missing_tables(lake: Lake, built: BuiltHours, result: LawResult) -> None:
    result.add(
        Finding(
            result.law, table, None, {}, "missing table", expected=f"{built.row_count(table)} rows"
        )
        for table in SILVER
        if not lake.exists(table) and built.row_count(table)
    )


def _prepare(
    lake: Lake, hours: Sequence[str], current: set[str], held: set[str], result: LawResult
) -> None:
    """Fills `lines`, `canonical`, `judged`, `batch_hour` and the actual silver of these hours."""
    is_current = [hour in current for hour in hours]
    is_held = [hour in held for hour in hours]
    lake.store(
        "batch_hour",
        pa.table({"hour": list(hours), "is_current": is_current, "is_held": is_held}),
    )
    with_before = sorted({*hours, *(shift(hour, -1) for hour in hours)})
    lake.view_or_empty(
        BRONZE, name="bronze.events", like="no_line", hours=("home_hour", with_before)
    )
    lake.sql.execute(
        f"create or replace table lines as select {', '.join(LINE_COLUMNS)} from bronze.events "
        f"where {IN_BATCH} or source in (select source from mapping where repairs_clock)"
    )
    _store_read_lines(lake)
    lake.store("texts", _texts(lake, result))
    store_enriched(lake)
    for name in ("canonical", "judged"):
        lake.sql.execute(f"create or replace table {name} as {sql_of(name)}")
    for name in ("lines", "canonical", "judged"):  # the hours before were only met
        lake.sql.execute(f"delete from {name} where not {IN_BATCH}")
    for table in SILVER:
        expected, actual = _relations(table)
        lake.sql.execute(f"create or replace table {expected} as {sql_of(expected)}")
        view = f"actual.{expected}"
        lake.view_or_empty(table, name=view, like=expected, hours=("event_hour", hours))
        lake.sql.execute(f"create or replace table {actual} as from {view}")


def _relations(table: str) -> tuple[str, str]:
    name = table.replace("/", "_")
    return name, f"actual_{name}"


def _store_read_lines(lake: Lake) -> None:
    """`lines` as they are read: the newest decision on a line may replace its bytes."""
    lake.view_or_empty(REPAIRS, name="ops.repairs", like="no_repair")
    lake.sql.execute(f"create or replace table read_lines as {sql_of('read_lines')}")


def _texts(lake: Lake, result: LawResult) -> pa.Table:
    """The field texts of all lines, read source by source."""
    pieces = []
    reader = lake.sql.table("read_lines").to_arrow_reader(READ_ROWS)
    for batch in reader:
        for source in pc.unique(batch["source"]).to_pylist():
            own = batch.filter(pc.equal(batch["source"], source))
            if source not in lake.mappings:
                result.add(
                    [Finding(result.law, BRONZE, None, {"source": source}, "unknown source")]
                )
                continue
            texts = texts_of_lines(lake.mappings[source], own)
            for name in ("source", "source_file", "source_offset", "ingest_hour", "home_hour"):
                texts = texts.append_column(name, own[name])
            pieces.append(texts)
    if pieces:
        return pa.concat_tables(pieces)
    blank = pa.RecordBatch.from_pylist([], _line_schema())
    texts = texts_of_lines(next(iter(lake.mappings.values())), blank)
    for name in ("source", "source_file", "source_offset", "ingest_hour", "home_hour"):
        texts = texts.append_column(name, blank[name])
    return texts


def _check_home_hours(lake: Lake, result: LawResult) -> None:
    wrong = "from canonical where home_hour is distinct from expected_home_hour"
    result.checked += lake.number("select count(*) from canonical")
    found = lake.rows(f"{wrong} order by source_file, source_offset limit {MAX_FINDINGS}")
    result.add(
        (
            Finding(
                law=result.law,
                table=BRONZE,
                hour=row["home_hour"],
                key={name: row[name] for name in ADDRESS},
                problem="different value",
                expected={"home_hour": row["expected_home_hour"]},
                actual={"home_hour": row["home_hour"]},
            )
            for row in found
        ),
        total=lake.number(f"select count(*) {wrong}"),
    )


def _check_unique(lake: Lake, result: LawResult) -> None:
    repeated = """
        select event_hour, id_scope, event_id, count(*) as copies
        from actual_silver_events group by event_hour, id_scope, event_id having count(*) > 1
    """
    result.checked += lake.number("select count(*) from actual_silver_events")
    total = lake.number(f"select count(*) from ({repeated})")
    result.add(
        (
            Finding(
                law=result.law,
                table="silver/events",
                hour=row["event_hour"],
                key={name: row[name] for name in ("event_hour", "id_scope", "event_id")},
                problem="repeated key",
                expected=1,
                actual=row["copies"],
            )
            for row in lake.rows(f"{repeated} order by all limit {MAX_FINDINGS}")
        ),
        total=total,
    )


def _check_equal(lake: Lake, table: str, result: LawResult) -> None:
    """Expected and actual rows of the hours that must be right."""
    expected, actual = _relations(table)
    if table == "silver/events":
        _store_rescued(lake, actual)
    picked, joined = NORMALISED[table]
    right = "is_current and not is_held" if table == "silver/events" else "is_current"
    current = f"event_hour in (select hour from batch_hour where {right})"
    columns = QUARANTINE_COLUMNS if table == "silver/quarantine" else lake.column_names(expected)
    if absent := set(columns) - set(lake.column_names(actual)):
        result.add(missing_columns(result.law, table, absent))
        return
    lake.sql.execute(
        f"create or replace temp view normalised as select {picked} from {actual} {joined}"
    )
    kept = ", ".join("md5(raw) as raw" if name == "raw" else name for name in columns)
    for name, relation in (("left_rows", expected), ("right_rows", "normalised")):
        lake.sql.execute(
            f"create or replace temp table {name} as select {kept} from {relation} where {current}"
        )
    result.checked += lake.number("select count(*) from left_rows")
    compare(
        lake, Comparison(result.law, table, "left_rows", "right_rows", columns, ADDRESS), result
    )


def _store_rescued(lake: Lake, actual: str) -> None:
    stored = lake.rows(f"select distinct unnest([rescued_data, added_fields]) as r from {actual}")
    texts = [row["r"] for row in stored if row["r"] is not None]
    lake.store(
        "rescued",
        pa.table(
            {
                "stored": pa.array(texts, pa.string()),
                "canonical": pa.array([canonical_rescued(text) for text in texts], pa.string()),
            }
        ),
    )


def _check_detail(lake: Lake, result: LawResult) -> None:
    """The detail of a wrong column count names each missing column, or the surplus."""
    if "detail" not in lake.columns("silver/quarantine"):
        return
    wrong = """
        from actual_silver_quarantine as actual
        join canonical
            on canonical.source_file = actual.source_file
            and canonical.source_offset = actual.source_offset
        join batch_hour on batch_hour.hour = actual.event_hour and is_current
        where canonical.detail is not null
            and not coalesce(list_bool_and(list_transform(
                string_split(canonical.detail, chr(31)), lambda part: contains(actual.detail, part)
            )), false)
    """
    found = lake.rows(
        f"""select actual.source_file, actual.source_offset, event_hour,
                canonical.detail as expected, actual.detail as actual {wrong}
            order by 1, 2 limit {MAX_FINDINGS}"""
    )
    result.add(
        (
            Finding(
                law=result.law,
                table="silver/quarantine",
                hour=row["event_hour"],
                key={name: row[name] for name in ADDRESS},
                problem="different value",
                expected={"detail names": row["expected"].split("\x1f")},
                actual={"detail": row["actual"]},
            )
            for row in found
        ),
        total=lake.number(f"select count(*) {wrong}"),
    )

"""From a line's bytes to the texts of its fields (docs/DEFINITIONS.md, Reading a line, 1 to 3)."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.sources.model import LineForm, Source, names_of
from clickstream_platform.sources.paths import field_path
from clickstream_platform.transforms.access_log import with_access_log
from clickstream_platform.transforms.nested import JSON_OPTIONS, container_column, with_inner_fields

# A record of these fields and no other: quoted with doubled quotes, or bare. All is possessive:
# Java loops over such groups, and recurses over others until a long line overflows its stack.
_CSV_FIELD = r'(?:"[^"]*+(?:""[^"]*+)*+"|[^{d}"][^{d}]*+|)'
MAX_LENGTH = 2**31 - 1


@dataclass(frozen=True)
class Fields:
    """Reads the fields of `source` on a frame made by `with_fields`."""

    source: Source

    def text(self, names: str | Sequence[str]) -> Column:
        """The first of the aliases that is not missing."""
        return present_text(self.source, names)

    def mapped(self, canonical: str) -> Column:
        """The text of a canonical field; null if the source does not map it."""
        names = self.source.fields.get(canonical)
        return no_text() if names is None else self.text(names)


def present_text(form: LineForm, names: str | Sequence[str]) -> Column:
    """The first of the aliases that is not missing, on a frame made by `with_fields`."""
    present = [_present(form, name) for name in names_of(names)]  # type: ignore[arg-type]
    return present[0] if len(present) == 1 else F.coalesce(*present)


def _present(form: LineForm, name: str) -> Column:
    raw = F.col(raw_column(form, name))
    return F.when(~raw.isin(form.missing_values), raw)


def no_text() -> Column:
    return F.lit(None).cast("string")


def raw_column(source: LineForm, name: str) -> str:
    """The column that holds a mapped field's trimmed text."""
    return f"_raw_{source.mapped_fields().index(name)}"


def with_fields(lines: DataFrame, source: LineForm, headers: Sequence[str]) -> DataFrame:
    """The same rows with `_fatal` (a reason that stands alone, else null), `_detail`, a `_raw_…`
    column per mapped path, `_extra`, the map of fields the mapping does not name, or null, and
    `_unread`, the map of fields that should hold JSON and do not, or null.

    Each step is a column of its own: a long expression used in place is computed at every use.
    `lines` has `raw`, `damage` and `header`, and `replacement` if there are repairs, which is then
    read instead of `raw`; `headers` are the distinct CSV headers among them.
    """
    is_repaired = "replacement" in lines.columns
    line = (F.coalesce("replacement", "raw") if is_repaired else F.col("raw")).cast("string")
    text = F.when(F.startswith(line, F.lit("\ufeff")), F.substring(line, 2, MAX_LENGTH)).otherwise(
        line
    )
    readable = F.when(F.col("damage").isNotNull(), F.col("damage")).when(
        ~F.is_valid_utf8(text), F.lit("invalid_utf8")
    )
    marked = lines.withColumn("_unreadable", readable).withColumn(
        "_text", F.when(F.col("_unreadable").isNull(), text)
    )
    if source.is_json:
        read = _with_json(marked, source, lines.columns)
    elif source.format == "csv":
        read = _with_csv(marked, source, headers, lines.columns)
    else:
        read = with_access_log(marked, _texts_of(source), lines.columns)
    raw_names = {name: raw_column(source, name) for name in source.mapped_fields()}
    return with_inner_fields(read, source, lines.columns, raw_names)


def _texts_of(source: LineForm) -> dict[str, str]:
    """Column to make -> the line's own field it comes from: plain paths and containers."""
    plain = {
        raw_column(source, name): field_path(name).top
        for name in source.mapped_fields()
        if field_path(name).is_plain
    }
    return plain | {container_column(top): top for top in source.container_fields()}


def _with_json(lines: DataFrame, source: LineForm, carried: Sequence[str]) -> DataFrame:
    """The line is put into an array with an empty object behind it: Spark's parser stops after the
    first value, and only if it reaches the second one was the line nothing but one object."""
    schema = ", ".join(f"`{name}`: string" for name in source.top_fields())
    parsed = F.from_json(
        F.concat(F.lit("["), F.col("_text"), F.lit(",{}]")),
        f"array<struct<{schema}>>",
        JSON_OPTIONS,
    )
    record = F.when(F.size("_parsed") == 2, F.get("_parsed", F.lit(0)))
    malformed = F.when(F.col("_record").isNull(), F.lit("malformed_line"))
    return (
        lines.withColumn("_parsed", parsed)
        .withColumn("_record", record)
        .select(
            *carried,
            F.coalesce("_unreadable", malformed).alias("_fatal"),
            F.lit(None).cast("string").alias("_detail"),
            *[
                F.trim(F.col("_record").getField(top)).alias(column)
                for column, top in _texts_of(source).items()
            ],
            F.when(F.col("_record").isNotNull(), _undeclared(source)).alias("_extra"),
        )
    )


def _undeclared(source: LineForm) -> Column:
    """The keys are looked at first: nearly all lines have no other field, and need no map."""
    declared = F.array(*[F.lit(name) for name in source.known_fields()])
    others = F.array_except(F.json_object_keys("_text"), declared)
    fields = F.from_json("_text", "map<string,string>", JSON_OPTIONS)
    return F.when(
        F.size(others) > 0,
        _filled(F.map_filter(fields, lambda key, _: ~F.array_contains(declared, key)), source),
    )


def _filled(fields: Column, source: LineForm) -> Column:
    """Only the fields that are not missing."""
    return F.map_filter(
        fields,
        lambda _, value: F.coalesce(~F.trim(value).isin(source.missing_values), F.lit(False)),
    )


def _with_csv(
    lines: DataFrame, source: LineForm, headers: Sequence[str], carried: Sequence[str]
) -> DataFrame:
    layouts = (
        {header: columns_of(header, source) for header in headers} if source.csv.header else {}
    )
    if not layouts:
        layouts = {"": source.csv.columns or [*source.top_fields()]}  # no header was ever whole
    delimiter = source.csv.delimiter
    text = F.col("_text")
    escaped = "\\" + delimiter
    field = _CSV_FIELD.format(d=escaped)
    has_quote = F.contains(text, F.lit('"')) if source.csv.quoted else F.lit(False)
    well_formed = ~has_quote | text.rlike(f"^{field}(?:{escaped}{field})*+$")
    unquoted = F.when(
        has_quote, F.regexp_replace(text, f'(^|{escaped})"[^"]*+(?:""[^"]*+)*+"', "$1")
    ).otherwise(text)
    count = F.length(unquoted) - F.length(F.replace(unquoted, F.lit(delimiter), F.lit(""))) + 1
    expected = _by_header(source, {h: F.lit(len(c)) for h, c in layouts.items()})
    names = _by_header(source, {h: F.array(*map(F.lit, c)) for h, c in layouts.items()})
    judged = (
        lines.withColumn("_count", count)
        .withColumn("_fatal", F.col("_unreadable"))
        .withColumn("_fatal", _else(F.col("_fatal"), ~well_formed, "malformed_line"))
        .withColumn("_fatal", _else(F.col("_fatal"), F.col("_count") != expected, "column_count"))
        .withColumn(
            "_detail",
            F.when(F.col("_fatal") == "column_count", _count_problem(expected, names)),
        )
    )
    # Each record is parsed into a column of its own first: used in place, once per field.
    records = {header: f"_record_{number}" for number, header in enumerate(layouts)}
    for header, columns in layouts.items():
        judged = judged.withColumn(records[header], _record(source, columns))
    return judged.select(
        *carried,
        "_fatal",
        "_detail",
        *[
            F.trim(_by_header(source, _column(source, layouts, records, top))).alias(column)
            for column, top in _texts_of(source).items()
        ],
        _by_header(source, _others(source, layouts, records)).alias("_extra"),
    )


def columns_of(header: str, source: LineForm) -> list[str]:
    """The column names of a CSV header record."""
    if not source.csv.quoted:
        return header.split(source.csv.delimiter)
    return next(csv.reader([header], delimiter=source.csv.delimiter), [])


def _else(reason: Column, condition: Column, name: str) -> Column:
    return F.coalesce(reason, F.when(condition, F.lit(name)))


def _by_header(source: LineForm, values: dict[str, Column]) -> Column:
    if not source.csv.header or len(values) == 1:
        return next(iter(values.values()))
    chosen = F.lit(None)
    for header, value in values.items():
        chosen = F.when(F.col("header") == header, value).otherwise(chosen)
    return chosen


def _count_problem(expected: Column, names: Column) -> Column:
    count = F.col("_count")
    missing = F.array_join(F.slice(names, count + 1, expected - count), ", ")
    return F.when(
        count < expected,
        F.concat(F.lit("missing column: "), missing),
    ).otherwise(
        F.concat(
            (count - expected).cast("string"),
            F.lit(" more than the "),
            expected.cast("string"),
            F.lit(" columns"),
        )
    )


def _record(source: LineForm, columns: Sequence[str]) -> Column:
    """A struct of the columns `c0`, `c1` and so on; where nothing is quoted an array of texts."""
    whole = F.when(F.col("_fatal").isNull(), F.col("_text"))
    if not source.csv.quoted:
        return F.split(whole, re.escape(source.csv.delimiter), -1)
    schema = ", ".join(f"`c{position}` string" for position in range(len(columns)))
    options = {
        "sep": source.csv.delimiter,
        "quote": '"',
        "escape": '"',
        "mode": "PERMISSIVE",
        "ignoreLeadingWhiteSpace": "false",
        "ignoreTrailingWhiteSpace": "false",
    }
    return F.from_csv(whole, schema, options)


def _cell(source: LineForm, record: str, position: int) -> Column:
    cells = F.col(record)
    return cells.getField(f"c{position}") if source.csv.quoted else cells.getItem(position)


def _column(
    source: LineForm, layouts: dict[str, list[str]], records: dict[str, str], name: str
) -> dict[str, Column]:
    """Per header, the text of the column `name`; null where the file has none."""
    return {
        header: _cell(source, records[header], columns.index(name))
        if name in columns
        else F.lit(None).cast("string")
        for header, columns in layouts.items()
    }


def _others(
    source: LineForm, layouts: dict[str, list[str]], records: dict[str, str]
) -> dict[str, Column]:
    """Per header, the columns the mapping does not name as a map; null if there are none."""
    known = set(source.known_fields())
    found: dict[str, Column] = {}
    for header, columns in layouts.items():
        parts = [
            part
            for position, name in enumerate(columns)
            if name not in known
            for part in (F.lit(name), _cell(source, records[header], position))
        ]
        whole = F.col("_fatal").isNull()
        found[header] = (
            F.when(whole, _filled(F.create_map(*parts), source))
            if parts
            else F.lit(None).cast("map<string,string>")
        )
    return found

"""From a line's bytes to the texts of its fields (docs/DEFINITIONS.md, Reading a line, 1 to 3)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.sources.model import Source, names_of

# A record of these fields and no other: quoted with doubled quotes, or bare.
_CSV_FIELD = r'(?:"[^"]*(?:""[^"]*)*"|[^{d}"][^{d}]*|)'
_JSON_OPTIONS = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}


@dataclass(frozen=True)
class Fields:
    """Reads the fields of `source` on a frame made by `with_fields`."""

    source: Source

    def raw(self, name: str) -> Column:
        """The field's trimmed text, null if absent; missing-value words are still in it."""
        if self.source.format == "json":
            return F.trim(F.element_at("_fields", name))
        return F.trim(F.col("_fields").getField(name))

    def text(self, names: str | Sequence[str]) -> Column:
        """The first of the aliases that is not missing."""
        present = [self._not_missing(self.raw(name)) for name in names_of(names)]  # type: ignore[arg-type]
        return present[0] if len(present) == 1 else F.coalesce(*present)

    def _not_missing(self, value: Column) -> Column:
        return F.when(~value.isin(self.source.missing_values), value)

    def extra(self) -> Column:
        """Fields the mapping does not name, as a map without missing values; null if none."""
        if self.source.format == "json":
            declared = F.array(*[F.lit(name) for name in self.source.mapped_fields()])
            undeclared = F.array_except(F.map_keys("_fields"), declared)
            kept = F.map_filter(
                "_fields",
                lambda key, value: ~F.array_contains(declared, key)
                & F.coalesce(~F.trim(value).isin(self.source.missing_values), F.lit(False)),
            )
            return F.when(F.size(undeclared) > 0, kept)
        return F.when(
            F.size("_extra") > 0,
            F.map_filter(
                "_extra",
                lambda _, value: F.coalesce(
                    ~F.trim(value).isin(self.source.missing_values), F.lit(False)
                ),
            ),
        )


def with_fields(lines: DataFrame, source: Source, headers: Sequence[str]) -> DataFrame:
    """The same rows with `_fatal` (a reason that stands alone, else null), `_detail` and `_fields`.

    `lines` has `raw`, `damage` and `header`; `headers` are the distinct CSV headers among them.
    """
    text = F.ltrim(F.col("raw").cast("string"), F.lit("\ufeff"))
    readable = F.when(F.col("damage").isNotNull(), F.col("damage")).when(
        ~F.is_valid_utf8(text), F.lit("invalid_utf8")
    )
    marked = lines.withColumn("_unreadable", readable).withColumn(
        "_text", F.when(F.col("_unreadable").isNull(), text)
    )
    parsed = (
        _with_json(marked) if source.format == "json" else _with_csv(marked, source, headers)
    )
    return parsed.drop("_text", "_unreadable")


def _with_json(lines: DataFrame) -> DataFrame:
    """The line is put into an array with an empty object behind it: Spark's parser stops after the
    first value, and only if it reaches the second one was the line nothing but one object."""
    parsed = F.from_json(
        F.concat(F.lit("["), F.col("_text"), F.lit(",{}]")),
        "array<map<string,string>>",
        _JSON_OPTIONS,
    )
    whole = F.col("_parsed").isNotNull() & (F.size("_parsed") == 2)
    fields = F.when(whole, F.get("_parsed", F.lit(0)))
    fatal = F.coalesce(
        F.col("_unreadable"), F.when(F.col("_fields").isNull(), F.lit("malformed_line"))
    )
    return (
        lines.withColumn("_parsed", parsed)
        .withColumn("_fields", fields)
        .withColumn("_fatal", fatal)
        .withColumn("_detail", F.lit(None).cast("string"))
        .drop("_parsed")
    )


def _with_csv(lines: DataFrame, source: Source, headers: Sequence[str]) -> DataFrame:
    layouts = {header: columns_of(header, source) for header in headers} if source.csv.header else {}
    if not layouts:
        layouts = {"": source.csv.columns}
    delimiter = source.csv.delimiter
    text = F.col("_text")
    escaped = "\\" + delimiter
    field = _CSV_FIELD.format(d=escaped)
    has_quote = F.contains(text, F.lit('"'))
    well_formed = ~has_quote | text.rlike(f"^{field}(?:{escaped}{field})*$")
    unquoted = F.when(
        has_quote, F.regexp_replace(text, f'(^|{escaped})"[^"]*(?:""[^"]*)*"', "$1")
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
    return (
        judged.withColumn("_fields", _by_header(source, _parsed(source, layouts, records)))
        .withColumn("_extra", _by_header(source, _undeclared(source, layouts, records)))
        .drop("_count", *records.values())
    )


def columns_of(header: str, source: Source) -> list[str]:
    """The column names of a CSV header record."""
    return next(csv.reader([header], delimiter=source.csv.delimiter), [])


def _else(reason: Column, condition: Column, name: str) -> Column:
    return F.coalesce(reason, F.when(condition, F.lit(name)))


def _by_header(source: Source, values: dict[str, Column]) -> Column:
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
        F.concat(count.cast("string"), F.lit(" columns, expected "), expected.cast("string"))
    )


def _record(source: Source, columns: Sequence[str]) -> Column:
    schema = ", ".join(f"`c{position}` string" for position in range(len(columns)))
    options = {
        "sep": source.csv.delimiter,
        "quote": '"',
        "escape": '"',
        "mode": "PERMISSIVE",
        "ignoreLeadingWhiteSpace": "false",
        "ignoreTrailingWhiteSpace": "false",
    }
    whole = F.when(F.col("_fatal").isNull(), F.col("_text"))
    return F.from_csv(whole, schema, options)


def _parsed(
    source: Source, layouts: dict[str, list[str]], records: dict[str, str]
) -> dict[str, Column]:
    """Per header, a struct with one text per field the mapping names; null where it has no column."""
    return {
        header: F.struct(
            *[
                (
                    F.col(records[header]).getField(f"c{columns.index(name)}")
                    if name in columns
                    else F.lit(None).cast("string")
                ).alias(name)
                for name in source.mapped_fields()
            ]
        )
        for header, columns in layouts.items()
    }


def _undeclared(
    source: Source, layouts: dict[str, list[str]], records: dict[str, str]
) -> dict[str, Column]:
    mapped = set(source.mapped_fields())
    return {
        header: F.create_map(
            *[
                part
                for position, name in enumerate(columns)
                if name not in mapped
                for part in (
                    F.lit(name),
                    F.col(records[header]).getField(f"c{position}"),
                )
            ]
        ).cast("map<string,string>")
        for header, columns in layouts.items()
    }

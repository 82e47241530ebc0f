"""Answers as people and programs want them: a table, CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

MOST_ROWS_SHOWN = 500
# What is shown in percent; other numbers below 1 keep three digits, so that none looks like 0.
_SHARES = ("_rate", "_share", "agreement")
_FINE_SCALE = 6  # beyond it a decimal is a quotient of PostgreSQL's
_MONEY_SCALE = 2
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = r"^[=+\-@\t\r\n]"
_NARROWEST_PIPE = 10_000  # rich cuts a table to the width; a pipe has none


def write_parquet(rows: pa.RecordBatchReader, path: Path) -> int:
    """Writes the rows with their types; returns how many."""
    count = 0
    with pq.ParquetWriter(path, rows.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def write_csv(rows: pa.RecordBatchReader, out: TextIO) -> int:
    """A header and the rows; times in ISO 8601, nested values as JSON, null as nothing.

    An apostrophe stands before a text that a spreadsheet would compute; JSON and Parquet hold
    every text as it is.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows.schema.names)
    count = 0
    for row in _rows(harmless(rows)):
        writer.writerow(["" if value is None else _csv_text(value) for value in row])
        count += 1
    return count


def harmless(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The rows with an apostrophe before each text that a spreadsheet would compute."""
    texts = [i for i, field in enumerate(rows.schema) if _is_text(field.type)]

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in rows:
            columns = list(batch.columns)
            for at in texts:
                columns[at] = pc.replace_substring_regex(columns[at], f"({_FORMULA})", r"'\1")
            yield pa.RecordBatch.from_arrays(columns, schema=rows.schema)

    return pa.RecordBatchReader.from_batches(rows.schema, batches())


def write_json(rows: pa.RecordBatchReader, out: TextIO) -> int:
    """An array with one object a row, one row a line; decimals are JSON numbers."""
    names = rows.schema.names
    count = 0
    out.write("[")
    for row in _rows(rows):
        values = {name: plain(value) for name, value in zip(names, row, strict=True)}
        out.write(",\n " if count else "\n ")
        json.dump(values, out, ensure_ascii=False)
        count += 1
    out.write("\n]\n" if count else "]\n")
    return count


def print_table(rows: pa.RecordBatchReader, console: Console) -> int:
    """The first rows, numbers grouped and money with two decimals; returns how many were shown."""
    table = Table(header_style="bold")
    kinds = [field.type for field in rows.schema]
    for field in rows.schema:
        numeric = pa.types.is_decimal(field.type) or _is_number(field.type)
        table.add_column(field.name, justify="right" if numeric else "left", overflow="fold")
    found = _rows(rows)
    count = 0
    for row in islice(found, MOST_ROWS_SHOWN):
        names = rows.schema.names
        table.add_row(*[cell(v, k, n) for v, k, n in zip(row, kinds, names, strict=True)])
        count += 1
    if not console.is_terminal:
        console = Console(file=console.file, width=_NARROWEST_PIPE)
    console.print(table)
    left = sum(1 for _ in found)
    if left:
        console.print(
            f"… and {left:,} more rows; --format csv, json or parquet gives all.", style="dim"
        )
    return count


def cell(value: object, kind: pa.DataType, name: str) -> str:
    """How one value reads in the table."""
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return _decimal(value, kind.scale, name)
    if isinstance(value, float):
        return _fraction(value, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else _csv_text(value)
    return text.replace("[", r"\[")


def _decimal(value: Decimal, scale: int, name: str) -> str:
    if scale > _FINE_SCALE or _is_share(name):
        return _fraction(float(value), name)
    text = f"{value:,}"
    return text.rstrip("0").rstrip(".") if scale > _MONEY_SCALE else text


def _fraction(value: float, name: str) -> str:
    if _is_share(name):
        return f"{value:.2%}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:,.2f}"


def _is_share(name: str) -> bool:
    return name.endswith(_SHARES)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))  # a raw line is text too


def _rows(rows: pa.RecordBatchReader) -> Iterator[tuple[Any, ...]]:
    for batch in rows:
        columns = [column.to_pylist() for column in batch.columns]
        yield from zip(*columns, strict=True)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def plain(value: object) -> object:
    """The value as JSON knows it: decimals as numbers, times in ISO 8601, paths as text."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    for kinds, words in _JSON_FORMS:
        if isinstance(value, kinds):
            return words(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _csv_text(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    found = plain(value)
    return json.dumps(found, ensure_ascii=False) if isinstance(found, (dict, list)) else str(found)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


_JSON_FORMS: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (Decimal, _number),
    (datetime, lambda moment: moment.isoformat().replace("+00:00", "Z")),
    (date, date.isoformat),
    (bytes, lambda content: content.decode("utf-8", errors="replace")),
)

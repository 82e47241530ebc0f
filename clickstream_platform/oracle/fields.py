"""Raw lines to the texts of their fields (DEFINITIONS, reading a line, 1 to 3, 6 and 12)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation, Overflow
from functools import lru_cache
from typing import Any

import pyarrow as pa

from clickstream_platform.oracle.access_log import log_texts
from clickstream_platform.oracle.csv_text import split_record
from clickstream_platform.oracle.json_text import Texts, json_object
from clickstream_platform.oracle.mappings import AMOUNTS, CANONICAL, MOMENTS, Mapping
from clickstream_platform.oracle.moments import iso_text, micros
from clickstream_platform.oracle.numbers import price, whole_number
from clickstream_platform.oracle.products import (
    ITEM_TEXTS,
    Found,
    converted,
    items_of,
    with_inner_texts,
)

MALFORMED = "malformed_line"
COLUMN_COUNT = "column_count"
INVALID_UTF8 = "invalid_utf8"
BYTE_ORDER_MARK = "\ufeff"
JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

ITEM_TYPE = pa.struct(
    [
        *((name, pa.string()) for name in ITEM_TEXTS),
        ("price", pa.decimal128(12, 2)),
        ("quantity", pa.int64()),
    ]
)
TEXT_SCHEMA = pa.schema(
    [
        ("unreadable", pa.string()),
        ("detail", pa.string()),
        ("event_id_text", pa.string()),
        ("event_timestamp_text", pa.string()),
        ("event_timestamp_number", pa.int64()),
        *((f"{name}_text" if name == "event_name" else name, pa.string()) for name in CANONICAL),
        *((f"{name}_us", pa.int64()) for name in MOMENTS),
        *((name, pa.decimal128(12, 2)) for name in AMOUNTS),
        ("made_visitor_text", pa.string()),
        ("items", pa.list_(ITEM_TYPE)),
        ("reading_warnings", pa.list_(pa.string())),
        ("added_fields", pa.string()),
        ("rescued_data", pa.string()),
    ]
)


def texts_of_lines(mapping: Mapping, lines: pa.RecordBatch | pa.Table) -> pa.Table:
    """One row per line of one source: its field texts, or why it cannot be read."""
    read = line_reader(mapping)
    raws, headers, damages = (lines[name].to_pylist() for name in ("raw", "header", "damage"))
    rows = [
        read(raw, header, damage)
        for raw, header, damage in zip(raws, headers, damages, strict=True)
    ]
    columns: Iterable[Sequence[Any]] = (
        zip(*rows, strict=True) if rows else ([] for _ in TEXT_SCHEMA)
    )
    arrays = [pa.array(c, f.type) for c, f in zip(columns, TEXT_SCHEMA, strict=True)]
    return pa.table(arrays, schema=TEXT_SCHEMA)


Reader = Callable[[bytes, str | None, str | None], tuple[Any, ...]]


def line_reader(mapping: Mapping) -> Reader:
    """A function from (raw, header, damage) to a row of TEXT_SCHEMA."""
    cells = cell_reader(mapping)
    blank = (None,) * (len(TEXT_SCHEMA) - 2)

    def read(raw: bytes, header: str | None, damage: str | None) -> tuple[Any, ...]:
        reason, detail, values = values_of(mapping, raw, header, damage)
        return (reason, detail, *(blank if reason is not None else cells(values)))

    return read


def values_of(
    mapping: Mapping, raw: bytes, header: str | None, damage: str | None
) -> tuple[str | None, str | None, Texts]:
    """Why the line cannot be read, what was found instead, and its fields as they stand."""
    if damage is not None:
        return damage, None, {}
    try:
        text = raw.decode("utf-8").removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError:
        return INVALID_UTF8, None, {}
    if not mapping.is_csv:
        found = json_object(text) if mapping.is_json else log_texts(text)
        return (MALFORMED, None, {}) if found is None else (None, None, found)
    names = _columns(header, mapping)
    values = _values(text, mapping)
    if len(values) != len(names):
        return COLUMN_COUNT, _count_detail(names, values), {}
    return None, None, dict(zip(names, values, strict=True))


def _count_detail(names: Sequence[str], values: Sequence[str]) -> str:
    """What the stored detail must contain: each missing column, or the surplus."""
    surplus = len(values) - len(names)
    return "\x1f".join(names[len(values) :] if surplus < 0 else [str(surplus)])


def _columns(header: str | None, mapping: Mapping) -> tuple[str, ...]:
    if mapping.has_header and header is not None:
        return _header_columns(header, mapping.delimiter, is_quoted=mapping.is_quoted)
    return mapping.columns


def _values(text: str, mapping: Mapping) -> list[str]:
    if not mapping.is_quoted:
        return text.split(mapping.delimiter)
    return split_record(text, mapping.delimiter)


@lru_cache(maxsize=1_000)
def _header_columns(header: str, delimiter: str, *, is_quoted: bool) -> tuple[str, ...]:
    text = header.removeprefix(BYTE_ORDER_MARK)
    names = split_record(text, delimiter) if is_quoted else text.split(delimiter)
    return tuple(name.strip(" ") for name in names)


def cell_reader(mapping: Mapping) -> Callable[[Texts], tuple[Any, ...]]:
    """A function from a line's values to the cells after `unreadable` and `detail`."""
    declared, fingerprint, id_field = mapping.declared, mapping.fingerprint, mapping.id_field
    is_epoch = mapping.time_format.startswith("epoch")
    picked = [mapping.fields.get(name, ()) for name in CANONICAL]
    is_added = mapping.schema_mode == "add"

    def to_micros(text: str) -> int | None:
        return micros(text, mapping.time_format, mapping.zone)

    def cells(values: Texts) -> tuple[Any, ...]:
        own = present_texts(values, mapping.missing_values)
        undeclared = {}
        if mapping.form != "access_log" and not declared.issuperset(own):
            undeclared = {name: text for name, text in own.items() if name not in declared}
        found = Found(
            {} if is_added else dict(undeclared), {"undeclared_fields"} if undeclared else set()
        )
        texts = with_inner_texts(own, mapping, found)
        time = first_text(texts, mapping.time_fields)
        moments = [converted(name, to_micros, texts, mapping.fields, found) for name in MOMENTS]
        amounts = [converted(name, price, texts, mapping.fields, found) for name in AMOUNTS]
        items = items_of(texts, mapping, found)
        made = [texts.get(name) for name in mapping.visitor_fingerprint]
        return (
            texts.get(id_field)
            if id_field is not None
            else "\x1f".join([texts.get(name, "\\N") for name in fingerprint]),
            time if is_epoch or time is None else iso_text(time, mapping.time_format, mapping.zone),
            whole_number(time) if is_epoch and time is not None else None,
            *[
                texts.get(names[0]) if len(names) == 1 else first_text(texts, names)
                for names in picked
            ],
            *[value for _, value in (*moments, *amounts)],
            "\x1f".join("\\N" if text is None else text for text in made)
            if any(text is not None for text in made)
            else None,
            items,
            sorted(found.warnings),
            canonical_object(undeclared) if is_added and undeclared else None,
            canonical_object(found.rescued) if found.rescued else None,
        )

    return cells


def present_texts(values: Texts, missing: frozenset[str]) -> dict[str, str]:
    """The trimmed texts of the fields that are not missing."""
    texts = {}
    for name, value in values.items():
        if value is None:
            continue
        text = value.strip(" ") if isinstance(value, str) else "true" if value else "false"
        if text not in missing:
            texts[name] = text
    return texts


def first_text(texts: dict[str, str], names: Sequence[str]) -> str | None:
    """The first of a field's aliases that is not missing."""
    for name in names:
        if name in texts:
            return texts[name]
    return None


def canonical_object(texts: Texts) -> str | None:
    """One writing of a rescued object, so that equal ones are equal texts; null if empty."""
    kept = {name: canonical_text(text) for name, text in texts.items() if text is not None}
    return json.dumps(kept, sort_keys=True, ensure_ascii=False) if kept else None


def canonical_text(text: str) -> str:
    """Numbers without superfluous digits, nested JSON without spaces, other texts as they are."""
    if text[:1] in "{[" and text:
        try:
            nested = json.loads(text, parse_float=_plain, parse_int=_plain)
        except (ValueError, RecursionError):
            return text
        return json.dumps(nested, sort_keys=True, ensure_ascii=False)
    return _plain(text)


def _plain(text: str) -> str:
    if not JSON_NUMBER.fullmatch(text):
        return text
    try:
        return str(Decimal(text).normalize())
    except (InvalidOperation, Overflow):
        return text


def canonical_rescued(stored: str | None) -> str | None:
    """The stored `rescued_data` in the same writing; a text that is no object as it stands."""
    if stored is None:
        return None
    values = json_object(stored)
    if values is None:
        return stored
    texts = {n: v if v is None or isinstance(v, str) else str(v).lower() for n, v in values.items()}
    return canonical_object({n: t.strip(" ") if t else t for n, t in texts.items()})

"""Raw lines to the texts of their fields (DEFINITIONS, reading a line, 1 to 3, 6 and 12).

Python and not DuckDB's JSON functions: those rewrite numbers, take the first of two equal keys
and accept NaN and trailing commas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation, Overflow
from functools import lru_cache
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

import pyarrow as pa

from clickstream_platform.oracle.csv_text import split_record
from clickstream_platform.oracle.mappings import CANONICAL, Mapping
from clickstream_platform.oracle.numbers import price, whole_number

MALFORMED = "malformed_line"
COLUMN_COUNT = "column_count"
INVALID_UTF8 = "invalid_utf8"
BYTE_ORDER_MARK = "\ufeff"
SPACES = " \t\n\r"
JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

ITEM_TEXTS = ("item_id", "item_name", "item_brand", "item_category")
TEXT_SCHEMA = pa.schema(
    [
        ("unreadable", pa.string()),
        ("detail", pa.string()),
        ("event_id_text", pa.string()),
        ("event_timestamp_text", pa.string()),
        ("event_timestamp_number", pa.int64()),
        *((f"{name}_text" if name == "event_name" else name, pa.string()) for name in CANONICAL),
        *((name, pa.string()) for name in ITEM_TEXTS),
        ("price", pa.decimal128(12, 2)),
        ("quantity", pa.int64()),
        ("has_unparsable_price", pa.bool_()),
        ("has_unparsable_quantity", pa.bool_()),
        ("rescued_data", pa.string()),
    ]
)
Texts = dict[str, Any]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


# Numbers stay the text they are written in.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)


def json_object(text: str) -> Texts | None:
    """Key -> text, or a bool or None; the last of equal keys; null if no single JSON object."""
    try:
        found = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    if type(found) is not dict:
        return None
    may_nest = "[" in text or text.count("{") > 1
    if may_nest and any(type(value) in (dict, list) for value in found.values()):
        found = _with_nested_texts(text, found)
    if "\\u" in text:
        return {
            _encodable(key): _encodable(value) if isinstance(value, str) else value
            for key, value in found.items()
        }
    return found


def _encodable(text: str) -> str:
    """Half of a surrogate pair has no UTF-8 and becomes `?`, as Java writes it."""
    return text.encode("utf-8", "replace").decode()


def _with_nested_texts(text: str, found: Texts) -> Texts:
    """The object with nested values as the JSON text that stands in the line."""
    texts = dict(found)
    position = text.index("{") + 1
    while True:
        position = _skip(text, position, SPACES)
        key, position = scanstring(text, position + 1)
        position = _skip(text, _skip(text, position, SPACES) + 1, SPACES)
        value, end = _DECODER.raw_decode(text, position)
        texts[key] = text[position:end] if type(value) in (dict, list) else value
        position = _skip(text, end, SPACES)
        if text[position] == "}":
            return texts
        position += 1


def _skip(text: str, position: int, characters: str) -> int:
    while text[position] in characters:
        position += 1
    return position


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
        if damage is not None:
            return (damage, None, *blank)
        try:
            text = raw.decode("utf-8").removeprefix(BYTE_ORDER_MARK)
        except UnicodeDecodeError:
            return (INVALID_UTF8, None, *blank)
        if not mapping.is_csv:
            found = json_object(text)
            return (MALFORMED, None, *blank) if found is None else (None, None, *cells(found))
        names = _columns(header, mapping)
        values = split_record(text, mapping.delimiter)
        if len(values) != len(names):
            return (COLUMN_COUNT, _count_detail(names, values), *blank)
        return (None, None, *cells(dict(zip(names, values, strict=True))))

    return read


def _count_detail(names: Sequence[str], values: Sequence[str]) -> str:
    """What the stored detail must contain: each missing column, or the surplus."""
    surplus = len(values) - len(names)
    return "\x1f".join(names[len(values) :] if surplus < 0 else [str(surplus)])


def _columns(header: str | None, mapping: Mapping) -> tuple[str, ...]:
    if mapping.has_header and header is not None:
        return _header_columns(header, mapping.delimiter)
    return mapping.columns


@lru_cache(maxsize=1_000)
def _header_columns(header: str, delimiter: str) -> tuple[str, ...]:
    names = split_record(header.removeprefix(BYTE_ORDER_MARK), delimiter)
    return tuple(name.strip(" ") for name in names)


def cell_reader(mapping: Mapping) -> Callable[[Texts], tuple[Any, ...]]:
    """A function from a line's values to the cells after `unreadable` and `detail`."""
    declared, fingerprint, id_field = mapping.declared, mapping.fingerprint, mapping.id_field
    is_epoch = mapping.time_format != "iso8601"
    picked = [mapping.fields.get(name, ()) for name in CANONICAL]
    picked += [mapping.item.get(name, ()) for name in ITEM_TEXTS]
    prices, quantities = mapping.item.get("price", ()), mapping.item.get("quantity", ())

    def cells(values: Texts) -> tuple[Any, ...]:
        texts = present_texts(values, mapping.missing_values)
        rescued = {}
        if not declared.issuperset(texts):
            rescued = {name: text for name, text in texts.items() if name not in declared}
        time = first_text(texts, mapping.time_fields)
        price_text, quantity_text = first_text(texts, prices), first_text(texts, quantities)
        amount = None if price_text is None else price(price_text)
        pieces = None if quantity_text is None else whole_number(quantity_text)
        has_bad_price = price_text is not None and amount is None
        has_bad_quantity = quantity_text is not None and pieces is None
        if has_bad_price:
            rescued[next(name for name in prices if name in texts)] = str(price_text)
        if has_bad_quantity:
            rescued[next(name for name in quantities if name in texts)] = str(quantity_text)
        return (
            texts.get(id_field)
            if id_field is not None
            else "\x1f".join([texts.get(name, "\\N") for name in fingerprint]),
            time,
            whole_number(time) if is_epoch and time is not None else None,
            *[
                texts.get(names[0]) if len(names) == 1 else first_text(texts, names)
                for names in picked
            ],
            amount,
            pieces,
            has_bad_price,
            has_bad_quantity,
            canonical_object(rescued) if rescued else None,
        )

    return cells


def present_texts(values: Texts, missing: frozenset[str]) -> dict[str, str]:
    """The trimmed texts of the fields that are not missing."""
    texts = {}
    for name, value in values.items():
        if value is None:
            continue
        text = value.strip(" ") if value.__class__ is str else "true" if value else "false"
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

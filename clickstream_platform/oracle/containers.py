"""JSON arrays and Parquet files taken apart (DEFINITIONS, lines and addresses)."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

_SPACE = b" \t\r\n"
_OPEN, _CLOSE = b"[{", b"]}"


def split_array(text: bytes) -> tuple[list[bytes], bytes]:
    """The elements of the array in `text`, and what is left over; neither with outer blanks."""
    begin = next((place for place, byte in enumerate(text) if byte in b'"[]{},'), len(text))
    if text[begin : begin + 1] != b"[":
        return [], text.strip(_SPACE)
    elements = [text[:begin].removeprefix(b"\xef\xbb\xbf")]
    depth, start, in_string, escaped = 1, begin + 1, False, False
    for place in range(begin + 1, len(text)):
        byte = text[place]
        if in_string:
            in_string = escaped or byte != 0x22
            escaped = byte == 0x5C and not escaped
        elif byte == 0x22:
            in_string = True
        elif byte in _OPEN:
            depth += 1
        elif byte in _CLOSE or (byte == 0x2C and depth == 1):
            depth -= byte in _CLOSE
            if depth == 0 or byte == 0x2C:
                elements.append(text[start:place])
                start = place + 1
            if depth == 0:
                break
    return [e.strip(_SPACE) for e in elements if e.strip(_SPACE)], text[start:].strip(_SPACE)


def parquet_rows(path: Path) -> Iterator[list[bytes]]:
    """Every row of the file as its canonical JSON."""
    table = pq.read_table(path, partitioning=None)
    for batch in table.to_batches(max_chunksize=10_000):
        yield [_row(names_and_values) for names_and_values in batch.to_pylist()]


def _row(row: dict[str, Any]) -> bytes:
    return _json(row).encode("utf-8", "replace")


def _json(value: Any) -> str:
    match value:
        case dict():
            pairs = (f"{json.dumps(k, ensure_ascii=False)}:{_json(v)}" for k, v in value.items())
            return "{" + ",".join(pairs) + "}"
        case list() | tuple():
            return "[" + ",".join(_json(inner) for inner in value) + "]"
        case None | bool() | int():
            return json.dumps(value)
        case float() if math.isfinite(value):
            return repr(value)
    return json.dumps(_text(value), ensure_ascii=False)


def _text(value: Any) -> str:
    match value:
        case dt.datetime():
            utc = value if value.tzinfo is None else value.astimezone(dt.UTC)
            return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return str(value // dt.timedelta(microseconds=1))
        case bytes():
            return _text_of_bytes(value)
    return str(value)


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.standard_b64encode(value).decode("ascii")

"""Broken lines: each kind turns a good line into one that no platform should accept.

Bytes that are no UTF-8 travel as surrogate escapes until the line is written.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np

from clickstream_platform.generator.shapes.shape import Path, Shape

_ANY_RECORD = ("missing_event_type", "missing_timestamp", "negative_price", "bad_timestamp")
_ANY_TEXT = (*_ANY_RECORD, "truncated", "binary_garbage", "invalid_utf8", "wrong_type")
_BY_FORMAT = {
    "json": (*_ANY_TEXT, "empty_record", "not_json"),
    "csv": (*_ANY_TEXT, "empty_record"),
    "parquet": _ANY_RECORD,
    "log": ("truncated", "binary_garbage"),
}
PRICE_KINDS = frozenset({"negative_price", "wrong_type"})
NOT_UTF8 = b"\xff\xfe\x80".decode("utf-8", "surrogateescape")
NOT_JSON = (
    "GET /p/P00001 HTTP/1.1 200 512",
    "ERROR tracker: queue full, event dropped",
    "<event type='purchase'/>",
)


def kinds(shape: Shape, file_format: str) -> tuple[str, ...]:
    """The kinds that a file of this shape and format can express."""
    possible = _BY_FORMAT[file_format]
    if shape.id_path is not None:
        possible = (*possible, "missing_event_id")
    if shape.has_arrival_time:
        possible = tuple(kind for kind in possible if kind != "missing_timestamp")
    return possible


def break_line(
    line: str, kind: str, shape: Shape, file_format: str, rng: np.random.Generator
) -> str:
    """`line` broken in the way of `kind`."""
    if kind == "binary_garbage":
        noise = rng.integers(0x80, 0x100, 40, dtype=np.uint8).tobytes()
        return (b"\xff\x01\x02" + noise).decode("utf-8", "surrogateescape")
    if kind == "not_json":
        return NOT_JSON[int(rng.integers(len(NOT_JSON)))]
    if file_format == "csv":
        return _break_csv(line, kind, shape, rng)
    if kind == "truncated":  # a log line is cut before its request: what follows is optional
        end = line.index('"') if file_format == "log" else len(line) - 1
        return line[: int(rng.integers(2, end))]
    if kind == "empty_record":
        return "{}"
    record = json.loads(line)
    _change(record, kind, shape, rng)
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def _break_csv(line: str, kind: str, shape: Shape, rng: np.random.Generator) -> str:
    fields = line.split(shape.delimiter)
    if kind == "truncated":
        time_at = shape.columns.index(str(shape.time_paths[0][0]))
        kept = len(shape.delimiter.join(fields[:time_at]))
        return line[: int(rng.integers(1, kept + 1))]
    if kind == "empty_record":
        return shape.delimiter * (len(fields) - 1)
    record: dict[str, Any] = dict(zip(shape.columns, fields, strict=True))
    _change(record, kind, shape, rng)
    text = io.StringIO()
    csv.writer(text, delimiter=shape.delimiter, lineterminator="").writerow(
        ["" if value is None else value for value in record.values()]
    )
    return text.getvalue()


def _change(record: dict[str, Any], kind: str, shape: Shape, rng: np.random.Generator) -> None:
    if kind == "invalid_utf8":
        name = _get(record, shape.name_path)
        _put(record, shape.name_path, f"{name}{NOT_UTF8}")
    elif kind == "missing_event_id" and shape.id_path is not None:
        _put(record, shape.id_path, None)
    elif kind == "missing_event_type":
        _put(record, shape.name_path, None)
    elif kind == "missing_timestamp":
        _put(record, shape.time_paths[0], None)
    elif kind == "bad_timestamp":
        wrong = ("not-a-time", "2024-13-45T99:00:00Z", "yesterday")[int(rng.integers(3))]
        for path in shape.time_paths:
            _put(record, path, wrong)
    elif kind in PRICE_KINDS:
        wrong_price: object = "12,5" if kind == "wrong_type" else -3.5
        paths = [path for path in shape.price_paths if _has(record, path)]
        _put(record, paths[0] if paths else shape.price_paths[0], wrong_price)


def _get(record: object, path: Path) -> object:
    for key in path:
        if isinstance(record, list):
            record = record[int(key)]
        elif isinstance(record, dict):
            record = record[key]
        else:
            raise KeyError(f"{key!r} of {path} is not in the line")
    return record


def _has(record: object, path: Path) -> bool:
    try:
        _get(record, path)
    except (KeyError, IndexError):
        return False
    return True


def _put(record: object, path: Path, value: object) -> None:
    parent = _get(record, path[:-1])
    if not isinstance(parent, dict):
        raise TypeError(f"{path} does not end in an object's field")
    parent[path[-1]] = value

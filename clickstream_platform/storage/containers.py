"""Files whose records are not their lines: JSON arrays and Parquet (docs/DEFINITIONS.md, Lines)."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

PARQUET_ROWS = 5_000
_BLANK = b" \t\r\n"
_STRUCTURE = re.compile(rb'["\[\]{},]')
_STRING_END = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class ArrayCutter:
    """Cuts the elements of a JSON array out of blocks of bytes, however deep they nest.

    Bytes that are no element come out too, as one record each, so that nothing is lost: text before
    the first bracket or after the last one, and an element the text ends in. A text without an
    array is one record.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._scanned = 0
        self._depth = 0
        self._is_done = False

    def cut(self, block: bytes) -> list[bytes]:
        """The elements that end in this block."""
        data = self._rest + block
        records: list[bytes] = []
        start, position = 0, self._scanned
        while not self._is_done and (found := _STRUCTURE.search(data, position)):
            mark, place = found[0], found.start()
            if self._depth == 0 and mark != b"[":
                self._is_done = True
                break
            if mark == b'"':
                string = _STRING_END.match(data, place + 1)
                if string is None:
                    position = place
                    break
                position = string.end()
                continue
            position = place + 1
            if self._depth == 0:
                _keep(records, data[start:place].removeprefix(b"\xef\xbb\xbf"))
                start, self._depth = position, 1
            elif mark in b"[{":
                self._depth += 1
            elif mark in b"]}":
                self._depth -= 1
                if self._depth == 0:
                    _keep(records, data[start:place])
                    start, self._is_done = position, True
            elif self._depth == 1:
                _keep(records, data[start:place])
                start = position
        else:
            position = len(data)
        self._rest = data[start:]
        self._scanned = max(position - start, 0)
        return records

    def rest(self) -> bytes:
        """What was not cut: blank if the array was whole."""
        return self._rest.strip(_BLANK)


def _keep(records: list[bytes], element: bytes) -> None:
    if stripped := element.strip(_BLANK):
        records.append(stripped)


def parquet_groups(path: Path) -> list[int]:
    """The row count of each row group.

    Raises: OSError if the file is no Parquet.
    """
    try:
        found = pq.ParquetFile(path).metadata
        return [found.row_group(number).num_rows for number in range(found.num_row_groups)]
    except pa.ArrowException as error:
        raise OSError(f"{path.name} is not a readable Parquet file: {error}") from error


def parquet_records(path: Path | BinaryIO, groups: range) -> Iterator[pa.Array]:
    """The rows of these row groups, each as canonical JSON."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=PARQUET_ROWS, row_groups=[*groups]):
            yield pa.array([canonical_json(row) for row in batch.to_pylist()], pa.binary())


def canonical_json(row: dict[str, Any]) -> bytes:
    """A row as one JSON object: fields in the file's order, nothing blank, UTF-8."""
    text = json.dumps(_plain(row), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def _plain(value: Any) -> Any:
    """The value as JSON can say it; what JSON has no form for becomes a text."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    is_number = isinstance(value, (bool, int)) or (
        isinstance(value, float) and math.isfinite(value)
    )
    return value if value is None or is_number else _text_of(value)


def _text_of(value: Any) -> str:
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value // timedelta(microseconds=1))
    return _decoded(value) if isinstance(value, bytes) else str(value)


def _decoded(value: bytes) -> str:
    """Many writers store text as bytes; bytes that are no text are written as Base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()

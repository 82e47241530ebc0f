"""Cuts bytes into records: the one place that knows what a line is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

NEWLINE, RETURN, QUOTE = 10, 13, 34
MAX_QUOTED_RECORD_BYTES = 1 << 20


@dataclass(frozen=True)
class Places:
    """Where the non-blank records of `data` lie, and the bytes after the last record end."""

    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    rest: bytes

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def first(self) -> bytes:
        return self.data[self.starts[0] : self.ends[0]]


@dataclass(frozen=True)
class Cut:
    """The whole records of a block, and the bytes after the last record end."""

    records: pa.Array
    rest: bytes


def cut(data: bytes, *, delimiter: str | None, final: bool) -> Cut:
    """The non-blank records of `data` as a binary array, without their line ends.

    `delimiter` is that of a CSV, whose quoted fields may hold line ends; null for other formats.
    Unless `final`, what follows the last line end is handed back as `rest`.
    """
    found = places(data, delimiter=delimiter, final=final)
    buffer = np.frombuffer(found.data, dtype=np.uint8)
    return Cut(_binary_array(buffer, found.starts, found.ends), found.rest)


def places(data: bytes, *, delimiter: str | None, final: bool) -> Places:
    """As `cut`, but the records stay where they are: enough to count them."""
    if not final:
        end = data.rfind(b"\n") + 1
        data, rest = data[:end], data[end:]
    else:
        rest = b""
    buffer = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(buffer == NEWLINE)
    starts = np.concatenate(([0], ends + 1))
    ends = np.concatenate((ends, [len(buffer)]))
    if len(starts) and starts[-1] == len(buffer):
        starts, ends = starts[:-1], ends[:-1]
    if delimiter is not None and QUOTE in data:
        starts, ends, open_from = _join_quoted(data, starts, ends, delimiter.encode(), final=final)
        if open_from is not None:
            rest = data[open_from:] + rest
    return Places(data, *_filled(buffer, starts, ends), rest)


def _filled(
    buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends without a final carriage return and without blank records."""
    if not len(starts):
        return starts, ends
    has_return = (ends > starts) & (buffer[np.maximum(ends - 1, 0)] == RETURN)
    ends = ends - has_return
    filled = ends > starts
    return starts[filled], ends[filled]


def _binary_array(buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> pa.Array:
    """The bytes from each start to its end."""
    if not len(starts):
        return pa.array([], pa.binary())
    lengths = ends - starts
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    marks = np.zeros(len(buffer) + 1, dtype=np.int8)
    marks[starts] += 1
    np.subtract.at(marks, ends, 1)
    values = buffer[np.cumsum(marks[:-1], dtype=np.int8).astype(bool)]
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(values)]
    )


def _join_quoted(
    data: bytes, starts: np.ndarray, ends: np.ndarray, delimiter: bytes, *, final: bool
) -> tuple[np.ndarray, np.ndarray, int | None]:
    """Joins physical lines that a quoted field spans; a quote that never closes spans nothing.

    The third result is where a record begins that the block does not finish.
    """
    keep = np.ones(len(starts), dtype=bool)
    new_ends = ends.copy()
    quotes = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == QUOTE)
    quoted_lines = np.unique(np.searchsorted(starts, quotes, side="right") - 1)
    done_through = -1
    for line in quoted_lines.tolist():
        if line <= done_through or not _leaves_quote_open(
            data[starts[line] : ends[line]], delimiter
        ):
            continue
        last = line
        limit = starts[line] + MAX_QUOTED_RECORD_BYTES
        while last + 1 < len(starts) and ends[last + 1] <= limit:
            last += 1
            if not _leaves_quote_open(data[starts[line] : ends[last]], delimiter):
                keep[line + 1 : last + 1] = False
                new_ends[line] = ends[last]
                done_through = last
                break
        else:
            if not final and last + 1 == len(starts) and len(data) - starts[line] < limit:
                return starts[:line][keep[:line]], new_ends[:line][keep[:line]], int(starts[line])
    return starts[keep], new_ends[keep], None


def _leaves_quote_open(record: bytes, delimiter: bytes) -> bool:
    """True if a field that begins with a quote is not closed at the end of `record`."""
    position = 0
    while position <= len(record):
        if record[position : position + 1] == b'"':
            position += 1
            while True:
                close = record.find(b'"', position)
                if close < 0:
                    return True
                if record[close + 1 : close + 2] != b'"':
                    break
                position = close + 2
            position = close + 1
        following = record.find(delimiter, position)
        if following < 0:
            return False
        position = following + 1
    return False


def batches(
    blocks: Iterator[bytes], *, delimiter: str | None
) -> Iterator[tuple[pa.Array, bytes | None]]:
    """Records block by block; the last pair's second part is an unfinished tail, if any.

    A reader that knows its input is damaged keeps the tail apart; others cut it as a last record.
    """
    rest = b""
    for block in blocks:
        piece = cut(rest + block, delimiter=delimiter, final=False)
        rest = piece.rest
        if len(piece.records):
            yield piece.records, None
    yield pa.array([], pa.binary()), rest

"""Re-reads landing files into lines with their addresses, in plain Python.

Data: `landing/<source>/<hour>/<file>` and `landing/<source>/<file>`.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import zstandard

from clickstream_platform.oracle.containers import parquet_rows, split_array
from clickstream_platform.oracle.csv_text import is_open_after
from clickstream_platform.oracle.mappings import Mapping

HOUR_FOLDER = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}")
BLOCK_BYTES = 16 << 20
ARCHIVE_READ_BYTES = 1 << 16
ARCHIVE_TRUNCATED = "archive_truncated"

LINE_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("source_file", pa.string()),
        ("source_offset", pa.int64()),
        ("raw", pa.binary()),
        ("header", pa.string()),
        ("damage", pa.string()),
        ("ingest_hour", pa.string()),
    ]
)


@dataclass(frozen=True)
class LandingFile:
    """A finished file; `ingest_hour` is null for a file directly in its source's folder."""

    path: Path
    relative: str
    source: str
    ingest_hour: str | None
    sha8: str

    @property
    def source_file(self) -> str:
        return f"{self.relative}@{self.sha8}"


class _Damage(Exception):
    """The archive broke off or is broken here."""


def landing_files(landing: Path, mappings: dict[str, Mapping]) -> Iterator[LandingFile]:
    """Every finished file of a known source, in the order of its path."""
    for name, mapping in sorted(mappings.items()):
        folder = landing / name
        if not folder.is_dir():
            continue
        for entry in sorted(folder.iterdir()):
            if entry.is_dir() and HOUR_FOLDER.fullmatch(entry.name):
                for path in sorted(entry.iterdir()):
                    if _is_finished(path, mapping):
                        yield _landing_file(landing, path, name, entry.name)
            elif _is_finished(entry, mapping):
                yield _landing_file(landing, entry, name, None)


def _is_finished(path: Path, mapping: Mapping) -> bool:
    name = path.name
    return (
        path.is_file()
        and not name.startswith((".", "_"))
        and not name.endswith(".tmp")
        and fnmatch.fnmatchcase(name, mapping.files)
    )


def _landing_file(landing: Path, path: Path, source: str, hour: str | None) -> LandingFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return LandingFile(path, path.relative_to(landing).as_posix(), source, hour, digest[:8])


def read_lines(file: LandingFile, mapping: Mapping) -> Iterator[pa.RecordBatch]:
    """The file's lines in order, in batches of one block each; a damaged tail is the last one."""
    header: bytes | None = None
    offset = 0
    awaits_header = mapping.is_csv and mapping.has_header
    for found, damage in _batches(file.path, mapping):
        records = found
        if awaits_header and records and damage is None:
            header, *records = records
            awaits_header = False
        if records:
            yield _batch(file, records, offset, header, damage)
        offset += len(records)


def _batch(
    file: LandingFile, records: list[bytes], offset: int, header: bytes | None, damage: str | None
) -> pa.RecordBatch:
    count = len(records)
    text = None if header is None else header.decode("utf-8", "replace")
    return pa.record_batch(
        [
            pa.array([file.source] * count, pa.string()),
            pa.array([file.source_file] * count, pa.string()),
            pa.array(range(offset, offset + count), pa.int64()),
            pa.array(records, pa.binary()),
            pa.array([text] * count, pa.string()),
            pa.array([damage] * count, pa.string()),
            pa.array([file.ingest_hour] * count, pa.string()),
        ],
        schema=LINE_SCHEMA,
    )


def _batches(path: Path, mapping: Mapping) -> Iterator[tuple[list[bytes], str | None]]:
    """Lists of whole records; the last pair may be a damaged tail with its damage."""
    if mapping.is_parquet(path):
        yield from ((rows, None) for rows in parquet_rows(path))
        return
    if mapping.form == "json_array":
        yield from _array_elements(path)
        return
    is_quoted = mapping.is_csv and mapping.is_quoted
    cutter = _CsvCutter(mapping.delimiter.encode()) if is_quoted else _LineCutter()
    try:
        for block in _blocks(path):
            yield cutter.cut(block), None
    except _Damage:
        yield [cutter.rest()], ARCHIVE_TRUNCATED
        return
    last = cutter.rest()
    if last.strip(b"\r"):
        yield [_without_end(last)], None


def _array_elements(path: Path) -> Iterator[tuple[list[bytes], str | None]]:
    """The elements of one JSON array; the whole text is read at once."""
    pieces: list[bytes] = []
    is_damaged = False
    try:
        pieces.extend(_blocks(path))
    except _Damage:
        is_damaged = True
    elements, rest = split_array(b"".join(pieces))
    yield elements, None
    if rest or is_damaged:
        yield [rest], ARCHIVE_TRUNCATED if is_damaged else None


def _without_end(line: bytes) -> bytes:
    return line[:-1] if line.endswith(b"\r") else line


class _LineCutter:
    """Cuts at line feeds; blank lines are none."""

    def __init__(self) -> None:
        self._tail = b""

    def cut(self, block: bytes) -> list[bytes]:
        """The records that end in this block."""
        data = self._tail + block
        *lines, self._tail = data.split(b"\n")
        if b"\r" not in data:
            return [line for line in lines if line]
        return [_without_end(line) for line in lines if line.strip(b"\r")]

    def rest(self) -> bytes:
        """The bytes after the last record."""
        return self._tail


class _CsvCutter:
    """Cuts at line feeds outside quoted fields; blank lines between records are none."""

    def __init__(self, delimiter: bytes) -> None:
        self._delimiter = delimiter
        self._tail = b""
        self._open: list[bytes] = []

    def cut(self, block: bytes) -> list[bytes]:
        """The records that end in this block."""
        *lines, self._tail = (self._tail + block).split(b"\n")
        records: list[bytes] = []
        for line in lines:
            if is_open_after(line, self._delimiter, is_open=bool(self._open)):
                self._open.append(line)
                continue
            record = b"\n".join([*self._open, line]) if self._open else line
            if self._open or line.strip(b"\r"):
                records.append(_without_end(record))
            self._open = []
        return records

    def rest(self) -> bytes:
        """The bytes after the last record, without the file's own last line end."""
        pieces = [*self._open, self._tail] if self._tail else self._open
        return b"\n".join(pieces)


def _blocks(path: Path) -> Iterator[bytes]:
    """The file's bytes, decompressed by its suffix.

    Raises: _Damage where an archive cannot be read on.
    """
    with path.open("rb") as file:
        if path.name.endswith(".gz"):
            yield from _gzip(iter(lambda: file.read(ARCHIVE_READ_BYTES), b""))
        elif path.name.endswith(".zst"):
            yield from _zstd(iter(lambda: file.read(ARCHIVE_READ_BYTES), b""))
        else:
            yield from iter(lambda: file.read(BLOCK_BYTES), b"")


def _gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """All members one after another; zero bytes may pad the end."""
    member = zlib.decompressobj(wbits=31)
    is_between = True
    for read in chunks:
        chunk = read
        while chunk:
            if is_between:
                chunk = chunk.lstrip(b"\0")
                if not chunk:
                    break
            is_between = False
            before = member.copy()
            try:
                yield member.decompress(chunk)
            except zlib.error as error:
                yield _bytes_before_damage(before, chunk)
                raise _Damage from error
            chunk = member.unused_data
            if member.eof:
                member, is_between = zlib.decompressobj(wbits=31), True
    if not is_between:
        yield member.flush()
        raise _Damage


def _bytes_before_damage(member: zlib._Decompress, chunk: bytes) -> bytes:
    """Byte by byte up to the error: what came before it is readable."""
    pieces: list[bytes] = []
    try:
        for value in chunk:
            pieces.append(member.decompress(bytes([value])))
    except zlib.error:
        return b"".join(pieces)
    return b"".join(pieces)


def _zstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """All frames one after another."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    is_between = True
    for read in chunks:
        chunk = read
        while chunk:
            is_between = False
            try:
                yield frame.decompress(chunk)
            except zstandard.ZstdError as error:
                raise _Damage from error
            chunk = frame.unused_data
            if frame.eof:
                frame, is_between = zstandard.ZstdDecompressor().decompressobj(), True
    if not is_between:
        raise _Damage

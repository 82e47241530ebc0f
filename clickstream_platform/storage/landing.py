"""Landing: the one reader that turns a file into (ordinal, bytes).

Files lie in `<home>/landing/<source>/<hour>/` or, without hour, in `<home>/landing/<source>/`.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import zstandard

from clickstream_platform.sources.model import LineForm
from clickstream_platform.storage.containers import ArrayCutter, parquet_groups, parquet_records
from clickstream_platform.storage.records import batches, cut, places

SPLIT_BYTES = 32 << 20
BLOCK_BYTES = 8 << 20
ARCHIVES = {".gz": "gzip", ".zst": "zstd"}
TRUNCATED = "archive_truncated"
BOM = b"\xef\xbb\xbf"


class NotLandedError(OSError):
    """A path that is no regular file inside landing: a link, a device, or outside."""


@dataclass(frozen=True)
class LandingFile:
    """A finished file as the scan saw it; `hour` is null in a flat drop."""

    path: str
    source: str
    hour: str | None
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Split:
    """A piece of a file one task reads: whole records from `start` to `end`, numbered on.

    These are bytes, in a Parquet file row groups; a JSON array is one piece.
    """

    path: str
    codec: str
    delimiter: str | None
    start: int
    end: int
    first_ordinal: int
    skip_header: bool
    container: str = "lines"


@dataclass(frozen=True)
class Inspected:
    """A file's digest, CSV header and splits."""

    sha8: str
    header: str | None
    splits: tuple[Split, ...]


def open_regular(path: Path) -> BinaryIO:
    """Opens a regular file to read; neither a link nor anything that could block.

    Raises: OSError, NotLandedError included.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotLandedError(f"{path} is no regular file")
    return os.fdopen(descriptor, "rb")


def is_as_seen(root: Path, path: str, size: int, mtime_ns: int) -> bool:
    """True if the file is still there with this size and time."""
    try:
        info = (root / path).stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (info.st_size, info.st_mtime_ns) == (size, mtime_ns)


def inspect(root: Path, path: str, source: LineForm) -> Inspected:
    """Reads the file once for its digest and cuts it into splits of whole records.

    Raises: OSError if the file is gone, unreadable or not inside landing.
    """
    full = root / path
    if full.resolve() != root.resolve() / path:
        raise NotLandedError(f"{path} leads out of landing")
    codec = ARCHIVES.get(full.suffix, "plain")
    if is_parquet(full, source):
        return _inspected_parquet(full)
    if source.format == "json_array":
        whole = Split(str(full), codec, None, 0, full.stat().st_size, 0, False, "json_array")
        return Inspected(_sha8(full), None, (whole,))
    delimiter = source.csv.delimiter if source.format == "csv" and source.csv.quoted else None
    has_header = source.format == "csv" and source.csv.header
    if codec != "plain":
        first = _first_record(full, codec, delimiter) if has_header else None
        whole = Split(str(full), codec, delimiter, 0, 0, 0, has_header)
        return Inspected(_sha8(full), first, (whole,))
    digest = hashlib.sha256()
    splits: list[Split] = []
    start = ordinal = 0
    rest = b""
    header: str | None = None
    pending_header = has_header
    with open_regular(full) as stream:
        while True:
            block = stream.read(SPLIT_BYTES)
            digest.update(block)
            data = rest + block
            piece = places(data, delimiter=delimiter, final=not block)
            end = start + len(data) - len(piece.rest)
            count = len(piece)
            if count:
                skips = pending_header
                if skips:
                    header = _as_text(piece.first)
                    pending_header = False
                splits.append(Split(str(full), codec, delimiter, start, end, ordinal, skips))
                ordinal += count - skips
            start, rest = end, piece.rest
            if not block:
                return Inspected(digest.hexdigest()[:8], header, tuple(splits))


def is_parquet(path: Path, source: LineForm) -> bool:
    """Every source whose records are JSON objects takes them from Parquet files too."""
    return source.format == "parquet" or (source.is_json and path.suffix == ".parquet")


def _sha8(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()[:8]


def _inspected_parquet(path: Path) -> Inspected:
    """One piece per row group."""
    sha8 = _sha8(path)  # refuses what is no regular file
    splits = []
    ordinal = 0
    for number, rows in enumerate(parquet_groups(path)):
        splits.append(
            Split(str(path), "plain", None, number, number + 1, ordinal, False, "parquet")
        )
        ordinal += rows
    return Inspected(sha8, None, tuple(splits))


def read_split(split: Split) -> Iterator[pa.Table]:
    """The split's lines as tables of (`source_offset`, `raw`, `damage`), in order."""
    ordinal = split.first_ordinal
    skip = split.skip_header
    for records, damage in _records(split):
        kept = records[1:] if skip and len(records) else records
        skip = skip and not len(records)
        if len(kept):
            yield _lines(ordinal, kept, damage)
            ordinal += len(kept)


def _lines(ordinal: int, raw: pa.Array, damage: str | None) -> pa.Table:
    offsets = pa.array(range(ordinal, ordinal + len(raw)), pa.int64())
    damages = pa.array([damage] * len(raw), pa.string())
    return pa.table({"source_offset": offsets, "raw": raw, "damage": damages})


def _records(split: Split) -> Iterator[tuple[pa.Array, str | None]]:
    if split.container == "parquet":
        with open_regular(Path(split.path)) as stream:
            for rows in parquet_records(stream, range(split.start, split.end)):
                yield rows, None
        return
    if split.container == "json_array":
        yield from _array_records(split)
        return
    if split.codec == "plain":
        with open_regular(Path(split.path)) as stream:
            stream.seek(split.start)
            data = stream.read(split.end - split.start)
        yield cut(data, delimiter=split.delimiter, final=True).records, None
        return
    archive = _Archive(Path(split.path), split.codec)
    for records, tail in batches(archive.blocks(), delimiter=split.delimiter):
        if len(records):
            yield records, None
        if tail is not None:
            if archive.is_damaged:
                yield pa.array([tail], pa.binary()), TRUNCATED
            elif tail:
                yield cut(tail, delimiter=split.delimiter, final=True).records, None


def _array_records(split: Split) -> Iterator[tuple[pa.Array, str | None]]:
    archive = _Archive(Path(split.path), split.codec)
    cutter = ArrayCutter()
    for block in archive.blocks():
        if elements := cutter.cut(block):
            yield pa.array(elements, pa.binary()), None
    rest = cutter.rest()
    if rest or archive.is_damaged:
        yield pa.array([rest], pa.binary()), TRUNCATED if archive.is_damaged else None


class _Archive:
    """Decompresses as far as the bytes allow; afterwards `is_damaged` tells if that was not all."""

    def __init__(self, path: Path, codec: str) -> None:
        self.path = path
        self.codec = codec
        self.is_damaged = False

    def blocks(self) -> Iterator[bytes]:
        if self.codec == "plain":
            with open_regular(self.path) as stream:
                yield from iter(lambda: stream.read(BLOCK_BYTES), b"")
            return
        decoder = self._new_decoder()
        fed = False
        with open_regular(self.path) as stream:
            while block := stream.read(BLOCK_BYTES // 4):
                while block:
                    if decoder.eof:  # a further member of the archive
                        decoder, fed = self._new_decoder(), False
                    try:
                        out = decoder.decompress(block)
                    except (zlib.error, zstandard.ZstdError):
                        self.is_damaged = True
                        return
                    fed = True
                    if out:
                        yield out
                    block = decoder.unused_data if decoder.eof else b""
        self.is_damaged = fed and not decoder.eof

    def _new_decoder(self) -> zlib._Decompress | zstandard.ZstdDecompressionObj:
        if self.codec == "gzip":
            return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        return zstandard.ZstdDecompressor().decompressobj()


def _first_record(path: Path, codec: str, delimiter: str | None) -> str | None:
    split = Split(str(path), codec, delimiter, 0, 0, 0, False)
    for records, damage in _records(split):
        if len(records) and damage is None:
            return _as_text(records[0].as_py())
    return None


def _as_text(header: bytes) -> str:
    return header.removeprefix(BOM).decode("utf-8", errors="replace")

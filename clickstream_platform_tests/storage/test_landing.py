"""The reader of landing files: addresses are ordinals of lines, and a header is no line."""

from __future__ import annotations

from pathlib import Path

from clickstream_platform.sources.loader import load_sources
from clickstream_platform.storage.landing import inspect, read_split


def test_the_header_is_read_and_not_counted(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n\r\n1,2\r\n3,4")
    found = inspect(tmp_path, "shop.csv", load_sources([])["transactions_csv"])
    parts = [part for split in found.splits for part in read_split(split)]
    lines = [line for part in parts for line in part.to_pylist()]
    assert found.header == "a,b"
    assert lines == [
        {"source_offset": 0, "raw": b"1,2", "damage": None},
        {"source_offset": 1, "raw": b"3,4", "damage": None},
    ]

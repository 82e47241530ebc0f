"""Landing files to lines: addresses, line ends, quoted records, archives."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
import zstandard

from clickstream_platform.oracle.csv_text import split_record
from clickstream_platform.oracle.lines import landing_files, read_lines
from clickstream_platform.oracle.mappings import read_mappings

HOUR = "2024-11-29T10"
MAPPINGS = read_mappings([])


def lines_of(
    landing: Path, name: str, content: bytes, source: str = "shop_json"
) -> list[tuple[bytes, str | None, str | None]]:
    path = landing / source / HOUR / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    [file] = landing_files(landing, MAPPINGS)
    assert file.source_file == f"{source}/{HOUR}/{name}@{hashlib.sha256(content).hexdigest()[:8]}"
    rows = [row for batch in read_lines(file, MAPPINGS[source]) for row in batch.to_pylist()]
    assert [row["source_offset"] for row in rows] == list(range(len(rows)))
    return [(row["raw"], row["header"], row["damage"]) for row in rows]


def raws(*texts: bytes) -> list[tuple[bytes, None, None]]:
    return [(text, None, None) for text in texts]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ()),
        (b"\n\r\n\r\r\n", ()),
        (b"a\nb\n", (b"a", b"b")),
        (b"a\r\n\r\n\nb", (b"a", b"b")),
        (b"a\rb\r\r\nc\r", (b"a\rb\r", b"c")),
        (b" \n\xff\x00\n", (b" ", b"\xff\x00")),
    ],
)
def test_json_lines_end_at_line_feeds_and_blank_ones_are_none(
    tmp_path: Path, content: bytes, expected: tuple[bytes, ...]
) -> None:
    assert lines_of(tmp_path, "a.jsonl", content) == raws(*expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"h1,h2\n", ()),
        (b"\r\nh1,h2\r\na,b\r\n\r\nc,d", (b"a,b", b"c,d")),
        (b'h1,h2\n"a\r\n\n""b""",c\r\nd,e\n', (b'"a\r\n\n""b""",c', b"d,e")),
        (b'h1,h2\n5" pipe,a\nb,c\n', (b'5" pipe,a', b"b,c")),
        (b'h1,h2\n"a"b\nc,"d\n', (b'"a"b', b'c,"d')),
    ],
)
def test_csv_records_may_hold_line_ends_in_quotes(
    tmp_path: Path, content: bytes, expected: tuple[bytes, ...]
) -> None:
    found = lines_of(tmp_path, "a.csv", content, "transactions_csv")
    assert found == [(text, "h1,h2", None) for text in expected]


def test_a_csv_without_header_begins_with_its_first_record(tmp_path: Path) -> None:
    found = lines_of(tmp_path, "a.csv", b"a,b\nc,d\n", "rees46_noheader")
    assert found == raws(b"a,b", b"c,d")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a,b", ["a", "b"]),
        ("", [""]),
        (",", ["", ""]),
        ('"a,""b""\n",c', ['a,"b"\n', "c"]),
        ('a"b,""', ['a"b', ""]),
        ('"a"b,c', ["ab", "c"]),
        ('a,"b,c', ["a", "b,c"]),
    ],
)
def test_records_are_split_as_rfc_4180_says(text: str, fields: list[str]) -> None:
    assert split_record(text, ",") == fields


def test_archives_of_several_members_are_one_file(tmp_path: Path) -> None:
    content = gzip.compress(b"a\nb") + gzip.compress(b"c\nd\n") + b"\0\0"
    assert lines_of(tmp_path, "a.jsonl.gz", content) == raws(b"a", b"bc", b"d")


def test_zstd_frames_are_one_file(tmp_path: Path) -> None:
    content = zstandard.compress(b"a\nb") + zstandard.compress(b"c\n")
    assert lines_of(tmp_path, "a.jsonl.zst", content) == raws(b"a", b"bc")


@pytest.mark.parametrize(("cut", "tail"), [(9, b"c"), (10, b""), (8, b"cd"), (1, b"")])
def test_a_truncated_archive_ends_in_one_damaged_line(
    tmp_path: Path, cut: int, tail: bytes
) -> None:
    text = b"a\nb\ncd" if cut != 1 else b"a\nb\n"
    stored = gzip.compress(text, compresslevel=0, mtime=0)
    found = lines_of(tmp_path, "a.jsonl.gz", stored[:-cut])
    assert found == [*raws(b"a", b"b"), (tail, None, "archive_truncated")]


def test_a_truncated_zstd_archive_ends_in_one_damaged_line(tmp_path: Path) -> None:
    content = zstandard.compress(b"a\nb") + zstandard.compress(b"c\n" * 1000)[:-3]
    found = lines_of(tmp_path, "a.jsonl.zst", content)
    assert found[0] == (b"a", None, None)
    assert found[-1][2] == "archive_truncated"


def test_a_wrong_checksum_is_damage_after_all_lines(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(b"a\nb\n"))
    content[-6] ^= 1
    found = lines_of(tmp_path, "a.jsonl.gz", bytes(content))
    assert found == [*raws(b"a", b"b"), (b"", None, "archive_truncated")]


def test_unfinished_and_foreign_files_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "shop_json"
    (folder / HOUR).mkdir(parents=True)
    (tmp_path / "nobody" / HOUR).mkdir(parents=True)
    for name in (".hidden", "_SUCCESS", "a.tmp", f"{HOUR}/b.jsonl.tmp", f"{HOUR}/.c"):
        (folder / name).write_bytes(b"x\n")
    (tmp_path / "nobody" / HOUR / "a.jsonl").write_bytes(b"x\n")
    (folder / "flat.jsonl").write_bytes(b"x\n")
    [file] = landing_files(tmp_path, MAPPINGS)
    assert (file.relative, file.ingest_hour) == ("shop_json/flat.jsonl", None)

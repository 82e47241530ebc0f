"""What a line is: one record of the format, wherever the blocks are cut."""

from __future__ import annotations

import random

import pytest

from clickstream_platform.storage.records import MAX_QUOTED_RECORD_BYTES, batches, cut, places


def records(data: bytes, *, delimiter: str | None = ",") -> list[bytes]:
    return cut(data, delimiter=delimiter, final=True).records.to_pylist()


def in_blocks(data: bytes, size: int, *, delimiter: str | None) -> list[bytes]:
    """The records as a reader of blocks of `size` bytes gets them."""
    blocks = iter([data[start : start + size] for start in range(0, len(data), size)])
    found: list[bytes] = []
    for piece, tail in batches(blocks, delimiter=delimiter):
        found += piece.to_pylist()
        if tail:
            found += cut(tail, delimiter=delimiter, final=True).records.to_pylist()
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n\n\r\n", []),
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\n\r\nb\r\n", [b"a", b"b"]),
        (b"a\n\n\nb", [b"a", b"b"]),
        (b" \n", [b" "]),
        (b'1,"x\ny",2\n3\n', [b'1,"x\ny",2', b"3"]),
        (b'1,"x\r\n\r\ny"\r\n3\r\n', [b'1,"x\r\n\r\ny"', b"3"]),
        (b'1,"he said ""hi\n""",2\n3', [b'1,"he said ""hi\n""",2', b"3"]),
        (b'1,5" pipe,2\n3\n', [b'1,5" pipe,2', b"3"]),
        (b'1,"never closed\n2\n3\n', [b'1,"never closed', b"2", b"3"]),
        (b"\x00\xff\n\xfe\n", [b"\x00\xff", b"\xfe"]),
    ],
)
def test_a_record_is_a_line_unless_a_quoted_field_spans_lines(
    data: bytes, expected: list[bytes]
) -> None:
    assert records(data) == expected


def test_quotes_mean_nothing_outside_csv() -> None:
    assert records(b'{"a":"x\ny"}\n', delimiter=None) == [b'{"a":"x', b'y"}']


def test_another_delimiter_decides_where_a_field_begins() -> None:
    assert records(b'1;"x\ny"\n', delimiter=";") == [b'1;"x\ny"']
    assert records(b'1;"x\ny"\n', delimiter=",") == [b'1;"x', b'y"']


def test_what_follows_the_last_line_end_is_handed_back() -> None:
    piece = cut(b"a\nb", delimiter=None, final=False)
    assert (piece.records.to_pylist(), piece.rest) == ([b"a"], b"b")
    piece = cut(b'a\n1,"x\ny', delimiter=",", final=False)
    assert (piece.records.to_pylist(), piece.rest) == ([b"a"], b'1,"x\ny')


def test_a_stray_quote_spans_at_most_a_megabyte() -> None:
    line = b"x" * 1023 + b"\n"
    data = b'1,"' + line * (MAX_QUOTED_RECORD_BYTES // 1024 + 8) + b'"\n'
    found = records(data)
    assert len(found) == MAX_QUOTED_RECORD_BYTES // 1024 + 9
    assert found[0] == b'1,"' + line[:-1]


@pytest.mark.parametrize("delimiter", [",", None])
@pytest.mark.parametrize("seed", range(20))
def test_records_do_not_depend_on_where_blocks_end(seed: int, delimiter: str | None) -> None:
    rng = random.Random(seed)
    pieces = [b"abc", b"\n", b"\r\n", b",", b'"x\ny"', b'""', b"\xff", b"{}", b'"a""b"', b"\n\n"]
    data = b"".join(rng.choices(pieces, k=400))
    # Quotes are balanced here: a stray one spans as far as a block shows.
    expected = records(data, delimiter=delimiter)
    assert in_blocks(data, len(data), delimiter=delimiter) == expected
    for size in (rng.randint(1, 7), rng.randint(8, 60), 257):
        assert in_blocks(data, size, delimiter=delimiter) == expected


def test_counting_records_in_place_agrees_with_cutting_them() -> None:
    for data in (b"", b"\n\r\n", b"a\r\n\r\nb", b'1,"x\ny",2\n3\n4,"open', b"\n \nlast\r"):
        for delimiter in (None, ","):
            for final in (True, False):
                whole = cut(data, delimiter=delimiter, final=final)
                there = places(data, delimiter=delimiter, final=final)
                assert (len(there), there.rest) == (len(whole.records), whole.rest)
                if len(there):
                    assert there.first == whole.records[0].as_py()

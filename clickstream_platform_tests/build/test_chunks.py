"""A build's hours in pieces: all of them, in order, none too heavy, no more pieces than needed."""

from __future__ import annotations

from clickstream_platform.build.chunks import LINE_BYTES, chunks
from clickstream_platform.hours import hours_between

DAY = hours_between("2024-11-29T00", "2024-11-29T23")
MEGABYTE = 1_000_000


def lines(**megabytes: float) -> dict[str, int]:
    return {name: round(size * MEGABYTE / LINE_BYTES) for name, size in megabytes.items()}


def test_what_fits_is_one_piece_in_order_of_time() -> None:
    assert chunks(DAY[::-1], {}, max_bytes=MEGABYTE) == [tuple(DAY)]
    assert chunks(DAY, dict.fromkeys(DAY, 100), max_bytes=MEGABYTE) == [tuple(DAY)]


def test_pieces_are_about_equal_and_hold_every_hour_once() -> None:
    counts = dict.fromkeys(DAY, MEGABYTE // LINE_BYTES)  # 24 MB in all
    pieces = chunks(DAY, counts, max_bytes=10 * MEGABYTE)
    assert [len(piece) for piece in pieces] == [8, 8, 8]
    assert [hour for piece in pieces for hour in piece] == DAY


def test_an_hour_above_the_limit_is_alone_and_empty_hours_make_no_piece() -> None:
    first, second, third, *empty = DAY
    counts = lines(**{first: 1, second: 50, third: 1})
    pieces = chunks(DAY, counts, max_bytes=10 * MEGABYTE)
    assert pieces == [(first,), (second,), (third, *empty)]

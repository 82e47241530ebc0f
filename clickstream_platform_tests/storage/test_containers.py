"""JSON arrays and Parquet files as lines, against the oracle's own reading of them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream_platform.oracle.containers import parquet_rows, split_array
from clickstream_platform.storage.containers import ArrayCutter, parquet_groups, parquet_records

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab\\",[]{}é \n'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def cut_in(text: bytes, size: int) -> tuple[list[bytes], bytes]:
    cutter = ArrayCutter()
    blocks = [text[start : start + size] for start in range(0, len(text), size)]
    return [element for block in blocks for element in cutter.cut(block)], cutter.rest()


@given(st.lists(ANY_JSON, max_size=5), st.integers(1, 9), st.sampled_from([None, 1]))
@settings(max_examples=100, deadline=None)
def test_the_elements_do_not_depend_on_the_blocks(
    elements: list[object], size: int, indent: int | None
) -> None:
    text = json.dumps(elements, indent=indent, ensure_ascii=False).encode()
    found, rest = cut_in(text, size)
    assert [json.loads(element) for element in found] == elements
    assert rest == b""
    assert split_array(text) == (found, rest)


@given(st.binary(max_size=12) | st.text(alphabet='[]{},"\\ a', max_size=14).map(str.encode))
@settings(max_examples=100, deadline=None)
def test_what_is_no_array_is_cut_as_the_oracle_does(text: bytes) -> None:
    expected = split_array(text)
    assert cut_in(text, 1) == cut_in(text, 5) == expected


@pytest.mark.parametrize(
    ("text", "elements", "rest"),
    [
        (b'[{"a":1},{"b":[2,3]}]', [b'{"a":1}', b'{"b":[2,3]}'], b""),
        (b'[{"a":"],"}, 7 ,]', [b'{"a":"],"}', b"7"], b""),
        (b'[{"a":1},{"b"', [b'{"a":1}'], b'{"b"'),
        (b"[1] behind", [b"1"], b"behind"),
        (b"before [1]", [b"before", b"1"], b""),
        (b'{"a":[1]}', [], b'{"a":[1]}'),
        (b"\xef\xbb\xbf[1]", [b"1"], b""),
        (b" \r\n ", [], b""),
    ],
)
def test_nothing_of_a_damaged_array_is_lost(
    text: bytes, elements: list[bytes], rest: bytes
) -> None:
    assert cut_in(text, 3) == (elements, rest)


def test_a_parquet_row_is_its_canonical_json(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    moment = datetime(2024, 11, 29, 10, 0, 0, 5, tzinfo=UTC)
    table = pa.table(
        {
            "id": pa.array([12345678901234567, None]),
            "price": [10.50, float("nan")],
            "cost": pa.array([Decimal("1.10"), None]),
            "at": pa.array([moment, None], pa.timestamp("ms", "UTC")),
            "day": [date(2024, 11, 29), None],
            "text": pa.array([b"\xc3\xa9", b"\xff"], pa.binary()),
            "items": [[{"sku": "a", "n": 1}], []],
        }
    )
    pq.write_table(table, path, row_group_size=1)
    assert parquet_groups(path) == [1, 1]
    found = [row for rows in parquet_records(path, range(2)) for row in rows.to_pylist()]
    assert [row.decode() for row in found] == [
        '{"id":12345678901234567,"price":10.5,"cost":"1.10","at":"2024-11-29T10:00:00.000000Z",'
        '"day":"2024-11-29","text":"é","items":[{"sku":"a","n":1}]}',
        '{"id":null,"price":"nan","cost":null,"at":null,"day":null,"text":"/w==","items":[]}',
    ]
    assert found == [row for rows in parquet_rows(path) for row in rows]


def test_a_file_that_is_no_parquet_fails_alone(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(OSError, match=r"broken\.parquet is not a readable Parquet file"):
        parquet_groups(path)

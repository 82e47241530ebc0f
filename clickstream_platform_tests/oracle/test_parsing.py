"""Nasty lines: what the oracle reads of them, as literal values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from clickstream_platform.oracle.fields import canonical_rescued, json_object, texts_of_lines
from clickstream_platform.oracle.lake import Lake, sql_of
from clickstream_platform.oracle.mappings import Mapping, read_mappings
from clickstream_platform.oracle.numbers import price, whole_number
from clickstream_platform.settings import read_settings

HOUR = "2024-11-29T10"
GOOD_TIME = "2024-11-29T10:15:00Z"


@pytest.fixture(scope="module")
def mappings() -> dict[str, Mapping]:
    return read_mappings([])


@pytest.fixture(scope="module")
def lake(mappings: dict[str, Mapping], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    home = tmp_path_factory.mktemp("home")
    with Lake(read_settings(home=home), mappings) as opened:
        yield opened


def read(
    lake: Lake,
    raw: bytes,
    *,
    source: str = "shop_json",
    header: str | None = None,
    damage: str | None = None,
) -> dict:
    """The canonical row of one line."""
    lines = pa.table(
        {
            "raw": pa.array([raw], pa.binary()),
            "header": pa.array([header], pa.string()),
            "damage": pa.array([damage], pa.string()),
        }
    )
    texts = texts_of_lines(lake.mappings[source], lines)
    address = {"source": source, "source_file": "f@0", "ingest_hour": HOUR, "home_hour": HOUR}
    for name, value in address.items():
        texts = texts.append_column(name, pa.array([value], pa.string()))
    lake.store("texts", texts.append_column("source_offset", pa.array([0], pa.int64())))
    return lake.rows(sql_of("canonical"))[0]


def event(**fields: str) -> bytes:
    """A good event with `fields` (JSON texts) put in its place."""
    good = {"event_id": '"e1"', "timestamp": f'"{GOOD_TIME}"', "event_type": '"page_view"',
            "user_id": '"u1"'}  # fmt: skip
    texts = {**good, **fields}
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in texts.items()) + "}").encode()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"event_id": "\xff"}', "invalid_utf8"),
        (b'{"event_id": "\xed\xa0\x80"}', "invalid_utf8"),
        (b"[1]", "malformed_line"),
        (b"null", "malformed_line"),
        (b"{", "malformed_line"),
        (b"   ", "malformed_line"),
        (b'{"a": 1} {"a": 2}', "malformed_line"),
        (b'{"a": 1,}', "malformed_line"),
        (b'{"a": NaN}', "malformed_line"),
        (b'{"a": -Infinity}', "malformed_line"),
        (b'{"a": 01}', "malformed_line"),
        (b'{"a": "x\x00y"}', "malformed_line"),
        (b'{"a": "x\ty"}', "malformed_line"),
        (b"{'a': 1}", "malformed_line"),
        (b"[" * 5000, "malformed_line"),
    ],
)
def test_a_line_that_is_no_json_object_has_one_reason(lake: Lake, raw: bytes, reason: str) -> None:
    row = read(lake, raw)
    assert row["reasons"] == [reason]
    assert (row["event_id"], row["event_name"], row["event_timestamp"]) == (None, None, None)


def test_damage_is_the_only_reason_of_a_damaged_line(lake: Lake) -> None:
    assert read(lake, b"\xff", damage="archive_truncated")["reasons"] == ["archive_truncated"]


def test_an_empty_object_misses_id_name_and_time(lake: Lake) -> None:
    row = read(lake, b"{}")
    assert row["reasons"] == ["missing_event_id", "missing_event_name", "missing_event_timestamp"]


def test_the_last_of_equal_keys_counts(lake: Lake) -> None:
    row = read(lake, event(event_id='"first", "event_id": "last"'))
    assert row["event_id"] == "last"


def test_a_last_null_among_equal_keys_is_missing(lake: Lake) -> None:
    assert read(lake, event(event_id='"first", "event_id": null'))["event_id"] is None


def test_escapes_are_decoded_and_half_a_surrogate_pair_becomes_a_question_mark(lake: Lake) -> None:
    row = read(lake, event(page_url=r'"\u00e9\ud83d\ude00\ud800\u0000"'))
    assert row["page_location"] == "é\U0001f600?\0"


def test_whole_numbers_stay_as_written_and_others_are_the_shortest_of_their_double() -> None:
    read_texts = json_object('{"a": 1.50, "b": 1E2, "c": -0, "d": 1e400, "e": true, "f": null}')
    infinite = '"Infinity"'
    assert read_texts == {"a": "1.5", "b": "100.0", "c": "-0", "d": infinite, "e": True, "f": None}


def test_nested_values_are_compact_json() -> None:
    read_texts = json_object(' {"a" : {"b":1.0, "c" : [ 1 ]}, "d":[ ] , "a\\u0062": "x"} ')
    assert read_texts == {"a": '{"b":1.0,"c":[1]}', "d": "[]", "ab": "x"}


def test_a_byte_order_mark_is_no_part_of_the_text(lake: Lake) -> None:
    assert read(lake, b"\xef\xbb\xbf" + event())["reasons"] == []


@pytest.mark.parametrize(
    ("text", "microsecond_text"),
    [
        ("2024-11-29T10:15:00Z", "2024-11-29T10:15:00.000000"),
        ("2024-11-29 10:15:00 UTC", "2024-11-29T10:15:00.000000"),
        ("2024-11-29 10:15:00UTC", "2024-11-29T10:15:00.000000"),
        ("2024-11-29T10:15:00", "2024-11-29T10:15:00.000000"),
        ("2024-11-29T10:15:00.123456789Z", "2024-11-29T10:15:00.123456"),
        ("2024-11-29T10:15:00.5", "2024-11-29T10:15:00.500000"),
        ("2024-11-29T12:15:00+02:00", "2024-11-29T10:15:00.000000"),
        ("2024-11-29T04:45:00.1 -05:30", "2024-11-29T10:15:00.100000"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000"),
    ],
)
def test_times_in_an_allowed_form(lake: Lake, text: str, microsecond_text: str) -> None:
    row = read(lake, event(timestamp=f'"{text}"'))
    assert row["event_timestamp"] == datetime.fromisoformat(microsecond_text)
    assert row["reasons"] == []


@pytest.mark.parametrize(
    "text",
    [
        "2024-11-29",
        "2024-11-29T10:15",
        "2024-11-29T24:00:00Z",
        "2024-11-29T10:60:00Z",
        "2024-11-29T10:15:60Z",
        "2023-02-29T10:15:00Z",
        "2024-13-01T10:15:00Z",
        "0000-01-01T00:00:00Z",
        "2024-11-29t10:15:00z",
        "2024-11-29T10:15:00.Z",
        "2024-11-29T10:15:00.1234567890Z",
        "2024-11-29T10:15:00+0200",
        "2024-11-29T10:15:00+02",
        "2024-11-29T10:15:00+18:01",
        "2024-11-29T10:15:00 CET",
        "2024-11-29  10:15:00",
        "24-11-29T10:15:00Z",
        "1732875300",
        "yesterday",
    ],
)
def test_times_in_any_other_form_are_unparsable(lake: Lake, text: str) -> None:
    row = read(lake, event(timestamp=f'"{text}"'))
    assert row["reasons"] == ["unparsable_event_timestamp"]
    assert row["expected_home_hour"] == HOUR


@pytest.mark.parametrize(
    ("text", "reasons", "home_hour"),
    [
        ("2024-11-29T11:04:59.999999Z", [], "2024-11-29T11"),
        ("2024-11-29T11:05:00Z", ["future_event"], HOUR),
        ("2019-01-01T00:00:00Z", [], "2019-01-01T00"),
        ("2018-12-31T23:59:59Z", ["before_first_hour"], HOUR),
    ],
)
def test_the_home_hour_is_the_events_within_the_limits(
    lake: Lake, text: str, reasons: list[str], home_hour: str
) -> None:
    row = read(lake, event(timestamp=f'"{text}"'))
    assert (row["reasons"], row["expected_home_hour"]) == (reasons, home_hour)


def test_the_event_time_places_a_line_that_breaks_other_rules(lake: Lake) -> None:
    row = read(lake, event(event_id="null", timestamp='"2024-11-01T05:00:00Z"'))
    assert (row["reasons"], row["expected_home_hour"]) == (["missing_event_id"], "2024-11-01T05")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12.5", "12.50"),
        ("0.125", "0.13"),
        ("-0.125", "-0.13"),
        ("0.1249999999999999999999999999999999999999999", "0.12"),
        ("1.5e2", "150.00"),
        ("1e-400", "0.00"),
        (".5", "0.50"),
        ("5.", "5.00"),
        ("+5", "5.00"),
        ("9999999999.994", "9999999999.99"),
        ("0e999999", "0.00"),
    ],
)
def test_prices_are_rounded_half_up_to_cents(text: str, amount: str) -> None:
    assert price(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    ["9999999999.995", "1e10", "1e400", "1e99999999999999999999", "NaN", "Infinity", "12,5", "1_0",
     "\u0661", "0x10", "1 2", "5d", "", ".", "e5", "true"],
)  # fmt: skip
def test_other_texts_are_no_price(text: str) -> None:
    assert price(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("2.0", 2), ("2e0", 2), ("1e3", 1000), ("-1", -1), ("0", 0), ("-0.0", 0),
     ("9223372036854775807", 2**63 - 1), ("9223372036854775808", None), ("2.5", None),
     ("2.00000000000000000000000000000000001", None), ("1e400", None), ("two", None)],
)  # fmt: skip
def test_whole_numbers_are_whole_by_value(text: str, number: int | None) -> None:
    assert whole_number(text) == number


def test_an_unreadable_price_and_quantity_are_kept_and_warned_about(lake: Lake) -> None:
    row = read(lake, event(product_id='"p"', price='"12,5"', quantity="1.5", x='{"b": 1.0}'))
    assert row["reasons"] == []
    assert row["warnings"] == ["undeclared_fields", "unparsable_price", "unparsable_quantity"]
    assert row["items"] == [
        {"item_id": "p", "item_name": None, "item_brand": None, "item_category": None,
         "price": None, "quantity": None}
    ]  # fmt: skip
    assert row["value"] is None
    assert row["rescued_data"] == canonical_rescued(
        '{"quantity": "1.5", "x": {"b": 1}, "price": "12,5"}'
    )


def test_an_item_needs_a_value_and_the_value_is_price_times_quantity(lake: Lake) -> None:
    (unread,) = read(lake, event(price='"abc"'))["items"]
    assert set(unread.values()) == {None}
    assert read(lake, event(price="500.01", quantity="3"))["value"] == Decimal("1500.03")
    assert read(lake, event(price="500.01"))["is_high_value"] is True
    assert read(lake, event(price="500"))["is_high_value"] is False
    assert read(lake, event(price="5000000000", quantity="2"))["value"] is None


def test_missing_words_are_missing_and_texts_are_trimmed_of_spaces(lake: Lake) -> None:
    row = read(lake, event(user_id='" NA "', session_id='"  s1 "', referrer='"\\tx"'))
    assert (row["user_id"], row["visitor_id"], row["page_referrer"]) == (None, "s1", "\tx")
    assert row["rescued_data"] is None


@pytest.mark.parametrize(
    ("text", "name"),
    [("product_view", "view_item"), ("addToCart", "add_to_cart"), ("  Page View!! ", "page_view"),
     ("HTTPError", "httperror"), ("Übergröße", "übergröße"), ("__x--y__", "x_y")],
)  # fmt: skip
def test_event_names_are_mapped_or_snake_case(lake: Lake, text: str, name: str) -> None:
    assert read(lake, event(event_type=f'"{text}"'))["event_name"] == name


def test_a_name_of_signs_alone_is_missing(lake: Lake) -> None:
    assert read(lake, event(event_type='"--"'))["reasons"] == ["missing_event_name"]


@pytest.mark.parametrize(
    ("address", "anonymised"),
    [("10.2.3.4", "10.2.3.0"), ("10.2.3", None), ("256.1.1.1", None), ("localhost", None),
     ("2001:DB8:85a3:0:0:8a2e:370:7334", "2001:db8:85a3::"), ("2001:db8::1", "2001:db8::"),
     ("::1", "::"), ("::ffff:1.2.3.4", "::"), ("1:2:3:4:5:6:7", None), ("1::2::3", None),
     ("fe80::1%eth0", None), ("12345::", None)],
)  # fmt: skip
def test_addresses_are_cut(lake: Lake, address: str, anonymised: str | None) -> None:
    assert read(lake, event(ip_address=f'"{address}"'))["ip_anonymised"] == anonymised


def test_currency_is_upper_case_and_a_strange_one_warns(lake: Lake) -> None:
    assert read(lake, event(currency='"usd"'))["currency"] == "USD"
    strange = read(lake, event(currency='"euro"'))
    assert (strange["currency"], strange["warnings"]) == ("EURO", ["currency_pattern"])


def test_the_fingerprint_is_the_md5_of_the_payload(lake: Lake) -> None:
    row = read(lake, event(product_id='"p"', price="2.5", quantity="2"))
    assert row["event_fingerprint"] == PAYLOAD_MD5


NULL = "\\N"
_ITEM = "\x1e".join(["p", NULL, NULL, NULL, "2.50", "2"])
PAYLOAD_MD5 = hashlib.md5(
    "\x1f".join(
        ["page_view", "1732875300000000", "u1", NULL, NULL, NULL, NULL, NULL, NULL, _ITEM, "5.00",
         *[NULL] * 14]
    ).encode(),
    usedforsecurity=False,
).hexdigest()[:16]  # fmt: skip

CSV_HEADER = "UserID,SessionID,Timestamp,EventType,ProductID,Amount,Outcome"


def test_csv_fields_may_be_quoted_and_ids_are_made_of_the_texts(lake: Lake) -> None:
    raw = b'u1,"a ""b"",\nc",2024-11-29 10:15:00,purchase,p1,10.5,success'
    row = read(lake, raw, source="transactions_csv", header=CSV_HEADER)
    texts = ["u1", 'a "b",\nc', "2024-11-29 10:15:00", "purchase", "p1", "10.5", "success"]
    digest = hashlib.md5("\x1f".join(texts).encode(), usedforsecurity=False).hexdigest()
    assert (row["event_id"], row["reasons"]) == (digest, [])
    assert (row["client_session_id"], row["value"]) == ('a "b",\nc', Decimal("10.50"))


def test_a_wrong_number_of_columns_is_named(lake: Lake) -> None:
    short = read(lake, b"u1,s1", source="transactions_csv", header=CSV_HEADER)
    assert short["reasons"] == ["column_count"]
    assert short["detail"].split("\x1f") == [
        "Timestamp", "EventType", "ProductID", "Amount", "Outcome",
    ]  # fmt: skip
    long = read(lake, b"1,2,3,4,5,6,7,8,9", source="transactions_csv", header=CSV_HEADER)
    assert long["detail"] == "2"


def test_a_source_may_require_more(lake: Lake) -> None:
    raw = b",s1,2024-11-29 10:15:00,click,,,"
    row = read(lake, raw, source="transactions_csv", header=CSV_HEADER)
    assert row["reasons"] == ["missing_user_id"]


def test_purchases_need_a_product_and_a_value(lake: Lake) -> None:
    row = read(lake, event(event_type='"purchase"'))
    assert row["reasons"] == ["purchase_without_product", "purchase_without_value"]
    bad = read(lake, event(product_id='"p"', price="-1", quantity="0"))
    assert bad["reasons"] == ["negative_price", "quantity_below_one"]


def test_rescued_data_is_the_same_in_any_writing() -> None:
    stored = canonical_rescued('{"b": "1.50", "a": "{\\"x\\":[1, 2]}", "c": null}')
    assert stored == canonical_rescued('{"a":{"x":[1,2.0]},"b":1.5}')
    assert stored != canonical_rescued('{"a":{"x":[1,2]},"b":1.6}')
    assert canonical_rescued("no json") == "no json"

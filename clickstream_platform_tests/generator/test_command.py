"""The command line: same bytes for the same arguments, every shape readable, drip in real time."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from click.testing import Result

    from clickstream_platform_tests.generator.conftest import Day


NO_FAULTS = [
    x
    for name in ("duplicates", "late", "future", "malformed", "repeats", "anomaly-rate")
    for x in (f"--{name}", 0)
]
PROGRAM = "from clickstream_platform.generator.command import generate; generate()"


@pytest.mark.parametrize("shape", [*"ABCDEFGHI"])
def test_the_same_arguments_give_the_same_bytes(
    tmp_path: Path, shape: str, make_day: Callable[..., Day]
) -> None:
    asked = ("--shape", shape, "--events", 2000, "--hours", 5, "--malformed", 0.02)
    one, two = make_day(tmp_path / "one", *asked), make_day(tmp_path / "two", *asked)
    other = make_day(tmp_path / "other", *asked, "--seed", 8)
    assert one.bytes_by_file() == two.bytes_by_file()
    assert one.summary == two.summary
    for name in ("sessions", "orders", "bots", "faults"):
        assert one.table(name) == two.table(name)
    assert one.bytes_by_file() != other.bytes_by_file()


def test_parquet_is_byte_identical_and_says_what_the_json_lines_say(
    tmp_path: Path, make_day: Callable[..., Day]
) -> None:
    asked = ("--events", 1500, "--hours", 3, *NO_FAULTS)
    lines = make_day(tmp_path / "json", *asked).clean_records()
    one = make_day(tmp_path / "one", *asked, "--format", "parquet")
    two = make_day(tmp_path / "two", *asked, "--format", "parquet")
    assert one.bytes_by_file() == two.bytes_by_file()
    rows = pa.concat_tables([pq.read_table(path) for path in one.files()]).to_pylist()
    stated = [{key: value for key, value in row.items() if value is not None} for row in rows]
    written = [{key: value for key, value in line.items() if value is not None} for line in lines]
    assert stated == written
    assert len(stated) == 1500 + one.summary["bot_lines"]


def test_parquet_breaks_only_what_it_can_say(tmp_path: Path, make_day: Callable[..., Day]) -> None:
    day = make_day(tmp_path, "--events", 3000, "--format", "parquet", "--malformed", 0.03)
    rows = pa.concat_tables([pq.read_table(path) for path in day.files()])
    quarantined = day.summary["expected"]["quarantined"]
    assert rows.num_rows == day.summary["lines"]
    assert rows["event_id"].null_count == quarantined["missing_event_id"] > 0
    assert rows["timestamp"].null_count == quarantined["missing_timestamp"] > 0
    negative = [price for price in rows["price"].to_pylist() if price is not None and price < 0]
    assert len(negative) == quarantined["negative_price"] > 0
    assert quarantined["truncated"] == quarantined["binary_garbage"] == 0


@pytest.mark.parametrize(
    ("shape", "source", "header"),
    [
        (
            "C",
            "star_csv",
            "event_id,user_id,session_id,timestamp,event_type,product_id,page_url,referrer,"
            "device_type,browser,quantity,price",
        ),
        (
            "D",
            "transactions_csv",
            "UserID,SessionID,Timestamp,EventType,ProductID,Amount,Outcome",
        ),
    ],
)
def test_csv_has_one_header_a_file_and_full_records(
    tmp_path: Path, shape: str, source: str, header: str, make_day: Callable[..., Day]
) -> None:
    day = make_day(tmp_path, "--shape", shape, "--events", 3000, *NO_FAULTS)
    rows = []
    for name, data in day.bytes_by_file().items():
        assert name.startswith(f"{source}/2024-11-29T")
        reader = csv.reader(io.StringIO(data.decode()))
        assert next(reader) == header.split(",")
        records = list(reader)
        assert len(records) == day.summary["files"][name]
        rows += records
    assert {len(row) for row in rows} == {header.count(",") + 1}
    named = [dict(zip(header.split(","), row, strict=True)) for row in rows]
    bought = [row for row in named if "purchase" in row.values()]
    truth = day.table("orders")
    assert len(bought) == len(truth) > 10
    if shape == "D":
        value = sum(float(row["Amount"]) for row in bought)
        assert all(row["UserID"] for row in named)
        assert {row["Outcome"] for row in bought} == {"success"}
    else:
        value = sum(float(row["price"]) * int(row["quantity"]) for row in bought)
    assert value == pytest.approx(float(sum(row["value"] for row in truth)))


def test_star_json_has_the_same_rows_as_csv(tmp_path: Path, make_day: Callable[..., Day]) -> None:
    asked = ("--shape", "C", "--events", 600, "--hours", 2, *NO_FAULTS)
    as_json = make_day(tmp_path / "json", *asked, "--format", "json").clean_records()
    rows = []
    for data in make_day(tmp_path / "csv", *asked).bytes_by_file().values():
        rows += list(csv.DictReader(io.StringIO(data.decode())))
    assert [{k: "" if v is None else str(v) for k, v in r.items()} for r in as_json] == [
        {k: str(float(v)) if k == "price" and v else v for k, v in row.items()} for row in rows
    ]


def test_nested_shapes_list_the_products_of_an_order(
    tmp_path: Path, make_day: Callable[..., Day]
) -> None:
    for shape in ("B", "G"):
        day = make_day(tmp_path / shape, "--shape", shape, "--events", 6000, *NO_FAULTS)
        records = day.clean_records()
        if shape == "B":
            carts = [r["products"] for r in records if r["event"] == "purchase"]
            assert records[0].keys() >= {"user", "session", "url", "browser", "enqueuedTime"}
        else:
            bought = [r for r in records if r.get("event") == "Order Completed"]
            carts = [r["properties"]["products"] for r in bought]
            orders = {row["transaction_id"] for row in day.table("orders")}
            assert {r["properties"]["order_id"] for r in bought} == orders
            assert {r["type"] for r in records} == {"track", "page"}
        value = sum(line["price"] * line["quantity"] for cart in carts for line in cart)
        assert value == pytest.approx(float(sum(row["value"] for row in day.table("orders"))))
        assert max(len(cart) for cart in carts) > 1


def test_kafka_lines_have_exactly_six_fields(tmp_path: Path, make_day: Callable[..., Day]) -> None:
    day = make_day(tmp_path, "--shape", "E", "--events", 500, "--hours", 2, *NO_FAULTS)
    fields = {"event_id", "user_id", "product_id", "event_type", "price", "timestamp"}
    assert all(record.keys() == fields and record["user_id"] for record in day.clean_records())


def test_the_catalogue_names_every_product_and_user_of_the_lines(
    tmp_path: Path, make_day: Callable[..., Day]
) -> None:
    asked = ("--events", 3000, "--users", 200, "--products", 80, "--catalogue", tmp_path / "cat")
    records = make_day(tmp_path, *asked).clean_records()
    read = {
        name: list(csv.DictReader((tmp_path / "cat" / f"{name}.csv").open()))
        for name in ("products", "users", "campaigns")
    }
    assert len(read["products"]) == 80
    assert len({row["category"] for row in read["products"]}) == 8
    assert len(read["users"]) == 200
    category = {row["product_id"]: row["category"] for row in read["products"]}
    for record in records:
        if "product_id" in record:
            assert category[record["product_id"]] == record["category"]
    users = {record["user_id"] for record in records} - {None}
    assert users and users <= {row["user_id"] for row in read["users"]}
    signup = {row["user_id"]: row["signup_date"] for row in read["users"]}
    signed_up = [r for r in records if r["event_type"] == "sign_up"]
    assert signed_up
    assert {signup[r["user_id"]] for r in signed_up} == {"2024-11-29"}


def test_popular_products_and_evening_hours_get_most_of_the_events(shop_day: Day) -> None:
    viewed = Counter(
        r["product_id"] for r in shop_day.clean_records() if r["event_type"] == "product_view"
    )
    ranked = [count for _, count in viewed.most_common()]
    assert ranked[0] > 5 * ranked[20]
    hours = Counter(r["timestamp"][11:13] for r in shop_day.clean_records())
    assert hours["20"] > 4 * hours["04"]


def test_a_format_a_shape_does_not_have_names_those_it_has(
    tmp_path: Path, call: Callable[..., Result]
) -> None:
    result = call("--out", tmp_path, "--shape", "D", "--format", "json")
    assert result.exit_code == 2
    assert "choose csv" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rate", 5), "--duration"),
        (("--rate", 5, "--duration", 1, "--start", "2024-11-29T00"), "--start"),
        (("--sessions", 10, "--events", 1000), "3 to 20"),
        (("--start", "2024-11-29 00:00"), "2026-11-20T10"),
        (("--shape", "E", "--format", "csv"), "json"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(
    tmp_path: Path, arguments: tuple[object, ...], words: str, call: Callable[..., Result]
) -> None:
    result = call("--out", tmp_path, *arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_the_number_of_sessions_can_be_asked_for(
    tmp_path: Path, make_day: Callable[..., Day]
) -> None:
    day = make_day(tmp_path, "--sessions", 120, "--events", 600, *NO_FAULTS)
    assert day.summary["organic_events"] == 600
    assert day.summary["expected"]["sessions"] == 120


def test_a_drip_takes_its_time_and_has_the_rate_asked_for(
    tmp_path: Path, make_day: Callable[..., Day]
) -> None:
    began = datetime.now(UTC)
    day = make_day(tmp_path, "--rate", 200, "--duration", 3, *NO_FAULTS, "--bots", 0)
    ended = datetime.now(UTC)
    assert 2.9 < (ended - began).total_seconds() < 15
    assert day.summary["is_complete"]
    assert day.summary["lines"] == day.summary["organic_events"] == 600
    assert len(day.files()) in {3, 4}
    moments = [datetime.fromisoformat(record["timestamp"]) for record in day.clean_records()]
    assert began <= min(moments) and max(moments) <= ended
    assert {m.strftime("%Y-%m-%dT%H") for m in moments} == {p.parent.name for p in day.files()}
    sessions = Counter(record["session_id"] for record in day.clean_records())
    assert all(3 <= count <= 20 for count in sessions.values())


def test_an_interrupted_drip_leaves_whole_files_and_their_truth(unread_day: Day) -> None:
    day = unread_day
    command = [sys.executable, "-c", PROGRAM, "--rate", "100", "--duration", "60"]
    command += ["--out", str(day.landing), "--truth", str(day.truth)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        patience = time.monotonic() + 30
        while not day.landing.exists() or not day.files():
            assert time.monotonic() < patience, "no file within 30 seconds"
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 0
    assert json.loads(output)["is_complete"] is False
    assert not day.summary["is_complete"]
    assert day.summary["organic_events"] < 6000
    assert all(not re.search(r"\.tmp$", path.name) for path in day.files())
    assert day.summary["files"] == {name: len(lines) for name, lines in day.raw_lines().items()}
    names = sum(day.summary["expected"]["events_by_name"].values())
    assert names == day.summary["organic_events"] > 0

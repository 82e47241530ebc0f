"""`clickstream query` from the outside."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from clickstream_platform.cli import main
from clickstream_platform.queries.render import MOST_ROWS_SHOWN, cell, plain
from clickstream_platform.settings import Settings


@pytest.fixture
def query(tiny: Settings, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tiny.home))  # and give it back after --home

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--home", str(tiny.home), "query", *arguments])

    return call


def test_json_is_an_array_of_rows(query) -> None:  # noqa: ANN001
    done = query("revenue_by_hour", "--format", "json", "--param", "from=2026-11-20T11")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [
        {
            "event_hour": "2026-11-20T11",
            "currency": "USD",
            "orders": 1,
            "units": 1,
            "revenue": 20.5,
            "average_order_value": 20.5,
        }
    ]
    assert json.loads(query("select 1 as n where false", "--format", "json").stdout) == []


def test_csv_keeps_cents_times_and_nested_values(query) -> None:  # noqa: ANN001
    sql = (
        "select revenue, window_start, is_final, [1, 2] as pair, null as nothing "
        "from gold.v_revenue_5min where units = 0 and traffic = 'all'"
    )
    done = query(sql, "--format", "csv")
    assert done.stdout.splitlines() == [
        "revenue,window_start,is_final,pair,nothing",
        '0.50,2026-11-20T11:05:00Z,false,"[1, 2]",',
    ]


def test_no_csv_cell_is_a_formula(query) -> None:  # noqa: ANN001
    sql = "select '=1+1' as a, '-2' as b, 'x=1' as c, -2 as n"
    assert query(sql, "--format", "csv").stdout.splitlines() == ["a,b,c,n", "'=1+1,'-2,x=1,-2"]
    assert json.loads(query(sql, "--format", "json").stdout)[0]["a"] == "=1+1"


def test_the_table_groups_money_and_writes_rates_in_percent(query) -> None:  # noqa: ANN001
    done = query(
        "select 1234567.5::decimal(12, 2) as revenue, 0.25::double as step_rate, 12345 as n"
    )
    assert "1,234,567.50" in done.stdout
    assert "25.00%" in done.stdout
    assert "12,345" in done.stdout


def test_a_long_table_says_how_many_rows_it_leaves_out(query) -> None:  # noqa: ANN001
    done = query(f"select * from range({MOST_ROWS_SHOWN + 1234})")
    assert "and 1,234 more rows" in done.stdout


def test_parquet_keeps_types(query, tmp_path: Path) -> None:  # noqa: ANN001
    target = tmp_path / "hours.parquet"
    done = query("hourly", "--output", str(target))
    assert done.exit_code == 0, done.output
    assert "2 rows" in done.stderr
    rows = pq.read_table(target)
    assert rows.schema.field("revenue").type == pa.decimal128(22, 2)
    assert rows["revenue"].to_pylist() == [Decimal("30.00"), Decimal("20.50")]


def test_parameters_of_free_sql(query) -> None:  # noqa: ANN001
    sql = "select event_id from gold.fact_events where event_hour = $h order by 1 limit $n"
    done = query(sql, "-p", "h=2026-11-20T10", "-p", "n=2", "--format", "csv")
    assert done.stdout.split() == ["event_id", "e1", "e2"]


def test_the_list_names_every_question(query) -> None:  # noqa: ANN001
    listed = json.loads(query("--list", "--format", "json").stdout)
    assert [q["name"] for q in listed][:2] == ["abandoned_carts", "active_customers"]
    [summary] = [q for q in listed if q["name"] == "check_summary"]
    assert summary["params"] == {"from": "min hour", "to": "max hour"}
    assert summary["choices"] == {}
    [daily] = [q for q in listed if q["name"] == "daily"]
    assert (daily["params"], daily["choices"]) == (
        {"traffic": "human"},
        {"traffic": ["human", "all"]},
    )
    assert "Every hour with events" in " ".join(query("--list").stdout.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name a question"),
        (("hourlies",), "Did you mean hourly"),
        (("daily", "--param", "traffic=bots"), "traffic must be human or all; found 'bots'"),
        (("select x from gold.fact_events",), "Columns of gold.fact_events"),
        (("hourly", "--format", "parquet"), "--output FILE"),
        (("hourly", "--output", "/nowhere/x.csv"), "/nowhere does not exist"),
        (("hourly", "--param", "from"), "not of the form name=value"),
        (("hourly", "--as-of", "noon"), "is not a time"),
        (("hourly", "--version", "9"), "has versions 0"),
        (("hourly", "--version", "0", "--as-of", "2026-01-01"), "not both"),
        (("named_funnel", "-p", "funnel=buy"), "must be checkout or purchase or search, as the"),
        (("attribution", "-p", "model=foo"), "model must be all or first_touch or last_touch"),
        (("anomalies", "-p", "kind=x"), "kind must be all or bot or conversion_rate or events"),
        (("top_products", "-p", "limit=-1"), "limit must be a whole number from 0 on; found '-1'"),
    ],
)
def test_wrong_use_ends_with_2_and_words(query, arguments: tuple[str, ...], words: str) -> None:  # noqa: ANN001
    done = query(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "Traceback" not in done.output


def test_cells_and_plain_values() -> None:
    assert cell(None, pa.string(), "a") == "-"
    assert cell("[bold]", pa.string(), "a") == r"\[bold]"
    assert cell(b"caf\xc3\xa9", pa.binary(), "raw") == "café"
    assert plain({"at": datetime(2026, 1, 1, tzinfo=UTC), "all": (Decimal(3), Decimal("0.1"))}) == {
        "at": "2026-01-01T00:00:00Z",
        "all": [3, 0.1],
    }


@pytest.mark.parametrize(
    ("value", "kind", "name", "shown"),
    [
        (0.0512, pa.float64(), "conversion_rate", "5.12%"),
        (0.97, pa.float64(), "agreement", "97.00%"),
        (0.0008333, pa.float64(), "support", "0.000833"),
        (0.0, pa.float64(), "support", "0"),
        (-0.25, pa.float64(), "sessions_change", "-0.25"),
        (1234.5, pa.float64(), "lift", "1,234.50"),
        (Decimal("1234.50"), pa.decimal128(12, 2), "revenue", "1,234.50"),
        (Decimal("2124.500000"), pa.decimal128(38, 6), "credit", "2,124.5"),
        (Decimal("2124.000000"), pa.decimal128(38, 6), "credit", "2,124"),
        (Decimal("0.3333333333333333"), pa.decimal128(17, 16), "conversion_rate", "33.33%"),
        (Decimal("0.3333333333333333"), pa.decimal128(17, 16), "support", "0.333"),
    ],
)
def test_no_number_below_one_looks_like_nothing(
    value: object, kind: pa.DataType, name: str, shown: str
) -> None:
    assert cell(value, kind, name) == shown

"""Every question about the shop, asked of the lake and of a real PostgreSQL by the same SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from clickstream_platform.cli import main
from clickstream_platform.publish.asking import ask
from clickstream_platform.publish.bi import publish_gold, star_schema
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find, is_published, named_queries
from clickstream_platform.settings import Settings
from clickstream_platform.storage import postgres
from clickstream_platform_tests.queries import catalogue_rows, daily_rows, lake_rows
from clickstream_platform_tests.services import postgres_server

pytestmark = [pytest.mark.service, pytest.mark.slow]
QUESTIONS = [name for name, question in named_queries().items() if is_published(question)]
LAKE_ONLY = {
    *("check_results", "check_summary", "check_trend", "complete_through", "costs"),
    "duplicates_by_hour",
    *("hour_freshness", "lateness", "ledger", "quarantine_by_hour", "quarantine_by_source"),
    *("rejected_lines", "warnings"),
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("questions")
    daily_rows.build(home)
    catalogue_rows.build(home)
    found = lake_rows.build(home)
    known = {"session_id": "bought", "client_session_id": "theirs"}
    view = lake_rows.event(9, "page_view", "10:02:30", "v1") | known
    lake_rows.write(home, "gold/fact_events", [view])
    return found


@pytest.fixture(scope="module")
def url(tiny: Settings) -> Iterator[str]:
    """A database with the tiny lake, whose rows leave out columns that are never null."""
    programs = postgres_server.programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL: questions were NOT tested on it (apt-get install postgresql)")
    with postgres_server.server(programs) as address:
        tables = star_schema(tiny.lake)
        with postgres.connect(address) as connection:
            postgres.prepare(connection, tables)
            with connection.transaction():
                for table in tables:
                    _loosen(connection, table.layer, table.name)
        publish_gold(tiny, url=address)
        yield address


def _loosen(connection: psycopg.Connection[Any], schema: str, table: str) -> None:
    key = connection.execute(
        "select conname from pg_constraint where contype = 'p' and conrelid = %s::regclass",
        (f"{schema}.{table}",),
    ).fetchone()
    if key:
        connection.execute(f"alter table {schema}.{table} drop constraint {key[0]}")
    columns = connection.execute(
        "select column_name from information_schema.columns "
        "where table_schema = %s and table_name = %s and is_nullable = 'NO'",
        (schema, table),
    )
    for (column,) in columns.fetchall():
        connection.execute(f'alter table {schema}.{table} alter column "{column}" drop not null')


def plain(value: object) -> object:
    """Numbers of any kind as floats: a rate is numeric there and double here."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return float(value) if is_number else value  # type: ignore[arg-type]


def close_to(value: object) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value


def test_all_questions_about_the_shop_are_asked_of_both() -> None:
    assert set(named_queries()) - set(QUESTIONS) == LAKE_ONLY
    assert len(QUESTIONS) >= 50


# By default, and with each other choice of a parameter: robots left out, another unit ...
ASKED = [
    (name, given)
    for name in QUESTIONS
    for given in (
        {},
        *({param: value} for param, of in find(name).choices.items() for value in of[1:]),
    )
]


@pytest.mark.parametrize(
    ("name", "given"), ASKED, ids=lambda part: part if isinstance(part, str) else str(part or "")
)
def test_postgres_gives_the_answer_of_the_lake(
    name: str, given: dict[str, str], url: str, tiny: Settings
) -> None:
    question = find(name)
    values = question.values(given)
    with Lake(tiny) as lake:
        of_lake = lake.rows(question.sql, values)
    with postgres.connect(url) as connection:
        of_postgres = ask(connection, question.sql, values).to_pylist()
    assert of_lake or given, "an empty answer shows nothing"
    assert len(of_postgres) == len(of_lake)
    for ours, theirs in zip(of_lake, of_postgres, strict=True):
        assert list(theirs) == list(ours)
        for column, value in ours.items():
            assert plain(theirs[column]) == close_to(plain(value)), column


def test_a_question_asked_often_keeps_a_plan_made_for_its_values(url: str) -> None:
    question = find("overview")  # a plan for any traffic looks for a robot beside each event
    with postgres.connect(url) as connection:
        for _ in range(12):
            ask(connection, question.sql, question.values({}))
        [(plans,)] = connection.execute("select count(*) from pg_prepared_statements").fetchall()
    assert plans == 0


def test_the_command_asks_postgres(
    url: str, tiny: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLICKSTREAM_POSTGRES_URL", url)
    base = ["--home", str(tiny.home), "query"]
    found = CliRunner().invoke(
        main, [*base, "top_customers", "--on", "postgres", "--format", "json", "-p", "limit=1"]
    )
    assert [row["customer_id"] for row in json.loads(found.stdout)] == ["v1"]
    for arguments, words in (
        (["ledger", "--on", "postgres"], "asks about the platform itself"),
        (["select 1", "--on", "postgres"], "takes a named question"),
        (["daily", "--on", "postgres", "--as-of", "2026-01-01"], "takes a named question"),
    ):
        refused = CliRunner().invoke(main, [*base, *arguments])
        assert refused.exit_code == 2 and words in refused.stderr, refused.stderr

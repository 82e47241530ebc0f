"""A week of gold in PostgreSQL: killed in the middle, gone on with, and changed in one hour."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from psycopg import sql
from psycopg.rows import dict_row

from benchmarks import gold_lake
from clickstream_platform.publish.bi import publish_gold, star_schema, view_texts
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import named_queries
from clickstream_platform.queries.views import base_tables
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.tables.catalog import BY_PATH
from clickstream_platform.tables.contract import Table
from clickstream_platform_tests.services import postgres_server

pytestmark = [pytest.mark.service, pytest.mark.slow]
DAYS, EVENTS = 7, 15_000
HOUR = "2026-10-03T05"
CHANGED = ("gold/fact_sessions", "gold/hourly_metrics")
KILL_AFTER = 300  # partitions of some 1,600


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    programs = postgres_server.programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL: publishing was NOT tested (apt-get install postgresql)")
    with postgres_server.server(programs) as url:
        yield url


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("week")
    gold_lake.build(home, events=EVENTS, days=DAYS)
    return read_settings(home=home)


def test_a_publisher_killed_in_the_middle_is_gone_on_with_and_equals_gold(
    server: str, week: Settings
) -> None:
    killed_at = publish_and_kill(server, week)
    [(published,)] = ask(server, "select count(*) from clickstream.published")
    assert published >= killed_at
    assert unfinished_partitions(server) == []
    done = publish_gold(week, url=server)
    assert sum(table.skipped for table in done.tables) == published
    assert sum(table.written for table in done.tables) > 0
    for table in star_schema(week.lake):
        assert totals_of_server(server, table) == totals_of_lake(week, table), table.path
    assert not done.waiting_views
    assert set(done.views) == set(view_texts())
    assert len(done.views) == 8
    for view in done.views:
        assert ask(server, f"select count(*) from bi.{view}")[0][0] > 0, view
    sold = "select sum(orders), sum(revenue) from bi"
    assert ask(server, f"{sold}.traffic_sources") == ask(server, f"{sold}.executive_overview")


def test_publishing_one_changed_hour_touches_only_its_rows(server: str, week: Settings) -> None:
    publish_gold(week, url=server)
    tables = star_schema(week.lake)
    before = {table.path: row_versions(server, table) for table in tables}
    for path in CHANGED:
        drop_a_row(week.lake / path)
    done = publish_gold(week, url=server)
    assert {t.table: (t.written, t.removed) for t in done.tables if t.written or t.removed} == {
        "gold/fact_sessions": (1, 0),
        "gold/hourly_metrics": (1, 0),
    }
    for table in tables:
        now = row_versions(server, table)
        if table.path not in CHANGED:
            assert now == before[table.path], table.path
            continue
        others = {row for row in before[table.path] if row[0] != HOUR}
        assert {row for row in now if row[0] != HOUR} == others, table.path
        assert not {row for row in now if row[0] == HOUR} & before[table.path]
        assert totals_of_server(server, table) == totals_of_lake(week, table)


def test_the_named_questions_give_the_same_answers_from_what_was_published(
    server: str, week: Settings
) -> None:
    publish_gold(week, url=server)
    asked = 0
    with Lake(week) as lake, Published(week, server) as published:
        for question in named_queries().values():
            tables = base_tables(question.tables)
            if tables <= set(lake.tables) and any(name.startswith("gold.") for name in tables):
                values = question.values({})
                rows = lake.rows(question.sql, values)
                assert published.rows(question.sql, values) == rows, question.name
                assert ties(question.sql, rows) == [], f"{question.name} leaves its order open"
                asked += 1
    assert asked >= 25


def ties(text: str, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What more than one row has in all columns that the question's last `order by` names."""
    _, _, ordering = text.rpartition("order by")
    words = set(re.findall(r"\w+", ordering.partition("limit")[0]))
    keys = [name for name in rows[0] if name in words] if rows else []
    seen = Counter(tuple(row[key] for key in keys) for row in rows)
    return [key for key, times in seen.items() if times > 1]


class Published(Lake):
    """The lake with its gold taken from PostgreSQL, row by row."""

    def __init__(self, home: Settings, url: str) -> None:
        self._url = url
        super().__init__(home)

    def _opened(self, name: str, version: int | None) -> tuple[str, Sequence[str]]:
        if not name.startswith("gold."):
            return super()._opened(name, version)
        schema = BY_PATH[name.replace(".", "/")].arrow_schema
        with psycopg.connect(self._url, row_factory=dict_row) as connection:
            found = connection.execute(f"select * from {name}").fetchall()  # type: ignore[arg-type]
        rows = [{f.name: as_stored(row[f.name], f.type) for f in schema} for row in found]
        source = f"published_{name.replace('.', '_')}"
        self.sql.register(source, pa.Table.from_pylist(rows, schema=schema))
        return source, schema.names


def as_stored(value: Any, kind: pa.DataType) -> Any:
    """A value as the lake has it: in JSON an amount is a text."""
    if value is None:
        return None
    if pa.types.is_list(kind):
        return [as_stored(inner, kind.value_type) for inner in value]
    if pa.types.is_struct(kind):
        return {field.name: as_stored(value.get(field.name), field.type) for field in kind}
    return Decimal(value) if pa.types.is_decimal(kind) else value


def publish_and_kill(url: str, home: Settings) -> int:
    """Runs `clickstream publish`, and kills it with no chance to tidy up; partitions there then."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CLICKSTREAM_")}
    child = subprocess.Popen(
        [sys.executable, "-m", "clickstream_platform.cli", "publish", "--url", url],
        env={**kept, "CLICKSTREAM_HOME": str(home.home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    count = 0
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            deadline = time.monotonic() + 120
            while count < KILL_AFTER:
                assert child.poll() is None, "it ended before it was killed"
                assert time.monotonic() < deadline
                books = connection.execute("select to_regclass('clickstream.published')").fetchone()
                if books != (None,):
                    [(count,)] = connection.execute("select count(*) from clickstream.published")
    finally:
        child.kill()
        child.wait()
    return count


def unfinished_partitions(url: str) -> list[tuple[Any, ...]]:
    """Partitions whose rows are not as many as their mark says."""
    found = []
    with psycopg.connect(url) as connection:
        tables = connection.execute('select distinct "table" from clickstream.published').fetchall()
        for (path,) in tables:
            layer, _, name = path.partition("/")
            column = connection.execute(
                "select column_name from information_schema.columns where table_schema = %s "
                "and table_name = %s and column_name in ('event_hour', 'event_day') "
                "order by column_name desc limit 1",
                (layer, name),
            ).fetchone()
            key = sql.Identifier(column[0]) if column else sql.SQL("''")
            found += connection.execute(
                sql.SQL(
                    "select marks.partition from clickstream.published as marks full join ("
                    "select {} as partition, count(*) as n from {} group by 1) as rows "
                    'using (partition) where marks."table" = %s and marks.row_count > 0 '
                    "and marks.row_count is distinct from rows.n"
                ).format(key, sql.Identifier(layer, name)),
                (path,),
            ).fetchall()
    return found


def ask(url: str, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(text).fetchall()  # type: ignore[arg-type]


def summed(table: Table) -> list[str]:
    """Rows, and the sum of each whole or decimal number."""
    numbers = [spec.name for spec in table.columns
               if spec.type.simpleString().startswith(("bigint", "decimal"))]  # fmt: skip
    return ["count(*)", *(f'coalesce(sum("{name}"), 0)' for name in numbers)]


def totals_of_server(url: str, table: Table) -> tuple[Any, ...]:
    [row] = ask(url, f"select {', '.join(summed(table))} from {table.sql_name}")
    return row


def totals_of_lake(home: Settings, table: Table) -> tuple[Any, ...]:
    with Lake(home) as lake:
        [row] = lake.rows(f"select {', '.join(summed(table))} from {table.sql_name}")
    return tuple(row.values())


def row_versions(url: str, table: Table) -> set[tuple[Any, ...]]:
    """(partition, place, transaction) of each row: another one once the row was written again."""
    key = table.partition_by or "''"
    return set(ask(url, f"select {key}, ctid::text, xmin::text from {table.sql_name}"))


def drop_a_row(place: Path) -> None:
    """The hour of a table without its first row, in a commit of its own."""
    rows = DeltaTable(str(place)).to_pyarrow_table(filters=[("event_hour", "=", HOUR)])
    kept: pa.Table = rows.slice(1)
    write_deltalake(str(place), kept, mode="overwrite", predicate=f"event_hour = '{HOUR}'")

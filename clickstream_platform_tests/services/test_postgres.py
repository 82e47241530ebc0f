"""Publishing to a real PostgreSQL: equal to gold, only what changed, resumable, clear errors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deltalake import DeltaTable, write_deltalake

from clickstream_platform.errors import UsageError
from clickstream_platform.publish.bi import needs, publish_gold, view_texts
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings
from clickstream_platform.storage import postgres
from clickstream_platform.storage.postgres import PostgresError, Published
from clickstream_platform.tables.marts import FUNNEL_10MIN, HOURLY_METRICS, REVENUE_5MIN
from clickstream_platform_tests.oracle import tiny_home
from clickstream_platform_tests.oracle.tiny_home import ELEVEN, TEN
from clickstream_platform_tests.services import postgres_server

pytestmark = [pytest.mark.service, pytest.mark.slow]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    programs = postgres_server.programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL: publishing was NOT tested (apt-get install postgresql)")
    with postgres_server.server(programs) as url:
        yield url


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> str:
    """A database of the test's own."""
    name = f"t{abs(hash(request.node.name)) % 10**8}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return tiny_home.build(tmp_path)


def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()


def test_what_is_published_equals_gold(url: str, home: Settings) -> None:
    done = publish_gold(home, url=url)
    with Lake(home) as lake:
        for table in done.tables:
            name = table.table.replace("/", ".")
            [row] = lake.rows(f"select count(*) as n from {name}")
            assert ask(url, f"select count(*) from {name}") == [(row["n"],)], name
            assert table.rows == row["n"]
        [gold] = lake.rows("select sum(value) as v from gold.fact_transactions")
    assert ask(url, "select sum(value) from gold.fact_transactions") == [(gold["v"],)]
    assert gold["v"] == Decimal("25.50")
    order = "select items -> 0 ->> 'item_id', ordered_at at time zone 'UTC' from"
    [(item, _)] = ask(url, f"{order} gold.fact_transactions where value = 20")
    assert item == "p1"
    keys = ask(url, "select indexdef from pg_indexes where schemaname = 'gold'")
    assert any("fact_sessions" in text and "UNIQUE" in text for (text,) in keys)
    known = "select reltuples from pg_class where oid = 'gold.fact_events'::regclass"
    assert ask(url, known) == [(7.0,)], "a publication leaves statistics"
    assert any("NULLS NOT DISTINCT" in text and "revenue_5min" in text for (text,) in keys)


def test_every_view_that_can_be_made_answers(url: str, home: Settings) -> None:
    done = publish_gold(home, url=url)
    assert {*done.views, *(name for name, _ in done.waiting_views)} == set(view_texts())
    for name, text in view_texts().items():
        assert needs(text), f"{name} does not say what it needs"
    for name in done.views:
        assert ask(url, f"select count(*) from bi.{name}")[0][0] > 0, name
    [(revenue,)] = ask(url, "select sum(revenue) from bi.executive_overview")
    assert revenue == Decimal("25.50")
    assert ask(url, "select sum(revenue) from bi.product_performance") == [(Decimal("25.50"),)]


def test_an_unchanged_hour_is_not_sent_again_and_a_changed_one_is(url: str, home: Settings) -> None:
    publish_gold(home, url=url)
    again = publish_gold(home, url=url)
    assert sum(table.written for table in again.tables) == 0
    later = tiny_home.session("late", "c", ELEVEN, "11:50:00", "11:51:00", landing_page="\x00=1+1")
    tiny_home.write(home, tiny_home.FACT_SESSIONS, [later])
    changed = {t.table: t for t in publish_gold(home, url=url).tables if t.written}
    assert changed == {"gold/fact_sessions": Published("gold/fact_sessions", 1, 1, 0, 2)}
    hours = "select event_hour, count(*) from gold.fact_sessions group by 1 order by 1"
    assert ask(url, hours) == [(TEN, 2), (ELEVEN, 2)]


def test_a_publication_that_was_cut_off_goes_on_where_it_was(
    url: str, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = postgres._replace

    def cut(connection: Any, table: Any, partition: str, rows: Any, *, content: str) -> int:
        if table.name == "fact_sessions" and partition == ELEVEN:
            connection.execute("select pg_terminate_backend(pg_backend_pid())")
        return whole(connection, table, partition, rows, content=content)

    monkeypatch.setattr(postgres, "_replace", cut)
    with pytest.raises(PostgresError, match="publish again to go on"):
        publish_gold(home, url=url)
    assert ask(url, "select count(*) from gold.fact_events") == [(7,)]
    assert ask(url, "select distinct event_hour from gold.fact_sessions") == [(TEN,)]
    funnels = ask(url, "select count(*) from pg_views where viewname = 'conversion_funnel'")
    assert funnels == [(1,)], "views are made before rows: an older one could add up too much"
    monkeypatch.setattr(postgres, "_replace", whole)
    done = {table.table: table for table in publish_gold(home, url=url).tables}
    assert (done["gold/fact_events"].written, done["gold/fact_events"].skipped) == (0, 2)
    assert (done["gold/fact_sessions"].written, done["gold/fact_sessions"].skipped) == (1, 1)
    assert ask(url, "select count(*) from gold.fact_sessions") == [(3,)]


def test_what_others_built_on_a_view_or_were_granted_outlives_a_publication(
    url: str, home: Settings
) -> None:
    publish_gold(home, url=url)
    with psycopg.connect(url) as connection:
        connection.execute(
            "create view public.mine as select sum(revenue) from bi.executive_overview"
        )
        connection.execute("create view public.ours as select count(*) from gold.session_states")
        connection.execute("grant select on gold.session_states, bi.executive_overview to public")
    publish_gold(home, url=url)
    assert ask(url, "select * from public.mine") == [(Decimal("25.50"),)]
    assert ask(url, "select * from public.ours") == [(3,)]
    granted = "select table_name from information_schema.table_privileges where grantee = 'PUBLIC'"
    names = {name for (name,) in ask(url, granted)}
    assert {"session_states", "executive_overview"} <= names
    with psycopg.connect(url) as connection:  # a view whose columns are no longer ours is made anew
        connection.execute("drop view bi.executive_overview cascade")
        connection.execute("create view bi.executive_overview as select 1 as other")
    publish_gold(home, url=url)
    assert ask(url, "select sum(revenue) from bi.executive_overview") == [(Decimal("25.50"),)]


def test_a_contract_that_grew_adds_its_column(url: str, home: Settings) -> None:
    publish_gold(home, url=url)
    with psycopg.connect(url) as connection:
        connection.execute("alter table gold.fact_sessions drop column is_engaged cascade")
        connection.execute("update clickstream.published set content = 'older'")
    publish_gold(home, url=url)
    assert ask(url, "select count(*) from gold.fact_sessions where is_engaged") == [(2,)]


def test_a_table_published_before_its_key_grew_takes_the_new_key(url: str, home: Settings) -> None:
    publish_gold(home, url=url)
    with psycopg.connect(url) as connection:
        connection.execute("create view public.mine as select sum(events) from gold.hourly_metrics")
        for table in ("hourly_metrics", "revenue_5min"):  # as they were
            connection.execute(f"delete from gold.{table} where traffic = 'human'")
            connection.execute(f"alter table gold.{table} drop column traffic cascade")
        connection.execute("alter table gold.hourly_metrics add primary key (event_hour)")
        connection.execute(
            "create unique index revenue_5min_key on gold.revenue_5min "
            "(window_start, currency, item_category, item_id) nulls not distinct"
        )
    with postgres.connect(url) as connection:
        postgres.prepare(connection, [HOURLY_METRICS, REVENUE_5MIN])
    traffics = "select distinct traffic from gold.hourly_metrics union select traffic from"
    assert ask(url, f"{traffics} gold.revenue_5min") == [("all",)], "rows of before are of all"
    with psycopg.connect(url) as connection:
        connection.execute("update clickstream.published set content = 'older'")
    publish_gold(home, url=url)
    counts = "select traffic, count(*) from gold.{} group by 1 order by 1"
    for table in ("hourly_metrics", "revenue_5min"):
        assert ask(url, counts.format(table)) == [("all", 2), ("human", 2)]
    assert ask(url, "select * from public.mine") == [(13,)], "what others built upon it stays"


def test_a_funnel_published_before_it_had_units_and_modes_takes_the_new_key(
    url: str, home: Settings
) -> None:
    publish_gold(home, url=url)
    of_each = "select unit, mode, count(*) from gold.funnel_10min group by 1, 2 order by 1, 2"
    everything = ask(url, of_each)
    assert [(unit, mode) for unit, mode, _ in everything] == [
        (unit, mode) for unit in ("session", "user") for mode in ("any", "ordered", "strict")
    ]
    with psycopg.connect(url) as connection:  # as it was
        connection.execute("delete from gold.funnel_10min where unit <> 'session' or mode <> 'any'")
        connection.execute(
            "alter table gold.funnel_10min drop column unit cascade, drop column mode cascade"
        )
        connection.execute(
            "alter table gold.funnel_10min add primary key (window_start, traffic, step_no)"
        )
    with postgres.connect(url) as connection:
        postgres.prepare(connection, [FUNNEL_10MIN])
    assert ask(url, of_each) == everything[:1], "rows of before are of visitors in any order"
    with psycopg.connect(url) as connection:
        connection.execute("update clickstream.published set content = 'older'")
    publish_gold(home, url=url)
    assert ask(url, of_each) == everything
    through = "select sum(sessions_at_step) from bi.conversion_funnel"
    assert ask(url, through) == [(5,)], "counted once"


def test_a_home_of_before_the_column_is_published_as_all_traffic(url: str, home: Settings) -> None:
    for table in (HOURLY_METRICS, REVENUE_5MIN):
        path = str(home.lake / table.path)
        rows = DeltaTable(path).to_pyarrow_table(filters=[("traffic", "=", "all")])
        shutil.rmtree(path)
        write_deltalake(path, rows.drop_columns("traffic"), partition_by=["event_hour"])
    publish_gold(home, url=url)
    for table in ("hourly_metrics", "revenue_5min"):
        found = f"select traffic, count(*) from gold.{table} group by 1"
        assert ask(url, found) == [("all", 2)]


def test_a_row_the_server_refuses_leaves_the_hour_as_it_was(url: str, home: Settings) -> None:
    publish_gold(home, url=url)
    twice = tiny_home.session("a", "a", ELEVEN, "11:50:00", "11:51:00")
    tiny_home.write(home, tiny_home.FACT_SESSIONS, [twice, twice])
    with pytest.raises(PostgresError, match="duplicate key"):
        publish_gold(home, url=url)
    assert ask(url, "select count(*) from gold.fact_sessions") == [(3,)]


def test_a_wrong_password_or_server_is_a_clear_error_without_the_password(
    server: str, home: Settings
) -> None:
    with pytest.raises(PostgresError, match="password authentication failed") as refused:
        publish_gold(home, url=server.replace(postgres_server.PASSWORD, "guessed"))
    assert "guessed" not in str(refused.value)
    with pytest.raises(PostgresError, match="Check `postgres_url`"):
        publish_gold(home, url="postgresql://shop@127.0.0.1:1/x")
    with pytest.raises(UsageError, match="postgres_url"):
        publish_gold(home)

"""The lake's views of gold in PostgreSQL, so that a named question runs there as it stands.

Data: views in schema `gold`; `ops.progress`; what views take from settings in `clickstream`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import psycopg
from psycopg import sql

from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import PROGRESS
from clickstream_platform.queries.variables import variables
from clickstream_platform.queries.views import VIEW_DIR, mentioned, view_texts
from clickstream_platform.settings import Settings

OWN_DIR = VIEW_DIR / "postgres"  # where PostgreSQL needs other words than DuckDB
# What DuckDB has and PostgreSQL lacks; a view finds them when it is made.
_PREPARE = """
create schema if not exists clickstream;
create schema if not exists ops;
create table if not exists clickstream.variable (name text primary key, value text not null);
create table if not exists ops.progress (newest_event_at timestamptz);
create or replace function clickstream.getvariable(wanted text) returns text
    language sql stable parallel safe
    as 'select value from clickstream.variable where name = wanted';
create or replace function clickstream.to_seconds(seconds text) returns interval
    language sql immutable parallel safe
    as 'select make_interval(secs => seconds::double precision)';
"""


def make_views(
    connection: psycopg.Connection[Any], settings: Settings, published: Collection[str]
) -> tuple[str, ...]:
    """Every view of gold that `published` tables are enough for, as now defined; their names."""
    wanted = views_of(published)
    connection.execute(_PREPARE)
    _set_variables(connection, settings)
    connection.execute("set local search_path = clickstream, public")
    for name in wanted:
        put_view(connection, name, text_of(name))
    return wanted


def put_view(connection: psycopg.Connection[Any], name: str, text: str) -> None:
    """Makes `schema.view` of a text of ours, in place of what it was.

    What others were granted on it and their views upon it stay, unless its columns changed: then it
    and those views are dropped first, as PostgreSQL has no other way.
    """
    view, body = sql.Identifier(*name.split(".")), sql.SQL(text)
    try:
        with connection.transaction():
            connection.execute(sql.SQL("create or replace view {} as {}").format(view, body))
    except psycopg.errors.InvalidTableDefinition:
        connection.execute(sql.SQL("drop view {} cascade").format(view))
        connection.execute(sql.SQL("create view {} as {}").format(view, body))


def views_of(published: Collection[str]) -> tuple[str, ...]:
    """The views of gold that can be made from these tables, each after what it reads."""
    found: list[str] = []

    def is_there(name: str) -> bool:
        if name in published or name in found or name == PROGRESS:
            return True
        if not name.startswith("gold.") or name not in view_texts():
            return False
        if not all(is_there(part) for part in sorted(mentioned(text_of(name)))):
            return False
        found.append(name)
        return True

    for name in view_texts():
        is_there(name)
    return tuple(found)


def text_of(view: str) -> str:
    """The view's SQL as PostgreSQL takes it."""
    own = OWN_DIR / f"{view}.sql"
    return own.read_text(encoding="utf-8") if own.exists() else view_texts()[view]


def _set_variables(connection: psycopg.Connection[Any], settings: Settings) -> None:
    connection.execute("delete from clickstream.variable")
    for name, value in variables(settings).items():
        connection.execute(
            "insert into clickstream.variable (name, value) values (%s, %s)", (name, str(value))
        )
    with Lake(settings) as lake:
        newest = lake.rows(f"from {PROGRESS}") if "ops.hour_state" in lake.tables else []
    connection.execute("delete from ops.progress")
    at = newest[0]["newest_event_at"] if newest else None
    connection.execute("insert into ops.progress values (%s)", (at,))

"""Gold in PostgreSQL, and the views that BI tools start from.

Data: schema `gold` as the contracts say, schema `bi` with one view per file of `views/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from clickstream_platform.errors import UsageError
from clickstream_platform.publish.star import make_views, put_view
from clickstream_platform.settings import Settings
from clickstream_platform.storage import delta, postgres
from clickstream_platform.storage.postgres import PostgresError, Published
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.catalogue import VERSIONED as CATALOGUE
from clickstream_platform.tables.contract import Table

VIEW_DIR = Path(__file__).parent / "views"
_NEEDS = re.compile(r"^-- needs: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Publication:
    """Tables in the order of the catalogue; the lake's views; BI views, and what some wait for."""

    tables: tuple[Published, ...]
    lake_views: tuple[str, ...]
    views: tuple[str, ...]
    waiting_views: tuple[tuple[str, str], ...]


def star_schema(lake: Path) -> list[Table]:
    """The gold tables that exist, and the catalogue that their dimensions are views of."""
    return [
        table
        for table in ALL
        if (table.layer == "gold" or table in CATALOGUE) and delta.exists(lake, table)
    ]


def publish_gold(
    settings: Settings,
    *,
    url: str | None = None,
    on_table: Callable[[Published], None] | None = None,
) -> Publication:
    """Brings PostgreSQL up to date with gold; what did not change is not sent.

    Raises: UsageError without an address or without gold, PostgresError.
    """
    address = url or settings.postgres_url
    if not address:
        raise UsageError(
            "No PostgreSQL is named: set `postgres_url` (CLICKSTREAM_POSTGRES_URL) or give --url, "
            "like postgresql://user@localhost:5432/shop."
        )
    tables = star_schema(settings.lake)
    if not any(table.layer == "gold" for table in tables):
        raise UsageError(f"{settings.lake} holds no gold table yet; build it: `clickstream run`.")
    done: list[Published] = []
    with postgres.connect(address) as connection:
        postgres.prepare(connection, tables)
        # Before the rows: a view of an earlier version may know fewer keys, and would add up too
        # much. Rows of before have all columns by now.
        of_lake, made, waiting = _make_views(
            connection, settings, {table.sql_name for table in tables}
        )
        for table in tables:
            done.append(postgres.publish(connection, settings.lake, table))
            if on_table is not None:
                on_table(done[-1])
        _analyse(connection, [table.table for table in done if table.written or table.removed])
    return Publication(tuple(done), of_lake, made, waiting)


@cache
def view_texts() -> dict[str, str]:
    """The SQL of each BI view by its name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(VIEW_DIR.glob("*.sql"))}


def needs(text: str) -> set[str]:
    """The tables and views of gold that a view is made from, as its file says."""
    match = _NEEDS.search(text)
    return set() if match is None else {part.strip() for part in match.group(1).split(",")}


def _analyse(connection: psycopg.Connection[Any], paths: list[str]) -> None:
    """Statistics of these tables, so that the first question is planned as well as later ones."""
    try:
        with connection.transaction():
            for path in paths:
                connection.execute(sql.SQL("analyze {}").format(sql.Identifier(*path.split("/"))))
    except psycopg.Error as error:
        raise PostgresError(f"Tables cannot be analysed: {' '.join(str(error).split())}") from error


def _make_views(
    connection: psycopg.Connection[Any], settings: Settings, existing: set[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]]:
    made, waiting = [], []
    try:
        with connection.transaction():
            of_lake = make_views(connection, settings, existing)
            connection.execute("create schema if not exists bi")
            for name, text in view_texts().items():
                missing = sorted(needs(text) - existing - {*of_lake})
                if missing:
                    waiting.append((name, ", ".join(missing)))
                    continue
                put_view(connection, f"bi.{name}", text)
                made.append(name)
    except psycopg.Error as error:
        raise PostgresError(f"The views cannot be made: {' '.join(str(error).split())}") from error
    return of_lake, tuple(made), tuple(waiting)

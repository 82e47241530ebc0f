"""A named question, asked of PostgreSQL: the same SQL, its parameters bound by the driver."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from clickstream_platform.errors import UsageError
from clickstream_platform.queries.named import NamedQuery, is_published
from clickstream_platform.storage import postgres

# A question reads a million rows and is asked once: compiling it takes longer than it saves, and
# with PostgreSQL's own 4 MB of memory a grouping of sessions goes to disk.
_SETTINGS = "set local time zone 'UTC'; set local jit = off; set local work_mem = '64MB'"
_PARAMETER = re.compile(r"\$([A-Za-z_]\w*)")


def ask(connection: psycopg.Connection[Any], text: str, values: Mapping[str, object]) -> pa.Table:
    """The answer's rows; times are UTC."""
    bound = _PARAMETER.sub(r"%(\1)s", text.replace("%", "%%"))
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        # A file of ours, or the user's own SQL; prepared, it might get a plan that knows no values.
        cursor.execute(sql.SQL(bound), dict(values), prepare=False)
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if rows:
        return pa.Table.from_pylist(rows)
    return pa.table({name: pa.nulls(0) for name in names})


def answer(url: str | None, question: NamedQuery, values: Mapping[str, object]) -> pa.Table:
    """The answer of the database that `postgres_url` names.

    Raises: UsageError without an address or for a question that reads more, PostgresError.
    """
    if not url:
        raise UsageError("No PostgreSQL is named: set `postgres_url` (CLICKSTREAM_POSTGRES_URL).")
    if not is_published(question):
        raise UsageError(
            f"{question.name} asks about the platform itself, which is not published; "
            "ask the lake: leave out --on."
        )
    with postgres.connect(url) as connection:
        try:
            return ask(connection, question.sql, values)
        except psycopg.Error as error:
            words = " ".join(str(error).split())
            raise postgres.PostgresError(
                f"PostgreSQL cannot answer: {words} Is it up to date? `clickstream publish`"
            ) from error

"""`clickstream query`: a named question or SQL in, an answer out."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TextIO

import click
import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from clickstream_platform.errors import UsageError
from clickstream_platform.queries import render
from clickstream_platform.queries.lake import Lake, QueryError, parse_moment
from clickstream_platform.queries.named import (
    find,
    free_value,
    is_name,
    is_published,
    named_queries,
)
from clickstream_platform.queries.variables import values_in
from clickstream_platform.settings import settings

FORMATS = ("table", "csv", "json", "parquet")
SUFFIXES = {".csv": "csv", ".json": "json", ".parquet": "parquet"}


@click.command()
@click.argument("name_or_sql", required=False)
@click.option(
    "--param", "-p", "params", multiple=True, metavar="K=V", help="A parameter; may be repeated."
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    help="Of the answer.  [by the ending of --output, else table]",
)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file."
)
@click.option(
    "--version", type=click.IntRange(0), help="Delta version of the tables that are read."
)
@click.option("--as-of", metavar="TIME", help="Tables as they were then (ISO 8601, UTC).")
@click.option(
    "--only",
    "only",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Keep only these rows of every table; may be repeated.",
)
@click.option(
    "--on",
    "engine",
    type=click.Choice(("lake", "postgres")),
    default="lake",
    show_default=True,
    help="Who answers a named question: the lake, or what was published.",
)
@click.option("--list", "is_list", is_flag=True, help="List the named questions.")
def query(
    *,
    name_or_sql: str | None,
    params: tuple[str, ...],
    file_format: str | None,
    output: Path | None,
    version: int | None,
    as_of: str | None,
    only: tuple[str, ...],
    engine: str,
    is_list: bool,
) -> None:
    """Answer a named question (see --list), or any SELECT over the tables of the lake.

    \b
    clickstream query top_products --param limit=5 --param from=2024-11-29T10
    clickstream query "select event_name, count(*) from gold.fact_events group by all"
    """
    if is_list:
        _list(as_json=file_format == "json")
        return
    if not name_or_sql:
        raise UsageError("Name a question (--list shows them) or give SQL in quotes.")
    chosen = _format(file_format, output)
    given = pairs(params)
    if engine == "postgres":
        if version is not None or as_of or only or not is_name(name_or_sql):
            raise UsageError("--on postgres takes a named question, as it was published last.")
        from clickstream_platform.publish.asking import answer  # noqa: PLC0415 (slow, seldom)

        question = find(name_or_sql.strip())
        values = values_in(settings(), question, given)
        found = answer(settings().postgres_url, question, values)
        _told(_write(found.to_reader(), chosen, output), output)
        return
    if is_name(name_or_sql):
        question = find(name_or_sql.strip())
        sql, values = question.sql, values_in(settings(), question, given)
    else:
        sql, values = name_or_sql, {name: free_value(text) for name, text in given.items()}
    moment = None if as_of is None else parse_moment(as_of)
    kept = {name: _truth(text) for name, text in pairs(only, option="--only").items()}
    with Lake(settings(), version=version, as_of=moment, only=kept) as lake:
        try:
            rows = lake.run(sql, values)
            count = _write(rows, chosen, output)
        except (duckdb.Error, pa.ArrowException) as error:
            raise QueryError(f"The query failed while it ran: {error}") from error
    _told(count, output)


def _told(count: int, output: Path | None) -> None:
    if output is not None:
        click.echo(f"{count:,} rows in {output}", err=True)


def _write(rows: pa.RecordBatchReader, chosen: str, output: Path | None) -> int:
    if chosen == "parquet":
        if output is None:  # _format does not let it come to this
            raise UsageError("Parquet needs --output.")
        return render.write_parquet(rows, output)
    target = nullcontext(sys.stdout) if output is None else _open(output)
    with target as out:
        if chosen == "csv":
            return render.write_csv(rows, out)
        if chosen == "json":
            return render.write_json(rows, out)
        return render.print_table(rows, Console(file=out))


def _open(output: Path) -> TextIO:
    return output.open("w", encoding="utf-8", newline="")


def _format(given: str | None, output: Path | None) -> str:
    chosen = given or (SUFFIXES.get(output.suffix, "table") if output else "table")
    if output is None and chosen == "parquet":
        raise UsageError("Parquet is not for a terminal: name a file with --output FILE.")
    if output is not None and not output.absolute().parent.is_dir():
        raise UsageError(f"--output {output}: the folder {output.parent} does not exist.")
    return chosen


def _truth(text: str) -> str | bool:
    return {"true": True, "false": False}.get(text, text)


def pairs(params: tuple[str, ...], *, option: str = "--param") -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{option} {text!r} is not of the form name=value.")
        pairs[name.strip()] = value.strip()
    return pairs


def _list(*, as_json: bool) -> None:
    queries = named_queries().values()
    if as_json:
        keys = ("name", "description", "tables", "params", "choices", "metrics")
        listed = [
            {**{key: getattr(q, key) for key in keys}, "on_postgres": is_published(q)}
            for q in queries
        ]
        click.echo(json.dumps(listed))
        return
    table = Table(header_style="bold")
    for heading in ("question", "answers, and what it reads", "parameters"):
        table.add_column(heading)
    for q in queries:
        reads = f"[dim]{', '.join(q.tables)}[/]"
        table.add_row(q.name, f"{q.description}\n{reads}", ", ".join(q.usage))
    Console().print(table)

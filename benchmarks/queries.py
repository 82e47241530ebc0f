"""How long the questions about the shop take, on the lake and on PostgreSQL, and that both agree.

    python -m benchmarks.queries --home HOME [--rounds 20] [--postgres URL]

HOME is a home that was built before. Each question is asked `--rounds` times with its default
parameters after one warm-up, from opening the tables to the last row; the table shows the median
and the 95th percentile. Without URL a private PostgreSQL is started and gold is published to it.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import psycopg
from rich.console import Console
from rich.table import Table

from clickstream_platform.publish.asking import ask
from clickstream_platform.publish.bi import publish_gold
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import NamedQuery, is_published, named_queries
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.storage import postgres
from clickstream_platform_tests.services import postgres_server

LIMIT_S = 1.0
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Measured:
    """One question; times in seconds."""

    name: str
    rows: int
    lake: tuple[float, ...]
    postgres: tuple[float, ...]
    agrees: bool


@click.command()
@click.option("--home", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--rounds", default=20, show_default=True)
@click.option("--postgres", "url", metavar="URL", help="A database to publish to.")
def main(home: Path, rounds: int, url: str | None) -> None:
    """Measure every question on both engines."""
    current = read_settings(home=home)
    with _server(url) as address:
        start = time.perf_counter()
        publish_gold(current, url=address)
        click.echo(f"published in {time.perf_counter() - start:.1f} s")
        with postgres.connect(address) as connection:
            connection.autocommit = True
            connection.execute("analyze")
            found = [
                _measured(current, connection, question, rounds)
                for question in named_queries().values()
                if is_published(question)
            ]
    with Lake(current) as lake:
        [events] = lake.rows("select count(*) as n from gold.fact_events")
    _print(found, int(str(events["n"])), rounds)


@contextlib.contextmanager
def _server(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    programs = postgres_server.programs()
    if programs is None:
        raise click.ClickException("No PostgreSQL: apt-get install postgresql, or give --postgres.")
    with postgres_server.server(programs) as address:
        yield address


def _measured(
    current: Settings, connection: psycopg.Connection[Any], question: NamedQuery, rounds: int
) -> Measured:
    values = question.values({})

    def of_lake() -> Rows:
        with Lake(current) as lake:
            return lake.rows(question.sql, values)

    def of_postgres() -> Rows:
        return ask(connection, question.sql, values).to_pylist()

    ours, theirs = of_lake(), of_postgres()
    return Measured(
        name=question.name,
        rows=len(ours),
        lake=_times(of_lake, rounds),
        postgres=_times(of_postgres, rounds),
        agrees=_plain(ours) == _plain(theirs),
    )


def _times(asked: Callable[[], Rows], rounds: int) -> tuple[float, ...]:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        asked()
        times.append(time.perf_counter() - start)
    return tuple(times)


def _plain(rows: Rows) -> list[dict[str, object]]:
    """Numbers to nine digits: a rate is numeric there and double here."""
    return [
        {
            name: f"{float(value):.9g}" if isinstance(value, float | Decimal | int) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _p95(times: tuple[float, ...]) -> float:
    return sorted(times)[-(-len(times) * 95 // 100) - 1]


def _print(found: list[Measured], events: int, rounds: int) -> None:
    table = Table(title=f"{len(found)} questions over {events:,} events, {rounds} times each")
    for name in ("question", "rows", "lake p50 s", "p95", "PostgreSQL p50 s", "p95", "agree"):
        table.add_column(name, justify="left" if name == "question" else "right")
    for one in sorted(found, key=lambda one: -_p95(one.lake)):
        times = [f(t) for t in (one.lake, one.postgres) for f in (statistics.median, _p95)]
        shown = [f"[red]{t:.3f}[/]" if t >= LIMIT_S else f"{t:.3f}" for t in times]
        table.add_row(one.name, f"{one.rows:,}", *shown, "yes" if one.agrees else "[red]NO[/]")
    console = Console(width=120)
    console.print(table)
    slow = [one.name for one in found if max(_p95(one.lake), _p95(one.postgres)) >= LIMIT_S]
    apart = [one.name for one in found if not one.agrees]
    console.print(f"at {LIMIT_S:.0f} s or above: {', '.join(slow) or 'none'}")
    console.print(f"other answers: {', '.join(apart) or 'none'}")


if __name__ == "__main__":
    main()

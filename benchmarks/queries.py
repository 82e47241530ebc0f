"""How long the questions about the shop take, on the lake and on PostgreSQL, and that both agree.

    python -m benchmarks.queries --home HOME [--rounds 20] [--postgres URL]

HOME is a home that was built before. Each question is asked `--rounds` times with its default
parameters after one warm-up, from opening the tables to the last row; the table shows the median
and the 95th percentile, and the CPU seconds of one time: on a busy machine compare these. Those of
PostgreSQL are of the server's process for our connection and the workers it had; a server on
another machine has none. Without URL a private PostgreSQL is started and gold is published to it.
It fails if a question takes LIMIT_S or more at the 95th percentile, or the engines differ.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import psutil
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
class Cost:
    """What one engine took; `times` in seconds, `cpu_s` per time, null if it cannot be seen."""

    times: tuple[float, ...]
    cpu_s: float | None

    @property
    def p95(self) -> float:
        return sorted(self.times)[-(-len(self.times) * 95 // 100) - 1]

    @property
    def cells(self) -> tuple[str, str, str]:
        cpu = "" if self.cpu_s is None else f"{self.cpu_s:.3f}"
        return _shown(statistics.median(self.times)), _shown(self.p95), cpu


@dataclass(frozen=True)
class Measured:
    """One question on both engines."""

    name: str
    rows: int
    lake: Cost
    postgres: Cost
    agrees: bool


@click.command()
@click.option("--home", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--rounds", default=20, show_default=True)
@click.option("--postgres", "url", metavar="URL", help="A database to publish to.")
@click.option("--only", metavar="NAME", multiple=True, help="Only this question; may be repeated.")
def main(home: Path, rounds: int, url: str | None, only: tuple[str, ...]) -> None:
    """Measure every question on both engines."""
    current = read_settings(home=home)
    with _server(url) as address:
        start = time.perf_counter()
        publish_gold(current, url=address)
        click.echo(f"published in {time.perf_counter() - start:.1f} s")
        with postgres.connect(address) as connection:
            connection.autocommit = True
            found = [
                _measured(current, connection, question, rounds)
                for question in named_queries().values()
                if is_published(question) and (not only or question.name in only)
            ]
    with Lake(current) as lake:
        [events] = lake.rows("select count(*) as n from gold.fact_events")
    _print(found, int(str(events["n"])), rounds)
    if not _passed(found):
        raise click.exceptions.Exit(1)


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
        lake=_cost(of_lake, rounds, time.process_time),
        postgres=_cost(of_postgres, rounds, _server_cpu_s(connection)),
        agrees=_plain(ours) == _plain(theirs),
    )


def _cost(asked: Callable[[], Rows], rounds: int, cpu_s: Callable[[], float] | None) -> Cost:
    times = []
    before = cpu_s() if cpu_s else 0.0
    for _ in range(rounds):
        start = time.perf_counter()
        asked()
        times.append(time.perf_counter() - start)
    return Cost(tuple(times), (cpu_s() - before) / rounds if cpu_s else None)


def _server_cpu_s(connection: psycopg.Connection[Any]) -> Callable[[], float] | None:
    """The CPU so far of the connection's process and of workers that ended; null if elsewhere."""
    if connection.info.host not in ("127.0.0.1", "localhost"):
        return None
    process = psutil.Process(connection.info.backend_pid)
    server = process.parent()

    def cpu_s() -> float:
        mine = process.cpu_times()
        ended = server.cpu_times() if server else None
        of_workers = ended.children_user + ended.children_system if ended else 0.0
        return float(mine.user + mine.system + of_workers)

    return cpu_s


def _plain(rows: Rows) -> list[dict[str, object]]:
    """Numbers to nine digits: a rate is numeric there and double here."""
    return [
        {
            name: f"{float(value):.9g}" if isinstance(value, float | Decimal | int) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _shown(seconds: float) -> str:
    return f"[red]{seconds:.3f}[/]" if seconds >= LIMIT_S else f"{seconds:.3f}"


def _print(found: list[Measured], events: int, rounds: int) -> None:
    load = os.getloadavg()[0]
    table = Table(
        title=f"{len(found)} questions over {events:,} events, {rounds} times each, load {load:.1f}"
    )
    engines = [f"{engine} {part}" for engine in ("lake", "PG") for part in ("p50 s", "p95", "CPU")]
    for name in ("question", "rows", *engines, "agree"):
        table.add_column(name, justify="left" if name == "question" else "right")
    for one in sorted(found, key=lambda one: -max(one.lake.p95, one.postgres.p95)):
        agrees = "yes" if one.agrees else "[red]NO[/]"
        table.add_row(one.name, f"{one.rows:,}", *one.lake.cells, *one.postgres.cells, agrees)
    console = Console(width=120)
    console.print(table)
    for words, slow in (
        (f"p95 at {LIMIT_S:.0f} s or above", _above(found, lambda cost: cost.p95)),
        (f"CPU at {LIMIT_S:.0f} s or above", _above(found, lambda cost: cost.cpu_s or 0.0)),
        ("other answers", [one.name for one in found if not one.agrees]),
    ):
        console.print(f"{words}: {', '.join(slow) or 'none'}")


def _passed(found: Collection[Measured]) -> bool:
    return all(one.agrees for one in found) and not _above(found, lambda cost: cost.p95)


def _above(found: Collection[Measured], seconds: Callable[[Cost], float]) -> list[str]:
    return [one.name for one in found if max(seconds(one.lake), seconds(one.postgres)) >= LIMIT_S]


if __name__ == "__main__":
    main()

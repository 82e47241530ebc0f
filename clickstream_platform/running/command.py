"""`clickstream run`: ingests what is new and repairs what is stale, through Dagster."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from clickstream_platform.errors import ClickstreamError, UsageError
from clickstream_platform.hours import parse_hour
from clickstream_platform.running.bar import LONGEST_RUN_S, began
from clickstream_platform.settings import settings

if TYPE_CHECKING:
    from clickstream_platform.running.outcome import Outcome


class ChecksFailedError(ClickstreamError):
    """The run worked, but a blocking rule kept hours out of their table."""


@click.command("run")
@click.option("--from", "first", metavar="HOUR", help="First home hour, like 2024-11-29T00.")
@click.option("--to", "last", metavar="HOUR", help="Last home hour, included.")
@click.option("--source", metavar="NAME", help="Ingest only this source's files.")
@click.option("--select", "select", metavar="TABLES", help="Only these, like gold/fact_sessions.")
@click.option("--force", is_flag=True, help="Rebuild the hours even if nothing changed.")
@click.option("--exact", is_flag=True, help="Repair nothing outside --from/--to, nor daily marts.")
@click.option("--dry-run", "dry", is_flag=True, help="Say what it would cost, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def run(  # noqa: PLR0917 (click passes every option)
    first: str | None,
    last: str | None,
    source: str | None,
    select: str | None,
    force: bool,
    exact: bool,
    dry: bool,
    as_json: bool,
) -> None:
    """Bring bronze, silver and gold up to date.

    Without options: ingest every new landing file, then rebuild every stale hour, then the
    daily marts and the marts over all time that are stale. With --from and
    --to: the landing files and home hours of that range first, then whatever is stale (unless
    --exact).
    """
    _check_range(first, last, force=force, exact=exact)
    work = importlib.import_module("clickstream_platform.running.work")  # heavy: Dagster, Spark

    started = time.monotonic()
    console = Console(stderr=True)
    with _progress(console) as progress:
        done = work.bring_up_to_date(
            settings(),
            work.Request(first, last, source, _tables(select), force=force, exact=exact, dry=dry),
            on_plan=_planner(progress),
            say=partial(progress.console.print, highlight=False),
        )
    if dry:
        return
    seconds = time.monotonic() - started
    if as_json:
        click.echo(done.as_json(seconds))
    else:
        _print(Console(), done, seconds)
    blocked = [report for report in done.reports if report.blocked_by]
    if blocked:
        listed = ", ".join(f"{r.table} {r.hour} ({r.blocked_by})" for r in blocked[:5])
        raise ChecksFailedError(
            f"{len(blocked)} hours were held back by a blocking rule: {listed}. "
            "See `clickstream query rejected_lines`."
        )


def _check_range(first: str | None, last: str | None, *, force: bool, exact: bool) -> None:
    if (first is None) != (last is None):
        raise UsageError("--from and --to go together.")
    if first and last and parse_hour(first) > parse_hour(last):
        raise UsageError(f"--from {first} is later than --to {last}.")
    if (force or exact) and not first:
        raise UsageError("--force and --exact need --from and --to.")


def _tables(select: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in select.split(",")) if select else ()


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("hours"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        speed_estimate_period=LONGEST_RUN_S,
        disable=not sys.stderr.isatty(),
    )


def _planner(progress: Progress) -> Callable[[str, int], Callable[[int], None]]:
    """A callback that adds a bar per phase and returns what moves it on."""

    def on_plan(description: str, total: int) -> Callable[[int], None]:
        return partial(progress.advance, began(progress, description, total))

    return on_plan


def _print(console: Console, done: Outcome, seconds: float) -> None:
    if not done.reports:
        console.print(f"Nothing to do: every hour is up to date ({seconds:.1f} s).")
        return
    table = Table(title=f"{done.run_count} runs, {seconds:.1f} s")
    for name in ("table", "hours", "changed", "rows", "checks"):
        table.add_column(name, justify="left" if name in ("table", "checks") else "right")
    for path, rows in done.by_table().items():
        table.add_row(
            path,
            f"{len(rows):,}",
            f"{sum(not row.unchanged for row in rows):,}",
            f"{sum(row.row_count for row in rows):,}",
            _checks(row.red_rules for row in rows),
        )
    console.print(table)


def _checks(red: Iterable[tuple[str, ...]]) -> str:
    counts: dict[str, int] = {}
    for rules in red:
        for rule in rules:
            counts[rule] = counts.get(rule, 0) + 1
    if not counts:
        return "all passed"
    return ", ".join(f"{rule} in {count} h" for rule, count in sorted(counts.items()))

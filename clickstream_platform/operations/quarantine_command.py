"""`clickstream quarantine`: look at rejected lines, repair them, and judge them again."""

from __future__ import annotations

import getpass
import importlib
import json
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from clickstream_platform.errors import UsageError
from clickstream_platform.hours import parse_hour
from clickstream_platform.operations import quarantine
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import settings


@click.group("quarantine")
def quarantine_group() -> None:
    """Look at rejected lines, repair them, and judge them again."""


def _choosing(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which lines."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON object."),
        click.option("--source", metavar="NAME", help="Only lines of this source."),
        click.option("--hours", metavar="H[..H]", help="Only these home hours."),
        click.option("--rule", metavar="REASON", help="Only lines with this reason."),
    ):
        command = option(command)
    return command


@quarantine_group.command("list")
@_choosing
def list_lines(*, rule: str | None, hours: str | None, source: str | None, as_json: bool) -> None:
    """Count rejected lines by hour, source, reason and status."""
    with Lake(settings()) as lake:
        rows = quarantine.counts(lake, _chosen(rule, hours, source))
    if as_json:
        click.echo(json.dumps({"rejected": rows}))
        return
    names = ("event_hour", "source", "reason", "status", "lines", "remedy")
    table = Table(title="Rejected lines" if rows else "No line is rejected.")
    for name in names:
        table.add_column(name, justify="right" if name == "lines" else "left")
    for row in rows:
        table.add_row(*[str(row[name]) for name in names])
    Console().print(table)


@quarantine_group.command("show")
@_choosing
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1))
@click.option("--unmasked", is_flag=True, help="Show ids and addresses as they came.")
def show_lines(
    *,
    rule: str | None,
    hours: str | None,
    source: str | None,
    as_json: bool,
    limit: int,
    unmasked: bool,
) -> None:
    """Show single lines, with what was found and what to do."""
    with Lake(settings()) as lake:
        rows = quarantine.lines(lake, _chosen(rule, hours, source), limit=limit, unmasked=unmasked)
    if as_json:
        click.echo(json.dumps({"lines": rows}))
        return
    for row in rows:
        click.secho(f"{row['source_file']}:{row['source_offset']}", bold=True, nl=False)
        click.echo(f"  {row['event_hour']}  {row['status']}  {', '.join(row['reasons'] or ())}")
        click.echo(f"  {row['raw']}")
        for name in ("detail", "replacement"):
            if row[name]:
                click.echo(f"  {name}: {row[name]}")
        for text in row["remedies"]:
            click.secho(f"  {text}", dim=True)


@quarantine_group.command("replay")
@_choosing
@click.option("--fix", metavar="SQL", help="Expression over raw that gives the right line.")
@click.option("--discard", is_flag=True, help="Decide that the lines stay rejected.")
@click.option("--author", help="Who decides.  [the user's name]")
def replay_lines(
    *,
    rule: str | None,
    hours: str | None,
    source: str | None,
    as_json: bool,
    fix: str | None,
    discard: bool,
    author: str | None,
) -> None:
    """Judge rejected lines again: repaired by --fix, or after a corrected mapping.

    A fix is an SQL expression over a line: raw (text), raw_bytes, source, reasons, detail,
    event_hour, source_file, source_offset; null leaves a line alone. Bronze keeps what came.
    """
    if fix and discard:
        raise UsageError("--fix and --discard exclude each other.")
    if discard and not (rule or hours or source):
        raise UsageError("--discard needs --rule, --hours or --source.")
    chosen = _chosen(rule, hours, source)
    replaying = importlib.import_module("clickstream_platform.running.replaying")  # heavy: Spark
    done = replaying.replay(
        settings(), chosen, author=author or getpass.getuser(), fix=fix, discard=discard
    )
    if as_json:
        click.echo(json.dumps(done))
        return
    click.echo(
        f"{done['selected']} lines chosen, {done['decided']} new decisions, "
        f"{done['moved']} lines in another hour, {len(done['hours'])} hours made stale, "
        f"{done['still_rejected']} of the chosen lines are still rejected."
    )


def _chosen(rule: str | None, hours: str | None, source: str | None) -> dict[str, Any]:
    first, _, last = (hours or "").partition("..")
    for hour in (first, last):
        if hour:
            parse_hour(hour)
    return {"rule": rule, "source": source, "first": first or None, "last": last or first or None}

"""`clickstream logs`: all services in one stream, in order of time."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from clickstream_platform.errors import UsageError
from clickstream_platform.operations.log_reader import (
    LEVELS,
    Entry,
    GrowingLog,
    Wanted,
    log_files,
    parse_since,
)
from clickstream_platform.settings import settings

POLL_S = 0.5
COLOURS = {
    "debug": "dim",
    "info": "green",
    "warning": "yellow",
    "error": "red",
    "critical": "bold red",
}


@click.command()
@click.option("--service", help="Only this one: cli, run, engine, …")
@click.option("--run", "run_id", metavar="RUN_ID", help="Only this run; the first digits do.")
@click.option("--level", type=click.Choice(LEVELS), help="This level and above.")
@click.option("--since", metavar="AGO", help="10m, 2h, 1d ago, or an ISO 8601 time (UTC).")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written from now on.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
def logs(
    *,
    service: str | None,
    run_id: str | None,
    level: str | None,
    since: str | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Show the logs of all services, merged in order of time."""
    folder = settings().logs
    start = None if since is None else parse_since(since, datetime.now(UTC))
    wanted = Wanted(service=service, run_id=run_id, level=level, since=start)
    growing: dict[Path, GrowingLog] = {}
    found = _read(folder, growing)
    services = sorted({log.service for log in growing.values()})
    if service is not None and service not in services and not follow:
        raise UsageError(f"No service {service!r} has logged in {folder}. Services: {services}.")
    console = Console(soft_wrap=True, highlight=False)
    _show(found, wanted, console, as_json=as_json)
    while follow:
        time.sleep(POLL_S)
        _show(_read(folder, growing), wanted, console, as_json=as_json)


def _read(folder: Path, growing: dict[Path, GrowingLog]) -> list[Entry]:
    for path in log_files(folder):
        growing.setdefault(path, GrowingLog(path))
    entries = [entry for log in growing.values() for entry in log.read()]
    return sorted(entries, key=attrgetter("ts"))


def _show(entries: list[Entry], wanted: Wanted, console: Console, *, as_json: bool) -> None:
    for entry in entries:
        if not wanted.takes(entry):
            continue
        if as_json:
            click.echo(json.dumps(entry.as_object(), ensure_ascii=False))
        else:
            console.print(_line(entry))


def _line(entry: Entry) -> Text:
    line = Text()
    line.append(f"{entry.ts:%Y-%m-%d %H:%M:%S}.{entry.ts.microsecond // 1000:03d} ", style="dim")
    line.append(f"{entry.level:<8} ", style=COLOURS[entry.level])
    line.append(f"{entry.service} ", style="cyan")
    if entry.run_id:
        line.append(f"[{entry.run_id[:8]}] ", style="magenta")
    line.append(entry.event)
    trace = entry.fields.get("exception")
    for name, value in entry.fields.items():
        if name not in ("exception", "logger"):
            line.append(f" {name}=", style="dim")
            line.append(str(value))
    if trace:
        line.append(f"\n{trace}", style="red")
    return line

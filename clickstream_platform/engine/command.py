"""`clickstream engine`: look at, start and stop the home's Spark engine."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from clickstream_platform.engine.server import Engine, EngineStatus
from clickstream_platform.settings import settings

HINTS = {
    "stopped": "It starts by itself when something needs Spark, or by `clickstream engine start`.",
    "crashed": "The next run starts a new one by itself; the log tells why this one ended.",
    "remote": "The setting engine.remote names a cluster: nothing is started or stopped here.",
}
COLOURS = {"running": "green", "starting": "yellow", "crashed": "red", "remote": "cyan"}


@click.group(name="engine")
def engine_group() -> None:
    """The warm Spark that all runs of this home share."""


@engine_group.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def status(*, as_json: bool) -> None:
    """Show whether it runs, since when, with how much memory, and how the last one ended."""
    _show(Engine(settings()).status(), as_json=as_json)


@engine_group.command()
def start() -> None:
    """Start it now, so that the first run does not wait (about 10 s)."""
    engine = Engine(settings())
    console = Console(stderr=True)
    with console.status("Starting Spark …"):
        engine.ensure()
    _show(engine.status(), as_json=False)


@engine_group.command()
def stop() -> None:
    """Stop it; runs in progress fail, committed tables stay as they are."""
    engine = Engine(settings())
    before = engine.status()
    console = Console()
    if before.state == "remote":
        console.print(HINTS["remote"])
        return
    if before.client_count:
        console.print(f"[yellow]{before.client_count} client(s) are connected and lose their work.")
    with Console(stderr=True).status("Stopping Spark …"):
        stopped = engine.stop()
    console.print(f"Stopped (pid {before.pid})." if stopped else "No engine was running.")


def as_object(found: EngineStatus) -> dict[str, object]:
    """The status as JSON knows it: times in ISO 8601, paths as text."""
    return {
        key: value.isoformat(timespec="seconds")
        if isinstance(value, datetime)
        else str(value)
        if isinstance(value, Path)
        else value
        for key, value in asdict(found).items()
    }


def _show(found: EngineStatus, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_object(found)))
        return
    table = Table(show_header=False, box=None)
    colour = COLOURS.get(found.state, "white")
    table.add_row("state", f"[bold {colour}]{found.state}")
    memory = None if found.memory_bytes is None else f"{found.memory_bytes / 2**20:,.0f} MiB"
    rows = {
        "endpoint": found.url,
        "pid": found.pid,
        "memory": memory,
        "started": found.started_at,
        "clients": found.client_count if found.pid else None,
        "idle since": found.idle_since,
        "last exit": found.last_exit,
        "log": found.log,
    }
    for name, value in rows.items():
        if value is not None:
            text = f"{value:%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else str(value)
            table.add_row(name, text)
    console = Console()
    console.print(table)
    if found.state in HINTS:
        console.print(HINTS[found.state], style="dim")

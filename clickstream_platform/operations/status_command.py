"""`clickstream status`: the home at a glance."""

from __future__ import annotations

import json
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table

from clickstream_platform.operations.build_costs import cost_line
from clickstream_platform.operations.status import (
    HomeStatus,
    TableStatus,
    home_status,
)
from clickstream_platform.operations.stream_status import StreamStatus
from clickstream_platform.operations.warning_counts import warning_line
from clickstream_platform.settings import settings

COLOURS = {"passed": "green", "warned": "yellow", "failed": "red", "unchecked": "dim"}
_PIPE_WIDTH = 400


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def status(*, as_json: bool) -> None:
    """Show every table's rows, hours, size and checks; landing, cost, engine, Dagster."""
    found = home_status(settings())
    if as_json:
        click.echo(json.dumps(found.as_object(), ensure_ascii=False))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    _print(found, console)


def _print(found: HomeStatus, console: Console) -> None:
    console.print(f"[bold]{found.home}[/]  newest event: {_when(found.newest_event_at)}")
    if found.tables:
        console.print(_tables(found))
    else:
        console.print(
            "No table yet. Put files into landing/<source>/<hour>/ (or `clickstream generate --out "
            f"{found.home / 'landing'}`), then `clickstream run`.",
            highlight=False,
        )
    landing = found.landing
    console.print(
        f"landing: {landing.unseen_files + landing.waiting_files:,} waiting, "
        f"{landing.claimed_files:,} in work, {landing.committed_files:,} in bronze, "
        f"{landing.failed_files:,} failed"
    )
    for path, error in landing.failures:
        console.print(f"  failed: {path}: {error}", style="red", markup=False, highlight=False)
    if found.warnings:
        console.print(warning_line(found.warnings), markup=False, highlight=False)
    if found.costs:
        console.print(cost_line(found.costs), markup=False, highlight=False)
    for tick in found.ticks:
        console.print(
            f"{tick.sensor}: {tick.at[:19].replace('T', ' ')}  {tick.said}",
            style="red" if tick.given_up else "",
            markup=False,
            highlight=False,
        )
    for stream in found.streams:
        console.print(_stream(stream), markup=False, highlight=False)
    console.print(f"engine: {found.engine['state']}")
    if found.dagster is None:
        console.print("dagster: no local instance yet")
        return
    state = "alive" if found.dagster.daemon_is_alive else "not running"
    console.print(
        f"dagster: daemon {state} (last heartbeat {_when(found.dagster.last_heartbeat_at)}), "
        f"{found.dagster.unfinished_runs} unfinished run(s)"
    )
    for name, switched in {**found.dagster.sensors, **found.dagster.schedules}.items():
        console.print(f"  {name}: {switched}")


def _stream(stream: StreamStatus) -> str:
    state = stream.phase
    if state in ("starting", "running") and not stream.is_alive:
        state = "dead"
    lag = "unknown" if stream.lag is None else f"{stream.lag:,}"
    words = (
        f"stream {stream.source}: {state}, lag {lag}, {stream.lines:,} lines since its start, "
        f"{stream.lines_per_s:,.0f} a second, last commit {stream.committed_at or '-'}"
    )
    if stream.given_up:
        words += f"; GIVEN UP: {', '.join(stream.given_up[:5])}, see `clickstream alerts check`"
    return f"{words}; {stream.error}" if stream.error else words


def _tables(found: HomeStatus) -> Table:
    table = Table(header_style="bold")
    numbers = ("rows", "hours", "version", "size", "files", "stale")
    for heading in (
        *("table", "rows", "hours", "newest hour", "version", "size", "files"),
        *("last commit", "checks", "stale", "complete through"),
    ):
        table.add_column(heading, justify="right" if heading in numbers else "left")
    for row in found.tables:
        table.add_row(
            row.table,
            f"{row.rows:,}",
            "-" if row.hours is None else f"{row.hours:,}",
            row.newest_hour or "-",
            str(row.version),
            human_bytes(row.size_bytes),
            f"{row.files:,}",
            _when(row.last_commit_at),
            _checks(row),
            "-" if row.stale_hours is None else f"{row.stale_hours:,}",
            "-" if row.complete_through is None else f"{row.complete_through:%Y-%m-%d %H:%M}",
        )
    return table


def _checks(row: TableStatus) -> str:
    counts = {"red": row.red_hours, "warned": row.warned_hours, "blocked": row.blocked_hours}
    words = ", ".join(f"{n:,} {name}" for name, n in counts.items() if n)
    text = f"{row.check_state} ({words} hours)" if words else row.check_state
    return f"[{COLOURS[row.check_state]}]{text}[/]"


def human_bytes(count: float) -> str:
    """A size with a binary unit: `1.2 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:,.0f} B" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def _when(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"

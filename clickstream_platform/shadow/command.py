"""`clickstream shadow`: gold by new rules beside the lake; what would change; the swap."""

from __future__ import annotations

import importlib
import json
import sys
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from clickstream_platform.errors import UsageError
from clickstream_platform.hours import parse_hour
from clickstream_platform.running.bar import LONGEST_RUN_S, began
from clickstream_platform.settings import settings

if TYPE_CHECKING:
    from clickstream_platform.build.workspace import Workspace
    from clickstream_platform.shadow.compare import Difference


@click.group("shadow")
def shadow_group() -> None:
    """Try new rules or settings for gold before anybody sees their numbers.

    `build` makes hourly gold beside the lake with the code and settings of this call, `diff` says
    what would change, `swap` puts it in place in one commit per table, `discard` forgets it. A
    daemon rebuilds the lake by the code and settings it has: stop it before the swap, and start it
    with the new ones after it.
    """


@shadow_group.command("build")
@click.option("--from", "first", metavar="HOUR", help="First hour.  [the first there is]")
@click.option("--to", "last", metavar="HOUR", help="Last hour, included.  [the last there is]")
@click.option("--json", "as_json", is_flag=True, help="The differences as one JSON list.")
def build(first: str | None, last: str | None, *, as_json: bool) -> None:
    """Build hourly gold in the shadow, and say what a swap would change."""
    module = importlib.import_module("clickstream_platform.shadow.build")
    progress = importlib.import_module("clickstream_platform.build.progress")
    workspace = _workspace()
    hours = _hours(workspace, first, last)
    with _bar() as bar:
        task = began(bar, "gold beside the lake", len(hours))
        with progress.listening(lambda done: bar.advance(task, done)):
            module.build(workspace, hours, run_id=f"shadow-{uuid.uuid4()}")
    _show(workspace, as_json=as_json)


@shadow_group.command("diff")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def diff(*, as_json: bool) -> None:
    """Say what a swap would change: hours, rows and columns of each table."""
    _show(_workspace(), as_json=as_json)


@shadow_group.command("swap")
@click.option("--yes", is_flag=True, help="Do not ask.")
def swap(*, yes: bool) -> None:
    """Put the shadow in place of the lake's gold. Daily marts follow with the next run."""
    workspace = _workspace()
    importlib.import_module("clickstream_platform.shadow.build").built(workspace)
    if not yes:
        click.confirm("Replace gold by the shadow?", abort=True)
    module = importlib.import_module("clickstream_platform.shadow.swap")
    replaced = module.swap(workspace, run_id=f"shadow-{uuid.uuid4()}")
    for table, hours in replaced.items():
        click.echo(f"{table}: {hours} hours replaced")
    click.echo("`clickstream run` brings the daily marts up to date.")


@shadow_group.command("discard")
def discard() -> None:
    """Remove the shadow; the lake stays as it is."""
    module = importlib.import_module("clickstream_platform.shadow.build")
    click.echo("Removed." if module.discard(settings()) else "There is no shadow.")


def _workspace() -> Workspace:
    workspaces = importlib.import_module("clickstream_platform.build.workspace")
    client = importlib.import_module("clickstream_platform.engine.client")
    current = settings()
    return workspaces.Workspace(current, lambda: client.shared_session(current))


def _hours(workspace: Workspace, first: str | None, last: str | None) -> list[str]:
    """Hours of silver within the range."""
    states = importlib.import_module("clickstream_platform.storage.hour_state")
    for given in (first, last):
        if given:
            parse_hour(given)
    known = states.of_table(states.current(workspace.lake), "silver/events")
    hours = [
        hour
        for hour in sorted(known)
        if (first is None or hour >= first) and (last is None or hour <= last)
    ]
    if not hours:
        raise UsageError(
            f"Silver has no hour from {first or 'the beginning'} to {last or 'the end'}. "
            "Which hours there are says `clickstream status`."
        )
    return hours


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("hours"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        speed_estimate_period=LONGEST_RUN_S,
        disable=not sys.stderr.isatty(),
    )


def _show(workspace: Workspace, *, as_json: bool) -> None:
    module = importlib.import_module("clickstream_platform.shadow.compare")
    found: list[Difference] = module.compare(workspace)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found]))
        return
    differing = [one for one in found if not one.is_none]
    if differing:
        Console().print(_table(differing))
    for one in differing:
        if one.columns:
            columns = ", ".join(f"{name} ({count:,})" for name, count in one.columns.items())
            click.echo(f"Rows of {one.table} change in {columns}.")
    if same := len(found) - len(differing):
        click.echo(f"A swap would change no row of {same} tables.")


def _table(differing: Sequence[Difference]) -> Table:
    """Hours and rows of each: in a narrow terminal a number folds, no name or digit is cut."""
    shown = Table(Column("table", no_wrap=True), box=SIMPLE_HEAD, padding=0, show_edge=False)
    for heading in ("hours", "changed", "held back", "rows gone", "new", "changed"):
        shown.add_column(heading, justify="right", overflow="fold")
    for one in differing:
        numbers = (
            one.hours, len(one.changed_hours), len(one.blocked_hours),
            one.only_before, one.only_after, one.changed,
        )  # fmt: skip
        shown.add_row(one.table, *[f"{number:,}" for number in numbers])
    return shown

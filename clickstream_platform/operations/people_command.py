"""`clickstream people`: show the ids of a person, cut a link that joins two, or restore it."""

from __future__ import annotations

import getpass
import importlib
import json
from collections.abc import Callable
from typing import Literal

import click
from rich.console import Console
from rich.table import Table

from clickstream_platform.operations import people
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import settings
from clickstream_platform.storage.identity import CUT, RESTORE, Decision


@click.group("people")
def people_group() -> None:
    """Show who is who, and take apart ids that are not one person."""


@people_group.command("show")
@click.argument("name", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(name: str, *, as_json: bool) -> None:
    """Show the ids of the person behind an ID, and the links that join them."""
    with Lake(settings()) as lake:
        found = people.of_id(lake, name)
    if as_json:
        click.echo(json.dumps(found, default=str))
        return
    for key, columns in (
        ("ids", ("person_id", "id_kind", "id", "guards")),
        ("links", ("visitor_id", "user_id", "events", "first_at", "last_at", "is_cut")),
    ):
        table = Table(title=f"{key} of {name}" if found[key] else f"{name} has no {key}.")
        for column in columns:
            table.add_column(column)
        for row in found[key]:
            table.add_row(*[_shown(row[column]) for column in columns])
        Console().print(table)


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _deciding(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--author", help="Who decides.  [the user's name]"),
        click.option("--reason", help="Why, kept beside the decision."),
        click.option("--no-run", is_flag=True, help="Only decide; the next run does the rest."),
        click.argument("user", metavar="ACCOUNT"),
        click.argument("visitor", metavar="VISITOR"),
    ):
        command = option(command)
    return command


@people_group.command("unmerge")
@_deciding
def unmerge(
    visitor: str, user: str, *, author: str | None, reason: str | None, no_run: bool
) -> None:
    """Cut the link of a VISITOR and an ACCOUNT: they are as if never seen together."""
    _decide(visitor, user, CUT, author=author, reason=reason, no_run=no_run)


@people_group.command("restore")
@_deciding
def restore(
    visitor: str, user: str, *, author: str | None, reason: str | None, no_run: bool
) -> None:
    """Take back the cut of a VISITOR and an ACCOUNT."""
    _decide(visitor, user, RESTORE, author=author, reason=reason, no_run=no_run)


def _decide(
    visitor: str,
    user: str,
    action: Literal["cut", "restore"],
    *,
    author: str | None,
    reason: str | None,
    no_run: bool,
) -> None:
    decision = Decision(visitor, user, action, author or getpass.getuser(), reason)
    with Lake(settings()) as lake:
        is_new = people.decide(lake, decision)
    click.echo(f"{'Decided' if is_new else 'Decided before'}: {action} {visitor} - {user}.")
    if no_run:
        click.echo("`clickstream run` brings the persons up to date.")
        return
    work = importlib.import_module("clickstream_platform.running.work")  # heavy: Dagster, Spark
    runs = work.bring_up_to_date(settings(), work.Request(), on_plan=lambda _, __: lambda _n: None)
    click.echo(f"{runs.run_count} runs brought the persons up to date.")

"""`clickstream doctor`: what is missing here, and how to fix it."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clickstream_platform.operations.doctor import as_object, examine
from clickstream_platform.settings import settings

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}
FAILED_EXIT = 3


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool) -> None:
    """Check Python, packages, Java, JARs, disk, memory, engine and Dagster; exit 3 if one fails."""
    findings = examine(settings())
    if as_json:
        click.echo(json.dumps(as_object(findings), ensure_ascii=False))
    else:
        table = Table(show_header=False, box=None, padding=(0, 1))
        for finding in findings:
            mark, colour = MARKS[finding.verdict]
            words = Text(finding.found)
            if finding.fix:
                words.append(f"\n→ {finding.fix}", style="bold")
            table.add_row(Text(mark, style=colour), Text(finding.check), words)
        Console().print(table)
    if any(finding.verdict == "fail" for finding in findings):
        ctx.exit(FAILED_EXIT)

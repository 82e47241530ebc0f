"""`clickstream verify`: proves the laws and says which row broke which."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console
from rich.table import Table

from clickstream_platform.oracle.findings import Report
from clickstream_platform.oracle.verify import VERIFIABLE
from clickstream_platform.oracle.verify import verify as prove
from clickstream_platform.settings import read_settings


@click.command(name="verify")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--table",
    "tables",
    multiple=True,
    type=click.Choice(VERIFIABLE),
    help="Only the laws of this table; may be repeated.",
)
def verify(*, as_json: bool, tables: tuple[str, ...]) -> None:
    """Prove from the files up that no line was lost and every table is right.

    An independent engine (DuckDB over delta-rs) computes every table again from the landing
    files and compares row for row. Exit code 0: all laws hold; 1: a law is broken.
    """
    report = prove(
        read_settings(),
        tables=tables or None,
        progress=lambda phase: click.echo(f"proving {phase} …", err=True),
    )
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        _print(report, Console())
    sys.exit(0 if report.ok else 1)


def _print(report: Report, console: Console) -> None:
    table = Table(title="Laws")
    for heading in ("law", "verdict", "checked", "violations", "seconds"):
        table.add_column(heading, justify="left" if heading in ("law", "verdict") else "right")
    for law in report.laws:
        verdict = "[green]holds[/]" if law.ok else "[red]broken[/]"
        counts = (f"{law.checked:,}", f"{law.violations:,}", f"{law.seconds:.1f}")
        table.add_row(law.law, verdict, *counts)
    console.print(table)
    for law in report.laws:
        for finding in law.findings:
            console.print(finding.words, markup=False, highlight=False)
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    console.print(
        f"{report.lines:,} lines = {report.accepted:,} accepted + {report.duplicates:,} duplicates "
        f"+ {report.quarantined:,} quarantined + {report.pending:,} pending; "
        f"{report.pending_files:,} files pending, {report.archived:,} lines archived, "
        f"{report.streamed:,} lines streamed; "
        f"{report.seconds:.1f} s"
    )

"""`clickstream source`: tries a mapping on a sample, or proposes one for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from clickstream_platform.errors import UsageError
from clickstream_platform.sources.loader import load_source
from clickstream_platform.sources.proposal import SampleError, proposed_mapping

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def source() -> None:
    """Mappings of trackers: try one on a sample, or have one proposed."""


@source.command()
@click.argument("mapping", type=_FILE)
@click.argument("sample", type=_FILE)
@click.option("--rows", default=5, show_default=True, help="Rows shown of each kind.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def check(*, mapping: Path, sample: Path, rows: int, as_json: bool) -> None:
    """Show what the pipeline would make of SAMPLE with MAPPING, and what it would reject.

    The lines go through the pipeline's own steps on the home's engine, which starts if it does
    not run; nothing is stored. Exit code 1 if a line would be rejected.
    """
    found = load_source(mapping)  # a wrong mapping is told before the engine starts
    from clickstream_platform.build.workspace import Workspace  # noqa: PLC0415 (imports Spark)
    from clickstream_platform.engine.client import shared_session  # noqa: PLC0415
    from clickstream_platform.operations.source_check import (  # noqa: PLC0415
        SourceReport,
        check_sample,
    )
    from clickstream_platform.settings import settings  # noqa: PLC0415

    current = settings()
    workspace = Workspace(current, lambda: shared_session(current))
    try:
        report: SourceReport = check_sample(workspace, found, sample, shown=rows)
    except OSError as error:
        raise UsageError(f"{sample} cannot be read as {found.format}: {error}") from error
    if as_json:
        click.echo(json.dumps(report.as_dict(), default=str))
    else:
        _show(report.as_dict())
    click.get_current_context().exit(1 if report.verdicts.get("quarantined") else 0)


@source.command()
@click.argument("sample", type=_FILE)
def propose(*, sample: Path) -> None:
    """Print a first mapping for files like SAMPLE (JSON, CSV, Parquet; no engine needed)."""
    try:
        click.echo(proposed_mapping(sample), nl=False)
    except SampleError as error:
        raise UsageError(str(error)) from error


def _show(report: dict) -> None:
    console = Console()
    counts = ", ".join(f"{count} {name}" for name, count in report["verdicts"].items())
    console.print(f"[bold]{report['source']}[/]: {report['lines']} lines: {counts or 'none'}")
    for title in ("reasons", "warnings", "patches"):
        for name, value in report[title].items():
            console.print(f"  {title[:-1]} [yellow]{name}[/]: {value}", highlight=False)
    for title in ("events", "rejected"):
        if not report[title]:
            continue
        filled = [name for name in report[title][0] if any(row[name] for row in report[title])]
        table = Table(*filled, title=title)
        for row in report[title]:
            table.add_row(*(_cell(row[name]) for name in filled))
        console.print(table)


def _cell(value: Any) -> str:
    """A value as a person reads it: of products what, how many and at which price."""
    if isinstance(value, list):
        return "\n".join(_product(part) if isinstance(part, dict) else str(part) for part in value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return "" if value is None else str(value)


def _product(item: Mapping[str, Any]) -> str:
    text = " ".join(str(item[n]) for n in ("item_id", "item_name", "item_brand") if item[n])
    count = f" x {item['quantity']}" if item["quantity"] is not None else ""
    price = f" at {item['price']}" if item["price"] is not None else ""
    return f"{text or '(no id)'}{count}{price}"

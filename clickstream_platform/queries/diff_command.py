"""`clickstream diff`: why a number is another than it was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import click

from clickstream_platform.errors import UsageError
from clickstream_platform.queries.command import pairs
from clickstream_platform.queries.diff import Change, Difference, difference
from clickstream_platform.queries.lake import parse_moment
from clickstream_platform.queries.named import find, free_value, is_name
from clickstream_platform.queries.variables import values_in
from clickstream_platform.settings import settings

SHOWN = 20


@click.command()
@click.argument("name_or_sql")
@click.option("--since", required=True, metavar="TIME", help="The earlier moment (ISO 8601, UTC).")
@click.option("--until", metavar="TIME", help="The later moment.  [now]")
@click.option(
    "--param", "-p", "params", multiple=True, metavar="K=V", help="A parameter; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="For machines, with every change.")
def diff(
    *, name_or_sql: str, since: str, until: str | None, params: tuple[str, ...], as_json: bool
) -> None:
    """Say what changed an answer between two moments: its numbers, the hours, the files.

    \b
    clickstream diff overview --since 2026-11-20T10:00
    clickstream diff daily --since 2026-11-20 --until 2026-11-21 --json
    """
    given = pairs(params)
    if is_name(name_or_sql):
        question = find(name_or_sql.strip())
        sql, values = question.sql, values_in(settings(), question, given)
    else:
        sql, values = name_or_sql, {name: free_value(text) for name, text in given.items()}
    first = parse_moment(since)
    last = datetime.now(UTC) if until is None else parse_moment(until)
    if first >= last:
        raise UsageError(f"--since {since} is not before the later moment {last.isoformat()}.")
    found = difference(settings(), sql, values, first, last)
    if as_json:
        click.echo(json.dumps(as_dict(found, name_or_sql, values, first, last), default=str))
        return
    for line in told(found, first, last):
        click.echo(line)


def as_dict(
    found: Difference, asked: str, values: Mapping[str, object], since: datetime, until: datetime
) -> dict[str, object]:
    """Everything, for machines."""
    return {
        "query": asked,
        "params": dict(values),
        "since": since.isoformat(),
        "until": until.isoformat(),
        **asdict(found),
        "changes": [{**asdict(change), "by": change.by} for change in found.changes],
    }


def told(found: Difference, since: datetime, until: datetime) -> list[str]:
    """The same in sentences."""
    span = f"between {since:%Y-%m-%d %H:%M:%S} and {until:%Y-%m-%d %H:%M:%S} UTC"
    if not found.changes:
        return [f"No number changed {span}."]
    lines = [f"{_count(len(found.changes), 'number')} changed {span}:"]
    lines += _some([f"  {_sentence(change)}" for change in found.changes])
    for table, keys in found.partitions.items():
        lines.append(f"{table} was built anew for {_listed(keys)}.")
    if found.hours:
        lines.append(f"Events changed in {_listed(found.hours)}.")
    if found.files:
        lines.append("Lines that came in between:")
        lines += _some(
            [
                f"  {cause.source_file}: {_count(cause.lines, 'line')}"
                + (f" of {cause.hour}, {cause.accepted:,} accepted" if cause.hour else "")
                for cause in found.files
            ]
        )
    if found.other_rules:
        lines.append(f"Rules, mappings or settings changed for {_listed(found.other_rules)}.")
    if found.repairs:
        lines.append(f"{_count(found.repairs, 'decision')} on rejected lines (ops.repairs).")
    if not (found.files or found.other_rules or found.repairs):
        lines.append("No line came in between: the tables had not caught up with bronze before.")
    return lines


def _sentence(change: Change) -> str:
    where = ", ".join(f"{name} {value}" for name, value in change.row.items())
    by = "" if change.by is None else f" ({change.by:+,})"
    numbers = f"{change.column} {_shown(change.then)} -> {_shown(change.now)}{by}"
    return f"{where}: {numbers}" if where else numbers


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return f"{value:,}" if not isinstance(value, bool) and isinstance(value, int) else str(value)


def _some(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"  and {rest:,} more; --json shows all"] if rest > 0 else [])]


def _listed(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:5])
    return shown if len(keys) <= 5 else f"{shown} and {len(keys) - 5:,} more"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

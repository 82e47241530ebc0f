"""The newest rows of a table as Markdown, without what would tell who they are about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clickstream_platform.build.report import HourReport
from clickstream_platform.report.masking import hidden, masked
from clickstream_platform.storage.preview import some_rows
from clickstream_platform.tables.contract import ColumnSpec, Table

ROWS = 5
COLUMNS = 12  # more do not fit beside each other
WIDEST = 60


def newest_rows(lake: Path, table: Table, reports: Sequence[HourReport]) -> str | None:
    """Rows of the newest hour that a build wrote; null if it wrote none."""
    written = [report.hour for report in reports if report.row_count and not report.unchanged]
    if not written:
        return None
    hour = max(written)
    return markdown(table, hour, some_rows(lake, table, hour, limit=ROWS))


def markdown(table: Table, hour: str, rows: Sequence[dict[str, Any]]) -> str:
    """A table of the rows; a column with personal data keeps its shape only."""
    columns = [spec for spec in table.columns if rows and spec.name in rows[0]][:COLUMNS]
    if not columns:
        return f"No rows in {hour}."
    lines = [
        f"{len(rows)} rows of {hour}; personal data is masked.\n",
        f"| {' | '.join(spec.name for spec in columns)} |",
        f"|{' --- |' * len(columns)}",
    ]
    lines += [f"| {' | '.join(_cell(spec, row[spec.name]) for spec in columns)} |" for row in rows]
    return "\n".join(lines)


def _cell(spec: ColumnSpec, value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bytes):
        text = masked(value)
    else:
        text = hidden(str(value)) if spec.pii else str(value)
    text = " ".join(text.split())[:WIDEST]
    return text.replace("|", "\\|").replace("<", "&lt;")

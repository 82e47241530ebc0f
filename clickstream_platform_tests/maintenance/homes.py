"""Homes whose small tables are full of small files, without an engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pyarrow as pa

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.settings import read_settings
from clickstream_platform.storage import delta
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.ops import CONSERVATION_LEDGER

NOW = datetime(2024, 11, 29, 20, 30, tzinfo=UTC)
HOURS = tuple(f"2024-11-29T{hour:02}" for hour in range(10, 18))  # closed at NOW
RUNNING = "2024-11-29T20"


def home(
    folder: Path, tables: Sequence[Table] = (CONSERVATION_LEDGER,), **upkeep: int
) -> Workspace:
    """Empty `tables`, and a workspace for which an engine is an error."""
    workspace = Workspace(read_settings(home=folder, maintenance=upkeep), _no_engine)
    for table in tables:
        delta.init_table(workspace.lake, table, None)
    return workspace


def _no_engine() -> NoReturn:
    raise AssertionError("this needs no engine")


def append_lines(workspace: Workspace, hour: str, lines: int) -> int:
    """One small commit of one row into the hour's ledger; the version."""
    row = dict.fromkeys(CONSERVATION_LEDGER.column_names, 0) | {
        "ingest_hour": hour,
        "home_hour": hour,
        "source": "shop",
        "lines": lines,
        "run_id": "test",
    }
    made = pa.Table.from_pylist([row], schema=CONSERVATION_LEDGER.arrow_schema)
    return delta.append_arrow(made, workspace.lake, CONSERVATION_LEDGER, run_id="test").version


def lines_of(workspace: Workspace, *, version: int | None = None) -> list[tuple[str, int]]:
    """(hour, lines) of the ledger, in order."""
    rows = delta.read_arrow(workspace.lake, CONSERVATION_LEDGER, version=version)
    return sorted(zip(rows["home_hour"].to_pylist(), rows["lines"].to_pylist(), strict=True))


def days_ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)

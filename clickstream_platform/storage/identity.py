"""`ops/identity_decisions`: what people decided about links of ids; the links never change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa

from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.tables.contract import SNAPSHOT_KEY
from clickstream_platform.tables.ops import IDENTITY_DECISIONS

CUT: Literal["cut"] = "cut"
RESTORE: Literal["restore"] = "restore"
Pair = tuple[str, str]  # visitor, account


@dataclass(frozen=True)
class Decision:
    """One link cut, or a cut taken back."""

    visitor_id: str
    user_id: str
    action: Literal["cut", "restore"]
    author: str
    reason: str | None = None


def cut_links(lake: Path) -> set[Pair]:
    """The links whose newest decision is a cut; of equal times `restore` counts."""
    if delta.version(lake, IDENTITY_DECISIONS) <= 0:  # version 0 is the empty table
        return set()
    rows = delta.read_arrow(lake, IDENTITY_DECISIONS).to_pylist()
    newest = {
        (row["visitor_id"], row["user_id"]): row["action"]
        for row in sorted(rows, key=lambda row: (row["decided_at"], row["action"]))
    }
    return {pair for pair, action in newest.items() if action == CUT}


def record(lake: Path, decisions: list[Decision], *, run_id: str) -> None:
    """Appends decisions in one commit and notes it, so that the persons are stale.

    Guarantees: after a crash between the two the same call again ends as it would have.
    """
    now = datetime.now(UTC)
    rows = [{**vars(decision), "decided_at": now} for decision in decisions]
    table = pa.Table.from_pylist(rows, schema=IDENTITY_DECISIONS.arrow_schema)
    written = delta.append_arrow(table, lake, IDENTITY_DECISIONS, run_id=run_id)
    state = HourStateRow(
        table=IDENTITY_DECISIONS.path,
        hour=SNAPSHOT_KEY,
        version=written.version,
        input_version=-1,
        row_count=len(rows),
        code_version="decided",
        run_id=run_id,
        reach_from=SNAPSHOT_KEY,
        reach_to=SNAPSHOT_KEY,
    )
    hour_state.record(lake, [state], run_id=run_id)

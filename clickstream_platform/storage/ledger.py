"""`ops/conservation_ledger`: where every line went."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from clickstream_platform.storage import delta
from clickstream_platform.tables.ops import CONSERVATION_LEDGER


class Counted(Protocol):
    """An hour's lines by ingest hour and source."""

    @property
    def hour(self) -> str: ...

    def ledger(self) -> list[dict[str, object]]: ...


def replace(lake: Path, hours: Iterable[Counted], *, run_id: str) -> None:
    """Replaces the home hours' rows in one commit."""
    counted = list(hours)
    rows = [{**row, "run_id": run_id} for hour in counted for row in hour.ledger()]
    delta.replace_hours_arrow(
        pa.Table.from_pylist(rows, schema=CONSERVATION_LEDGER.arrow_schema),
        lake,
        CONSERVATION_LEDGER,
        [hour.hour for hour in counted],
        run_id=run_id,
    )

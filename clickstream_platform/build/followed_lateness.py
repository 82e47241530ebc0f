"""Lateness of an ingest hour that goes on filling: reads only the lines that are new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_platform.build.lateness import (
    COLUMNS,
    Weights,
    record_weights,
    uncounted_hours,
    weights_of,
)
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import delta, leases
from clickstream_platform.storage.appended import AppendedFile, appended_files
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.bronze import BRONZE_EVENTS

MAX_KNOWN = 100  # hours; those forgotten are read as a whole once more


@dataclass(frozen=True)
class _Known:
    """What this process counted in an hour, up to which version of bronze."""

    version: int
    weights: Weights


class FollowedLateness:
    """The ingest hours whose lateness this process keeps up to date.

    Guarantees: the rows are those of a count of all lines. The lines of an hour are read once; a
        commit that took rows away, or more commits than the log tells, lead to a whole count.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._waiting: set[str] = set()
        self._looked_at = -1

    def uncounted(self, lake: Path) -> list[str]:
        """Ingest hours that got lines, of which some are not counted yet."""
        newest = delta.version(lake, BRONZE_EVENTS)
        files = None
        if self._looked_at >= 0:
            files = appended_files(lake, BRONZE_EVENTS, since=self._looked_at, until=newest)
        if files is None:
            self._waiting |= {*uncounted_hours(lake)}
        else:
            self._waiting |= {str(file.partition) for file in files}
        self._looked_at = newest
        return sorted(self._waiting)

    def count(
        self,
        workspace: Workspace,
        hours: Sequence[str],
        *,
        run_id: str,
        wait_s: float = leases.WAIT_S,
    ) -> None:
        """Brings the rows of `hours` up to date in one commit; waits so long for held hours."""
        lake, owner = workspace.lake, this_process(run_id)
        with leases.held(workspace.settings.state, "bronze", hours, owner=owner, wait_s=wait_s):
            newest = delta.version(lake, BRONZE_EVENTS)  # others may have counted up to there
            counted = {hour: self._counted(lake, hour, newest) for hour in hours}
            record_weights(lake, counted.values(), hours, run_id=run_id)
        for hour, weights in counted.items():
            self._known.pop(hour, None)
            self._known[hour] = _Known(newest, weights)
        for hour in [*self._known][:-MAX_KNOWN]:
            del self._known[hour]
        self._waiting -= {*hours}

    def _counted(self, lake: Path, hour: str, version: int) -> Weights:
        known, files = self._known.get(hour), None
        if known is not None:
            files = appended_files(lake, BRONZE_EVENTS, since=known.version, until=version)
        if known is None or files is None:
            stored = delta.read_arrow(
                lake, BRONZE_EVENTS, hours=[hour], columns=COLUMNS, version=version
            )
            return weights_of(stored)
        return weights_of(_lines(hour, files), known.weights)


def _lines(hour: str, files: Iterable[AppendedFile]) -> pa.Table:
    """The lines of this ingest hour in the files, which do not store it themselves."""
    names = [name for name in COLUMNS if name != BRONZE_EVENTS.partition_by]
    schema = pa.schema([BRONZE_EVENTS.arrow_schema.field(name) for name in names])
    parts = [
        pq.ParquetFile(file.path, coerce_int96_timestamp_unit="us").read(columns=names).cast(schema)
        for file in files
        if file.partition == hour
    ]
    lines = pa.concat_tables([schema.empty_table(), *parts])
    return lines.append_column("ingest_hour", pa.repeat(hour, len(lines)))

"""What a build cost: CPU seconds, files and bytes, by table and hour. Data: `ops/cost_hourly`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psutil
import pyarrow as pa

from clickstream_platform.build.report import HourReport
from clickstream_platform.engine.server import Engine
from clickstream_platform.engine.state import process
from clickstream_platform.settings import Settings
from clickstream_platform.storage import delta
from clickstream_platform.storage.commits import Added, added_by
from clickstream_platform.tables.catalog import BY_PATH
from clickstream_platform.tables.costs import COST_HOURLY


@dataclass(frozen=True)
class Meter:
    """CPU seconds used until now: this process's, and the engine's if it runs here."""

    settings: Settings
    own_s: float
    engine_pid: int | None
    engine_s: float

    @classmethod
    def started(cls, settings: Settings) -> Meter:
        """Reads both clocks; an engine that does not run yet has used nothing."""
        pid, seconds = _engine(settings)
        return cls(settings, time.process_time(), pid, seconds)

    def seconds(self) -> float:
        """CPU seconds since the start, of this process, the engine and the engine's workers.

        A build that starts the engine pays for that. Builds at the same time share the engine: its
        seconds are counted by each of them.
        """
        pid, engine_s = _engine(self.settings)
        before = self.engine_s if pid == self.engine_pid else 0.0
        return time.process_time() - self.own_s + max(0.0, engine_s - before)


def record_costs(meter: Meter, reports: Sequence[HourReport], *, run_id: str) -> list[HourReport]:
    """Appends one row per report, in one commit; the reports with their cost.

    The build's CPU seconds are shared out by rows (each hour one more than it has), since all
    tables of a build come from one read; their sum is what the meter says.
    """
    total = meter.seconds()
    weights = [report.row_count + 1 for report in reports]
    now = datetime.now(UTC)
    rows, told = [], []
    added: dict[str, dict[str, Added]] = {}
    for report, weight in zip(reports, weights, strict=True):
        if not report.unchanged and report.table not in added:
            added[report.table] = added_by(
                meter.settings.lake, BY_PATH[report.table], run_id, version=_newest(reports, report)
            )
        mine = Added()
        if not report.unchanged:
            mine = added[report.table].get(report.hour, Added())
        cost = {
            "cpu_s": total * weight / sum(weights),
            "written_files": mine.files,
            "written_bytes": mine.size_bytes,
        }
        rows.append(
            {
                "table": report.table,
                "hour": report.hour,
                "rows": report.row_count,
                "run_id": run_id,
                "recorded_at": now,
                **cost,
            }
        )
        told.append(replace(report, cost=cost))
    if rows:
        content = pa.Table.from_pylist(rows, schema=COST_HOURLY.arrow_schema)
        delta.append_arrow(content, meter.settings.lake, COST_HOURLY, run_id=run_id)
    return told


def _newest(reports: Sequence[HourReport], of: HourReport) -> int:
    """The version of the table's commit: the newest that a written hour names."""
    return max(r.version for r in reports if r.table == of.table and not r.unchanged)


def _engine(settings: Settings) -> tuple[int | None, float]:
    """The engine's process and the CPU seconds of it and its Python workers."""
    record = None if settings.engine.remote else Engine(settings).record()
    jvm = None if record is None else process(record.pid, record.created)
    if record is None or jvm is None:
        return None, 0.0
    # Python daemons are forked beside the JVM, by another child of their common supervisor.
    above = process(record.supervisor_pid, record.supervisor_created)
    seconds = 0.0
    with contextlib.suppress(psutil.Error):
        for one in (above or jvm).children(recursive=True) + ([] if above else [jvm]):
            with contextlib.suppress(psutil.Error):
                seconds += sum(one.cpu_times()[:4])  # ended workers are counted nowhere
    return jvm.pid, seconds

"""`ops/lateness_hourly`: how late the lines of an ingest hour are, counted from bronze by Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.hours import HOUR, parse_hour
from clickstream_platform.storage import delta
from clickstream_platform.storage.offsets import rows_by_ingest_hour
from clickstream_platform.tables.lateness import LATENESS_HOURLY

_KEYS = ("ingest_hour", "home_hour", "source")
COLUMNS = (*_KEYS, "enqueued_at")

# (ingest hour, home hour, source) -> seconds late, null if unknown -> lines
Weights = Mapping[tuple[str, str, str], Mapping[int | None, int]]


def record_lateness(
    workspace: Workspace, stored: pa.Table, hours: Iterable[str], *, run_id: str
) -> None:
    """Replaces the ingest hours' rows by those of `stored`, all their lines in bronze."""
    record_weights(workspace.lake, [weights_of(stored)], hours, run_id=run_id)


def record_weights(
    lake: Path, counted: Iterable[Weights], hours: Iterable[str], *, run_id: str
) -> None:
    """Replaces the ingest hours' rows by those of the counts, of all their lines in bronze."""
    rows = [_row(key, of) for weights in counted for key, of in sorted(weights.items())]
    delta.replace_hours_arrow(
        pa.Table.from_pylist(rows, schema=LATENESS_HOURLY.arrow_schema),
        lake,
        LATENESS_HOURLY,
        sorted(hours),
        run_id=run_id,
    )


def uncounted_hours(lake: Path) -> list[str]:
    """Ingest hours of which bronze holds other lines than were counted, by the Delta log alone."""
    counted: dict[str, int] = {}
    for row in delta.read_arrow(
        lake, LATENESS_HOURLY, columns=["ingest_hour", "lines"]
    ).to_pylist():
        counted[row["ingest_hour"]] = counted.get(row["ingest_hour"], 0) + row["lines"]
    stored = rows_by_ingest_hour(lake)
    return sorted(hour for hour, lines in stored.items() if counted.get(hour) != lines)


def lateness_of(lines: pa.Table) -> list[dict[str, Any]]:
    """One row per ingest hour, home hour and source of `lines`, which have `COLUMNS`."""
    return [_row(key, weights) for key, weights in sorted(weights_of(lines).items())]


def weights_of(lines: pa.Table, before: Weights | None = None) -> Weights:
    """How many lines are how late; `before`, of other lines, is added."""
    keyed = lines.select([*_KEYS]).append_column("late_s", _late_s(lines))
    counted = keyed.group_by([*_KEYS, "late_s"]).aggregate([([], "count_all")]).to_pylist()
    by_key = {key: {**weights} for key, weights in (before or {}).items()}
    for group in counted:
        key = (group["ingest_hour"], group["home_hour"], group["source"])
        weights = by_key.setdefault(key, {})
        weights[group["late_s"]] = weights.get(group["late_s"], 0) + group["count_all"]
    return by_key


def _late_s(lines: pa.Table) -> pa.Array:
    """Whole seconds from the end of the home hour to the receipt; 0 if received before."""
    homes = lines["home_hour"].combine_chunks().dictionary_encode()
    moments = [parse_hour(hour) + HOUR for hour in homes.dictionary.to_pylist()]
    ends = pa.array(moments, pa.timestamp("us", "UTC")).cast(pa.int64()).take(homes.indices)
    received = lines["enqueued_at"].combine_chunks().cast(pa.timestamp("us", "UTC"))
    late_us = pc.subtract(received.cast(pa.int64()), ends)
    return pc.divide(pc.max_element_wise(late_us, 0, skip_nulls=False), 1_000_000)


def _row(key: tuple[str, str, str], weights: Mapping[int | None, int]) -> dict[str, Any]:
    ingest_hour, home_hour, source = key
    known = sorted((late, count) for late, count in weights.items() if late is not None)
    return {
        "ingest_hour": ingest_hour,
        "home_hour": home_hour,
        "source": source,
        "lines": sum(weights.values()),
        "hours_late": (parse_hour(ingest_hour) - parse_hour(home_hour)) // HOUR,
        "lateness_p50_s": _nearest_rank(known, 50),
        "lateness_p95_s": _nearest_rank(known, 95),
        "lateness_max_s": known[-1][0] if known else None,
    }


def _nearest_rank(known: Sequence[tuple[int, int]], percent: int) -> int | None:
    """The smallest value that at least `percent` of 100 lines do not exceed."""
    total = sum(count for _, count in known)
    reached = 0
    for value, count in known:
        reached += count
        if reached * 100 >= total * percent:
            return value
    return None

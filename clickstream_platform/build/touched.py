"""Which home hours got new lines in bronze, noted in `ops/hour_state`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.storage.offsets import has_new_lines
from clickstream_platform.tables.bronze import BRONZE_EVENTS

LineCounts = Mapping[tuple[str, str], int]  # (home hour, source) -> lines


def line_counts(lines: pa.Table) -> LineCounts:
    """The lines of bronze in `lines`, counted by home hour and source."""
    counted = lines.group_by(["home_hour", "source"]).aggregate([([], "count_all")]).to_pylist()
    return {(row["home_hour"], row["source"]): row["count_all"] for row in counted}


def record_touched(lake: Path, new: LineCounts, *, run_id: str) -> None:
    """Notes, for each home hour, that the newest bronze version holds new lines of it.

    The version is the one of the caller's commit or later: with two writers at once, a lower one
    noted last would hide the higher.
    """
    states = hour_state.of_table(hour_state.current(lake), BRONZE_EVENTS.path)
    counts, sources = _by_hour(new)
    for hour in counts:
        if (known := states.get(hour)) is not None:
            counts[hour] += known.row_count
            sources[hour] |= {*known.sources}
    _record(lake, counts, sources, run_id=run_id)


def record_unnoted(lake: Path, *, run_id: str, doubtful: Collection[str] | None = ()) -> list[str]:
    """Makes up for notes that were lost in a crash between commit and note; the hours concerned.

    Cheap unless bronze has a version with lines that is newer than all notes; then bronze's home
    hours are counted. Another writer's later note would hide such a version: `doubtful` hours are
    counted in any case, and all of them if it is null.
    """
    states = hour_state.of_table(hour_state.current(lake), BRONZE_EVENTS.path)
    noted = max((row.version for row in states.values()), default=0)
    where = None
    if doubtful is not None and not has_new_lines(lake, noted):
        if not doubtful:
            return []
        where = pc.field("home_hour").isin(sorted(doubtful))
    stored = delta.read_arrow(lake, BRONZE_EVENTS, columns=["home_hour", "source"], where=where)
    counts, sources = _by_hour(line_counts(stored))
    unnoted = [h for h, n in counts.items() if h not in states or states[h].row_count != n]
    _record(lake, {hour: counts[hour] for hour in unnoted}, sources, run_id=run_id)
    return sorted(unnoted)


def _by_hour(counts: LineCounts) -> tuple[dict[str, int], dict[str, set[str]]]:
    lines: dict[str, int] = {}
    sources: dict[str, set[str]] = {}
    for (hour, source), count in counts.items():
        lines[hour] = lines.get(hour, 0) + count
        sources.setdefault(hour, set()).add(source)
    return lines, sources


def _record(
    lake: Path, counts: Mapping[str, int], sources: Mapping[str, set[str]], *, run_id: str
) -> None:
    version = delta.version(lake, BRONZE_EVENTS)
    rows = [
        HourStateRow(
            table=BRONZE_EVENTS.path,
            hour=hour,
            version=version,
            input_version=-1,
            row_count=count,
            code_version="received",
            run_id=run_id,
            reach_from=hour,
            reach_to=hour,
            sources=tuple(sorted(sources[hour])),
        )
        for hour, count in counts.items()
    ]
    hour_state.record(lake, rows, run_id=run_id)

"""`ops/ingestion_warnings`: the reasons and warnings that a silver build counted.

The counts come from the build's own summaries; one address of each is looked up in the tables just
written, without Spark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.build.hour_summary import HourSummary
from clickstream_platform.storage import delta
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.remedies import remedy
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform.tables.warnings import DUPLICATE_TYPE, INGESTION_WARNINGS
from clickstream_platform.transforms.judge import ACCEPTED, DUPLICATE, QUARANTINED

Key = tuple[str, str, str]  # home hour, source, type
Address = tuple[str, int]
# Each severity's verdict, the summary's key of its types, the table of its lines and their list.
_SEVERITIES: Mapping[str, tuple[str, str, Table, str | None]] = {
    "error": (QUARANTINED, "reason_key", SILVER_QUARANTINE, "reasons"),
    "warn": (ACCEPTED, "warning_key", SILVER_EVENTS, "warnings"),
    "info": (DUPLICATE, "", SILVER_DUPLICATES, None),
}


def record_warnings(lake: Path, summaries: Iterable[HourSummary], *, run_id: str) -> None:
    """Replaces the hours' rows in one commit; silver's own tables are committed already."""
    hours = list(summaries)
    rows = []
    for severity, (verdict, key, table, column) in _SEVERITIES.items():
        counts = _counted(hours, verdict, key)
        held = {hour.hour for hour in hours if hour.blocked_by and table is SILVER_EVENTS}
        shown = {hour for hour, _, _ in counts} - held
        found = _samples(lake, table, column, shown)
        for (hour, source, name), lines in counts.items():
            file, offset = found.get((hour, source, name), (None, None))
            rows.append(
                {
                    "home_hour": hour,
                    "source": source,
                    "type": name,
                    "severity": severity,
                    "lines": lines,
                    "sample_file": file,
                    "sample_offset": offset,
                    "remedy": remedy(name),
                }
            )
    delta.replace_hours_arrow(
        pa.Table.from_pylist(rows, schema=INGESTION_WARNINGS.arrow_schema),
        lake,
        INGESTION_WARNINGS,
        [hour.hour for hour in hours],
        run_id=run_id,
    )


def _counted(hours: Iterable[HourSummary], verdict: str, key: str) -> dict[Key, int]:
    """Lines of the verdict by hour, source and type."""
    totals: dict[Key, int] = {}
    for hour in hours:
        for group in hour.groups:
            if group["verdict"] != verdict:
                continue
            names = group[key].split(",") if key else [DUPLICATE_TYPE]
            for name in filter(None, names):
                place = (hour.hour, group["source"], name)
                totals[place] = totals.get(place, 0) + group["lines"]
    return totals


def _samples(
    lake: Path, table: Table, column: str | None, hours: Collection[str]
) -> dict[Key, Address]:
    """The smallest address of each hour, source and type; reads only rows that have a type."""
    if not hours:
        return {}
    names = ["event_hour", "source", "source_file", "source_offset"]
    rows = delta.read_arrow(
        lake,
        table,
        hours=sorted(hours),
        columns=[*names, column] if column else names,
        where=pc.list_value_length(pc.field(column)) > 0 if column else None,
    )
    if column is None:
        kinds = pa.array([DUPLICATE_TYPE] * len(rows), pa.string())
    else:
        lists = rows[column].combine_chunks()
        rows = rows.select(names).take(pc.list_parent_indices(lists))
        kinds = pc.list_flatten(lists)
    in_order = rows.append_column("type", kinds).sort_by(
        [("source_file", "descending"), ("source_offset", "descending")]
    )
    return {  # the smallest comes last and stays
        (row["event_hour"], row["source"], row["type"]): (row["source_file"], row["source_offset"])
        for row in in_order.to_pylist()
    }

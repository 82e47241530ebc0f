"""What a stream tells of the lines that it brought to bronze."""

from collections.abc import Sequence
from pathlib import Path

from clickstream_platform.build.report import HourReport
from clickstream_platform.storage import delta
from clickstream_platform.storage.offsets import rows_by_ingest_hour
from clickstream_platform.tables.bronze import BRONZE_EVENTS


def bronze_reports(lake: Path, ingest_hours: Sequence[str]) -> list[HourReport]:
    """Rows of these partitions of bronze, by the Delta log alone."""
    if not ingest_hours:
        return []
    counts = rows_by_ingest_hour(lake)
    version = delta.version(lake, BRONZE_EVENTS)
    return [
        HourReport(BRONZE_EVENTS.path, hour, counts.get(hour, 0), version, unchanged=False)
        for hour in ingest_hours
    ]

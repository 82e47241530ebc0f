"""Reads a sample through the pipeline's own steps, without storing anything."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.samples import masked
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.hours import hour_key
from clickstream_platform.sources.model import Source
from clickstream_platform.sources.proposal import patch_for
from clickstream_platform.storage import landing
from clickstream_platform.storage.received import ReceivedFile, received_lines
from clickstream_platform.transforms.judge import Spread, judge
from clickstream_platform.transforms.lines import canonical, with_home_hour

SHOWN = (
    "event_id", "event_name", "event_timestamp", "visitor_id", "items", "value", "currency",
    "page_location",
)  # fmt: skip
_READ = ("verdict", "reasons", "warnings", "rescued_data", "added_fields")


@dataclass(frozen=True)
class SourceReport:
    """What the pipeline would do with the sample's lines."""

    source: str
    lines: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    warnings: dict[str, int]
    patches: dict[str, str]
    events: list[dict[str, Any]]
    rejected: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_sample(workspace: Workspace, source: Source, sample: Path, *, shown: int) -> SourceReport:
    """The verdict on every line, as if the sample landed in the running hour.

    Raises: OSError if the sample cannot be read.
    """
    judged = _judged(workspace, source, sample)
    rows = judged.select(*_READ, *SHOWN, "raw", "detail").toArrow().to_pylist()
    fields: Counter[str] = Counter()
    for row in rows:
        for text in (row["rescued_data"], row["added_fields"]):
            fields.update([*json.loads(text)] if text else ())
    unknown = [f for f, _ in fields.most_common() if f.split(".")[0] not in source.known_fields()]
    return SourceReport(
        source=source.name,
        lines=len(rows),
        verdicts=_counts(row["verdict"] for row in rows),
        reasons=_counts(reason for row in rows for reason in row["reasons"]),
        warnings=_counts(w for row in rows if row["warnings"] for w in row["warnings"]),
        patches={field: patch_for(source, field) for field in unknown},
        events=[
            {name: row[name] for name in SHOWN} for row in rows if row["verdict"] == "accepted"
        ][:shown],
        rejected=[
            {
                "line": masked(row["raw"]),
                "reasons": row["reasons"],
                "detail": row["detail"],
            }
            for row in rows
            if row["verdict"] == "quarantined"
        ][:shown],
    )


def _judged(workspace: Workspace, source: Source, sample: Path) -> DataFrame:
    found = landing.inspect(sample.parent.absolute(), sample.name, source)
    now = datetime.now(UTC)
    file = ReceivedFile(
        path=sample.name,
        source=source.name,
        source_file=f"{sample.name}@{found.sha8}",
        header=found.header,
        ingest_hour=hour_key(now),
        enqueued_at=now,
        splits=found.splits,
    )
    headers = {source.name: [found.header] if found.header is not None else []}
    received = received_lines(workspace.spark, [file], cores=workspace.cores)
    lines = with_home_hour(received, source, headers, workspace.limits)
    rows = canonical(lines, {source.name: source}, headers, workspace.limits)
    return judge(rows, Spread.over(1, cores=workspace.cores)).orderBy(F.col("source_offset"))


def _counts(names: Any) -> dict[str, int]:
    return dict(Counter(names).most_common())

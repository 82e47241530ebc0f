"""Catalogue feeds in bronze: the lines of claimed feed files, as received."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.storage.manifest import Claim
from clickstream_platform.storage.received import ReceivedFile, received_lines
from clickstream_platform.tables.catalogue import BRONZE_CATALOGUE
from clickstream_platform.transforms.sessions import typed


def append_feeds(
    workspace: Workspace, ready: Sequence[tuple[Claim, ReceivedFile]], *, run_id: str
) -> None:
    """Appends the lines of feed files in one commit, notes their hours, then their manifest."""
    files = [received for _, received in ready]
    batch_id = hashlib.sha256("\n".join(f.source_file for f in files).encode()).hexdigest()[:16]
    lines = (
        received_lines(workspace.spark, files, cores=workspace.cores)
        .withColumn("ingested_at", F.lit(datetime.now(UTC)))
        .withColumn("run_id", F.lit(run_id))
    )
    delta.append_once(
        typed(lines, BRONZE_CATALOGUE),
        workspace.lake,
        BRONZE_CATALOGUE,
        batch_id=batch_id,
        run_id=run_id,
    )
    _settle(workspace, ready, run_id=run_id)


def is_in_catalogue(
    workspace: Workspace, claim: Claim, received: ReceivedFile, *, run_id: str
) -> bool:
    """Asked only after a crash: did the earlier attempt's commit get through? Then it is noted."""
    stored = stored_feeds(workspace, [claim.ingest_hour])
    if not pc.any(pc.equal(stored["source_file"], received.source_file)).as_py():
        return False
    _settle(workspace, [(claim, received)], run_id=run_id)
    return True


def stored_feeds(workspace: Workspace, hours: Sequence[str]) -> pa.Table:
    """What bronze holds of the feeds in `hours`: addresses only."""
    return delta.read_arrow(
        workspace.lake,
        BRONZE_CATALOGUE,
        hours=sorted(set(hours)),
        columns=["ingest_hour", "source_file", "source_offset"],
    )


def _settle(
    workspace: Workspace, ready: Sequence[tuple[Claim, ReceivedFile]], *, run_id: str
) -> None:
    """Notes the hours before the manifest: a crash between the two is healed by asking bronze."""
    stored = stored_feeds(workspace, [claim.ingest_hour for claim, _ in ready])
    version = delta.version(workspace.lake, BRONZE_CATALOGUE)
    rows = [
        HourStateRow(
            table=BRONZE_CATALOGUE.path,
            hour=hour,
            version=version,
            input_version=-1,
            row_count=count,
            code_version="received",
            run_id=run_id,
            reach_from=hour,
            reach_to=hour,
        )
        for hour, count in _counts(stored, "ingest_hour").items()
    ]
    hour_state.record(workspace.lake, rows, run_id=run_id)
    per_file = _counts(stored, "source_file")
    for claim, received in ready:
        lines = per_file.get(received.source_file, 0)
        workspace.manifest.commit(claim, bronze_version=None, lines=lines)


def _counts(lines: pa.Table, column: str) -> dict[str, int]:
    counted = lines.group_by([column]).aggregate([([], "count_all")]).to_pylist()
    return {entry[column]: entry["count_all"] for entry in counted}

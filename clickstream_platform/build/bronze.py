"""Bronze: ingests the landing files of ingest hours, as received."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.costs import Meter, record_costs
from clickstream_platform.build.feeds import append_feeds, is_in_catalogue, stored_feeds
from clickstream_platform.build.lateness import COLUMNS, record_lateness
from clickstream_platform.build.looking import looked_into
from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount, record_results
from clickstream_platform.build.touched import line_counts, record_touched
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import delta, leases
from clickstream_platform.storage.manifest import Claim
from clickstream_platform.storage.owners import this_process
from clickstream_platform.storage.received import ReceivedFile, received_lines
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.catalogue import BRONZE_CATALOGUE
from clickstream_platform.tables.contract import Table
from clickstream_platform.transforms.lines import with_home_hour
from clickstream_platform.transforms.sessions import typed

log = logging.getLogger("clickstream.bronze")

_WITH_ADDRESS = (*COLUMNS, "source_file", "source_offset")


@dataclass(frozen=True)
class Ingested:
    """What one bronze build did: per ingest hour its new lines, and the home hours touched."""

    version: int
    lines: dict[str, int]
    home_hours: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]
    reports: tuple[HourReport, ...]


def build_bronze(
    workspace: Workspace,
    hours: Sequence[str],
    *,
    run_id: str,
    source: str | None = None,
    max_files: int = -1,
) -> Ingested:
    """Appends the lines of every waiting file of `hours`; a no-op where nothing waits.

    With `source` only of its files, and of no more than `max_files`.

    Guarantees: each file's lines are in bronze exactly once, also if an earlier run died between
        its bronze commit and its note in the manifest. A file that cannot be read fails alone.
    """
    meter = Meter.started(workspace.settings)
    workspace.init_tables(ALL)
    manifest = workspace.manifest
    owner = this_process(run_id)
    claims = manifest.claim(hours, owner=owner, source=source, limit=max_files)
    try:
        ready, failures = _inspected(workspace, claims, run_id=run_id)
        events = [pair for pair in ready if pair[0].source in workspace.sources]
        feeds = [pair for pair in ready if pair[0].source in workspace.feeds]
        stored = _append(workspace, events, run_id=run_id) if events else None
        if feeds:
            append_feeds(workspace, feeds, run_id=run_id)
        whole = _all_stored(workspace, hours, stored, [file for file, _ in events])
        ingested = _ingested(workspace, hours, whole, ready, failures, run_id=run_id)
        return _with_costs(meter, ingested, run_id=run_id)
    finally:
        manifest.release(owner)


def _with_costs(meter: Meter, ingested: Ingested, *, run_id: str) -> Ingested:
    """The hours that got lines bear the cost; where nothing waited nothing is noted."""
    new = [report for report in ingested.reports if not report.unchanged]
    told = {(r.table, r.hour): r for r in record_costs(meter, new, run_id=run_id)}
    reports = tuple(told.get((r.table, r.hour), r) for r in ingested.reports)
    return replace(ingested, reports=reports)


def _inspected(
    workspace: Workspace, claims: Sequence[Claim], *, run_id: str
) -> tuple[list[tuple[Claim, ReceivedFile]], tuple[tuple[str, str], ...]]:
    ready: list[tuple[Claim, ReceivedFile]] = []
    failures: list[tuple[str, str]] = []
    manifest = workspace.manifest
    taken: set[str] = set()
    for claim, found in looked_into(workspace, claims):
        if found is None:
            manifest.forget(claim)
            log.warning("%s is gone or changed since the look; the next one tells", claim.path)
            continue
        if isinstance(found, OSError):
            manifest.fail(claim, str(found))
            failures.append((claim.path, str(found)))
            log.error("cannot read %s: %s", claim.path, found)
            continue
        manifest.describe(claim, sha8=found.sha8, header=found.header)
        source_file = f"{claim.path}@{found.sha8}"
        if source_file in taken or manifest.is_committed(claim.path, found.sha8):
            manifest.unchanged(claim)
            continue
        received = ReceivedFile(
            path=claim.path,
            source=claim.source,
            source_file=source_file,
            header=found.header,
            ingest_hour=claim.ingest_hour,
            enqueued_at=datetime.fromtimestamp(claim.mtime_ns / 1e9, UTC),
            splits=found.splits,
        )
        if claim.attempt > 1 and _is_in_bronze(workspace, claim, received, run_id=run_id):
            continue
        taken.add(source_file)
        ready.append((claim, received))
    return ready, tuple(failures)


def _is_in_bronze(
    workspace: Workspace, claim: Claim, received: ReceivedFile, *, run_id: str
) -> bool:
    """Asked only after a crash: did the earlier attempt's commit get through? Then it is noted."""
    if claim.source in workspace.feeds:
        return is_in_catalogue(workspace, claim, received, run_id=run_id)
    stored = _stored(workspace, [claim.ingest_hour])
    ours = stored.filter(pc.equal(stored["source_file"], received.source_file))
    if not len(ours):
        return False
    count_arrivals(workspace, [claim.ingest_hour], run_id=run_id)
    version = delta.version(workspace.lake, BRONZE_EVENTS)
    record_touched(workspace.lake, line_counts(ours), run_id=run_id)
    workspace.manifest.commit(claim, bronze_version=version, lines=len(ours))
    return True


def _append(
    workspace: Workspace, ready: Sequence[tuple[Claim, ReceivedFile]], *, run_id: str
) -> pa.Table:
    """Commits the files' lines and notes them; all that bronze holds of their hours."""
    files = [received for _, received in ready]
    batch_id = hashlib.sha256("\n".join(f.source_file for f in files).encode()).hexdigest()[:16]
    written = delta.append_once(
        _rows(workspace, files, run_id=run_id),
        workspace.lake,
        BRONZE_EVENTS,
        batch_id=batch_id,
        run_id=run_id,
    )
    stored = count_arrivals(workspace, {file.ingest_hour for file in files}, run_id=run_id)
    names = pa.array([file.source_file for file in files], pa.string())
    ours = stored.filter(pc.is_in(stored["source_file"], value_set=names))
    # Told before the manifest: a crash between the two is healed by asking bronze again.
    record_touched(workspace.lake, line_counts(ours), run_id=run_id)
    lines_per_file = _counts(ours, "source_file")
    for claim, received in ready:
        lines = lines_per_file.get(received.source_file, 0)
        workspace.manifest.commit(claim, bronze_version=written.version, lines=lines)
    return stored


def _all_stored(
    workspace: Workspace, hours: Sequence[str], stored: pa.Table | None, claims: Sequence[Claim]
) -> pa.Table:
    """What bronze holds of `hours`; `stored`, of the hours of `claims`, is not read again."""
    if stored is None:
        return _stored(workspace, hours)
    others = {*hours} - {claim.ingest_hour for claim in claims}
    return pa.concat_tables([stored, _stored(workspace, others)]) if others else stored


def count_arrivals(workspace: Workspace, hours: Iterable[str], *, run_id: str) -> pa.Table:
    """Counts the lateness of all that bronze holds of `hours`; its lines with their addresses."""
    wanted = sorted(hours)
    owner = this_process(run_id)
    with leases.held(workspace.settings.state, "bronze", wanted, owner=owner):
        stored = _stored(workspace, wanted)
        record_lateness(workspace, stored, wanted, run_id=run_id)
    return stored


def _stored(workspace: Workspace, hours: Iterable[str]) -> pa.Table:
    return delta.read_arrow(
        workspace.lake, BRONZE_EVENTS, hours=sorted(hours), columns=_WITH_ADDRESS
    )


def _ingested(
    workspace: Workspace,
    hours: Sequence[str],
    stored: pa.Table,
    ready: Sequence[tuple[Claim, ReceivedFile]],
    failures: tuple[tuple[str, str], ...],
    *,
    run_id: str,
) -> Ingested:
    """What bronze holds of `hours` now, which is `stored`, and what of it is new."""
    names = pa.array([received.source_file for _, received in ready], pa.string())
    new = stored.filter(pc.is_in(stored["source_file"], value_set=names))
    version = delta.version(workspace.lake, BRONZE_EVENTS)
    reports = _reports(BRONZE_EVENTS, hours, stored, _counts(new, "ingest_hour"), version)
    reports += _feed_reports(workspace, hours, names)
    received = [r for r in reports if r.row_count and not r.unchanged]
    record_results(workspace.lake, received, run_id=run_id)
    return Ingested(
        version=version,
        lines=_counts(new, "ingest_hour"),
        home_hours=tuple(sorted(_counts(new, "home_hour"))),
        failures=failures,
        reports=tuple(reports),
    )


def _feed_reports(workspace: Workspace, hours: Sequence[str], names: pa.Array) -> list[HourReport]:
    stored = stored_feeds(workspace, hours)
    new = stored.filter(pc.is_in(stored["source_file"], value_set=names))
    version = delta.version(workspace.lake, BRONZE_CATALOGUE)
    return _reports(BRONZE_CATALOGUE, hours, stored, _counts(new, "ingest_hour"), version)


def _reports(
    table: Table,
    hours: Sequence[str],
    stored: pa.Table,
    line_counts: dict[str, int],
    version: int,
) -> list[HourReport]:
    """One report per ingest hour; each file's lines must be numbered from 0 without gap."""
    per_file = stored.group_by(["ingest_hour", "source_file"]).aggregate(
        [("source_offset", "count"), ("source_offset", "count_distinct"), ("source_offset", "max")]
    )
    lines: dict[str, int] = {}
    files: dict[str, int] = {}
    broken: dict[str, int] = {}
    for row in per_file.to_pylist():
        hour, count = row["ingest_hour"], row["source_offset_count"]
        lines[hour] = lines.get(hour, 0) + count
        files[hour] = files.get(hour, 0) + 1
        whole = count == row["source_offset_count_distinct"] == row["source_offset_max"] + 1
        broken[hour] = broken.get(hour, 0) + (not whole)
    return [
        HourReport(
            table=table.path,
            hour=hour,
            row_count=lines.get(hour, 0),
            version=version,
            unchanged=hour not in line_counts,
            checks=(_files_whole(files.get(hour, 0), broken.get(hour, 0)),),
            details={"files": files.get(hour, 0), "line_counts": line_counts.get(hour, 0)},
        )
        for hour in hours
    ]


def _files_whole(files: int, broken: int) -> CheckOutcome:
    words = "a file's lines are there once each, numbered from 0 without gap"
    return CheckOutcome("contract", (RuleCount("files_whole", "block", files, broken, words),))


def _rows(workspace: Workspace, files: Sequence[ReceivedFile], *, run_id: str) -> DataFrame:
    """The lines of `files` in bronze's columns."""
    headers: dict[str, list[str]] = {}
    by_source: dict[str, list[ReceivedFile]] = {}
    for file in files:
        by_source.setdefault(file.source, []).append(file)
        if file.header is not None and file.header not in headers.setdefault(file.source, []):
            headers[file.source].append(file.header)
    parts = [
        with_home_hour(
            received_lines(workspace.spark, of_source, cores=workspace.cores),
            workspace.sources[name],
            headers,
            workspace.limits,
        )
        for name, of_source in by_source.items()
    ]
    stamped = (
        reduce(DataFrame.unionByName, parts)
        .withColumn("ingested_at", F.lit(datetime.now(UTC)))
        .withColumn("run_id", F.lit(run_id))
    )
    return typed(stamped, BRONZE_EVENTS)


def _counts(lines: pa.Table, column: str) -> dict[str, int]:
    counted = lines.group_by([column]).aggregate([([], "count_all")]).to_pylist()
    return {entry[column]: entry["count_all"] for entry in counted}

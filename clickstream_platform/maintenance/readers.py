"""Who may still need files that a vacuum would remove."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clickstream_platform.operations.dagster_state import runs_begun_before
from clickstream_platform.settings import Settings
from clickstream_platform.storage import leases, upkeep
from clickstream_platform.storage.manifest import Manifest
from clickstream_platform.storage.owners import is_alive
from clickstream_platform.streaming.state import Heartbeat, known_streams
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.contract import Table

UPKEEP = "maintain"  # our own job and lease
_LASTING = ("stream", UPKEEP)  # held for a whole life; a stream says itself what it has read
_SHORT = timedelta(hours=24)  # younger files may belong to commits that are still being written


@dataclass(frozen=True)
class Reader:
    """Something in progress that may read versions from `since` on."""

    who: str
    since: datetime
    why: str

    def __str__(self) -> str:
        return f"{self.who}, since {self.since:%Y-%m-%d %H:%M} UTC: {self.why}"


def lagging(settings: Settings, table: Table, *, now: datetime) -> list[Reader]:
    """Readers for which the retention is too short, oldest first; with any, nobody may vacuum.

    A build that holds hours, and a run, read what there was when they began; a stream reads the
    files that each version of bronze added. The dead need nothing.
    """
    kept = timedelta(hours=settings.maintenance.vacuum_hours)
    cutoff = now - kept
    found = [*_leases(settings, cutoff), *_runs(settings, cutoff)]
    if table is BRONZE_EVENTS:
        found += _streams(settings, cutoff)
    if kept < _SHORT:
        found += _writers(settings, now)
    return sorted(found, key=lambda reader: reader.since)


def _leases(settings: Settings, cutoff: datetime) -> Iterator[Reader]:
    by_owner: dict[str, list[leases.Lease]] = {}
    for lease in leases.living(settings.state):
        if lease.layer not in _LASTING and lease.since < cutoff.timestamp():
            by_owner.setdefault(lease.owner, []).append(lease)
    for owner, held in by_owner.items():
        run, pid, _ = owner.rsplit("|", 2)
        since = datetime.fromtimestamp(min(lease.since for lease in held), UTC)
        first = held[0]
        yield Reader(
            f"{run.split('|')[0]} (process {pid})",
            since,
            f"it builds {len(held)} hours of {first.layer}, such as {first.hour}",
        )


def _runs(settings: Settings, cutoff: datetime) -> Iterator[Reader]:
    for run_id, job, since in runs_begun_before(settings.dagster_home, cutoff):
        if job not in _LASTING:
            yield Reader(f"run {run_id} ({job})", since, "it is in progress")


def _streams(settings: Settings, cutoff: datetime) -> Iterator[Reader]:
    for beat in _living_streams(settings):
        since = _needed_since(settings, beat)
        if since is not None and since < cutoff:
            read = "nothing yet" if beat.bronze_version is None else f"up to {beat.bronze_version}"
            yield Reader(f"stream {beat.source}", since, f"of bronze's versions it read {read}")


def _needed_since(settings: Settings, beat: Heartbeat) -> datetime | None:
    """When the first version was committed that the stream has not read; null if there is none."""
    begun = datetime.fromisoformat(beat.started_at)
    if beat.bronze_version is None:
        return begun if beat.phase == "starting" else None
    following = beat.bronze_version + 1
    if upkeep.log_facts(settings.lake, BRONZE_EVENTS).version < following:
        return None
    return upkeep.committed_at(settings.lake, BRONZE_EVENTS, following) or begun


def _writers(settings: Settings, now: datetime) -> Iterator[Reader]:
    """What may have written files that no commit names yet."""
    for beat in _living_streams(settings):
        since = datetime.fromisoformat(beat.started_at)
        yield Reader(f"stream {beat.source}", since, "it may be writing; the retention is short")
    claimed = Manifest(settings.state).counts().get("claimed", 0)
    if claimed:
        why = f"it ingests {claimed} files; the retention is short"
        yield Reader("an ingestion", now, why)


def _living_streams(settings: Settings) -> Iterator[Heartbeat]:
    for beat in known_streams(settings):
        if beat.phase in ("starting", "running") and is_alive(beat.owner):
            yield beat

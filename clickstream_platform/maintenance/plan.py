"""What upkeep would do to a table, read from its Delta log and folder; nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from clickstream_platform.hours import day_of, hour_key, shift
from clickstream_platform.maintenance.notes import Note
from clickstream_platform.maintenance.readers import Reader, lagging
from clickstream_platform.setting_groups import MaintenanceSettings
from clickstream_platform.settings import Settings
from clickstream_platform.storage import leases, upkeep
from clickstream_platform.storage.upkeep import WHOLE_TABLE, DataFile, LogFacts
from clickstream_platform.tables.contract import Table


@dataclass(frozen=True)
class Crowded:
    """A partition with too many small files, and how many files it should have."""

    partition: str
    files: int
    size: int
    files_after: int


@dataclass(frozen=True)
class TablePlan:
    """How a table is and what upkeep would do. Sizes are bytes of files in force.

    `busy` are crowded partitions somebody writes right now; they wait for the next time.
    `removable` counts what a vacuum would free, and `lagging` says who forbids it.
    """

    table: str
    files: int
    size: int
    median_size: int
    small_share: float
    log: LogFacts
    note: Note
    crowded: tuple[Crowded, ...]
    busy: tuple[str, ...]
    removable_files: int
    removable_size: int
    lagging: tuple[Reader, ...]
    needs_checkpoint: bool

    @property
    def files_after(self) -> int:
        return self.files - sum(part.files - part.files_after for part in self.crowded)


def plan_table(settings: Settings, table: Table, note: Note, *, now: datetime) -> TablePlan:
    """The plan of one table that exists."""
    options = settings.maintenance
    files = upkeep.data_files(settings.lake, table)
    sizes = [file.size for file in files]
    crowded = crowded_partitions(table, files, options, now=now)
    busy = busy_partitions(settings, table, [part.partition for part in crowded])
    removable = upkeep.removable(settings.lake, table, hours=options.vacuum_hours)
    log = upkeep.log_facts(settings.lake, table)
    return TablePlan(
        table=table.path,
        files=len(files),
        size=sum(sizes),
        median_size=int(median(sizes)) if sizes else 0,
        small_share=small_share(files, options),
        log=log,
        note=note,
        crowded=tuple(part for part in crowded if part.partition not in busy),
        busy=tuple(sorted(busy)),
        removable_files=len(removable),
        removable_size=sum(removable.values()),
        lagging=tuple(lagging(settings, table, now=now)),
        needs_checkpoint=log.commits_since_checkpoint >= options.checkpoint_commits,
    )


def small_share(files: Sequence[DataFile], options: MaintenanceSettings) -> float:
    """The share of small files among those beyond the one that each partition needs at least."""
    spare = len(files) - len({file.partition for file in files})
    if not spare:
        return 0.0
    small: dict[str, int] = {}
    for file in files:
        if file.size < options.small_file_bytes:
            small[file.partition] = small.get(file.partition, 0) + 1
    return round(sum(count - 1 for count in small.values()) / spare, 3)


def crowded_partitions(
    table: Table, files: Sequence[DataFile], options: MaintenanceSettings, *, now: datetime
) -> list[Crowded]:
    """Closed partitions with more small files than allowed, in order."""
    of: dict[str, list[int]] = {}
    for file in files:
        of.setdefault(file.partition, []).append(file.size)
    found = []
    for name, sizes in sorted(of.items()):
        small = sum(size < options.small_file_bytes for size in sizes)
        if small <= options.max_small_files or not is_closed(table, name, options, now=now):
            continue
        merged = [size for size in sizes if size < options.target_file_bytes]
        after = len(sizes) - len(merged) + -(-sum(merged) // options.target_file_bytes)
        found.append(Crowded(name, len(sizes), sum(sizes), after))
    return found


def is_closed(table: Table, partition: str, options: MaintenanceSettings, *, now: datetime) -> bool:
    """True if the partition is older than the running hour and the margin before it.

    A log of ops has no hours: appends to it go on while it is compacted. Other tables without
    partitions are replaced whole, so they have nothing to compact.
    """
    if partition == WHOLE_TABLE:
        return table.layer == "ops"
    first_open = shift(hour_key(now), -options.open_hours)
    return partition < (day_of(first_open) if table.is_daily else first_open)


def lease_layer(table: Table) -> str | None:
    """The layer whose leases guard the partitions of `table`; null for a log."""
    if table.partition_by is None:
        return None
    if table.is_daily:
        return "daily"
    layers = {"ingest_hour": "bronze", "home_hour": "silver"}
    return layers.get(table.partition_by, table.layer)


def busy_partitions(settings: Settings, table: Table, partitions: Sequence[str]) -> set[str]:
    """Those of `partitions` that somebody holds now; all of them while a replay moves lines."""
    layer, held = lease_layer(table), leases.living(settings.state)
    if layer == "bronze" and any(lease.layer == "replay" for lease in held):
        return set(partitions)
    return {lease.hour for lease in held if lease.layer == layer} & set(partitions)

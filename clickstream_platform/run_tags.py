"""The tags of runs that our own code reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterRun

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
KEY = "clickstream/key"  # what a run without partitions covers
PROCESS = "clickstream/process"  # who executes the run, as `storage.owners` names it
CODE = "clickstream/code"  # version of rules and mappings a sensor asked with
BY = "clickstream/by"
ENDED_BY = "clickstream/ended-by"  # who ended it, if no person did


def process_of(run: DagsterRun) -> str | None:
    """The process that executes the run, as `storage.owners` names it, if one took it up."""
    process = run.tags.get(PROCESS, "")
    own = process.startswith(f"{run.run_id}|")  # else it is copied from the run it repeats
    return process if own else None

"""The lines of bronze that a build of silver judges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.costs import Meter
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.hours import shift
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.hour_state import States
from clickstream_platform.tables.bronze import BRONZE_EVENTS


@dataclass(frozen=True)
class SilverBuild:
    """The lines to judge, of which hours and bronze version they are, and the states before.

    `sources` are those whose lines are expected; each costs a plan of its own. With `force`, hours
    are written even if their rows seem unchanged; those `in_doubt` are in any case. `unsettled`
    hours stay stale, since lines of theirs wait for a rebuild. `meter` counts what the build costs.
    """

    workspace: Workspace
    hours: tuple[str, ...]
    bronze_version: int
    states: States
    run_id: str
    lines: DataFrame
    sources: frozenset[str]
    meter: Meter
    force: bool = False
    in_doubt: frozenset[str] = frozenset()
    unsettled: frozenset[str] = frozenset()


def repairing_sources(workspace: Workspace, names: Iterable[str]) -> list[str]:
    """Those of the sources that repair clocks: their lines meet those of the hour before."""
    known = workspace.sources
    return sorted(n for n in names if n in known and known[n].event_timestamp.repair_clock)


def with_hour_before(build: SilverBuild, repairing: Sequence[str]) -> DataFrame:
    """The build's lines and, of sources that repair clocks, those of the hours before."""
    if not repairing:
        return build.lines
    before = sorted({shift(hour, -1) for hour in build.hours} - {*build.hours})
    met = bronze_lines(build.workspace, before, build.bronze_version)
    return build.lines.unionByName(met.where(F.col("source").isin([*repairing])))


def noted_lines(states: States, hours: Iterable[str]) -> dict[str, int]:
    bronze = hour_state.of_table(states, BRONZE_EVENTS.path)
    return {hour: bronze[hour].row_count for hour in hours if hour in bronze}


def noted_sources(states: States, hours: Iterable[str]) -> frozenset[str]:
    """The sources that bronze has lines of in these hours, as far as it is noted."""
    bronze = hour_state.of_table(states, BRONZE_EVENTS.path)
    return frozenset(name for hour in hours if hour in bronze for name in bronze[hour].sources)


def bronze_lines(workspace: Workspace, hours: Sequence[str], version: int) -> DataFrame:
    reader = workspace.spark.read.format("delta").option("versionAsOf", version)
    lines = reader.load(delta.location(workspace.lake, BRONZE_EVENTS))
    return lines.where(F.col("home_hour").isin([*hours]))

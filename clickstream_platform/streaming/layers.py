"""One layer that a stream builds hour by hour, and the report of an hour that cannot be built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage.hour_state import States
from clickstream_platform.streaming.turns import Turns
from clickstream_platform.tables.contract import Table

HOUR_BUILDS = "hour_builds"  # the rule that an hour breaks which cannot be built
REMEDY = (
    "The stream leaves the hour to the repair runs; if these fail too, mend the cause and run "
    "`clickstream run`."
)


@dataclass(frozen=True)
class Layer:
    """What is built hour by hour; `checked` are the tables whose check tells that it cannot be.

    `lease` is the layer that its builds hold hours of, for which they wait so many seconds.
    """

    workspace: Workspace
    name: str
    lease: str
    tables: Sequence[Table]
    stale: Callable[[Workspace, States], Iterable[str]]
    build: Callable[[Sequence[str], float], int]
    turns: Turns
    checked: Sequence[Table] = ()


def built_from(states: States, layer: Layer, hour: str) -> int:
    """The newest version of its input that the hour was built from; -1 if never."""
    found = (states.get((table.path, hour)) for table in layer.tables)
    return max((row.input_version for row in found if row), default=-1)


def cannot_be_built(table: Table, hour: str, states: States, error: str) -> HourReport:
    """The failed check of an hour that was given up; readers keep what was there."""
    before = states.get((table.path, hour))
    rule = RuleCount(HOUR_BUILDS, "block", 1, 1, f"{error} {REMEDY}")
    return HourReport(
        table=table.path,
        hour=hour,
        row_count=before.row_count if before else 0,
        version=before.version if before else -1,
        unchanged=True,
        checks=(CheckOutcome("contract", (rule,)),),
        blocked_by=HOUR_BUILDS,
    )

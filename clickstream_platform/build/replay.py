"""Replay of rejected lines: repairs, the home hours they lead to, and what becomes stale.

Data: `ops/repairs`, `bronze/events.home_hour`, `ops/hour_state`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.bronze import count_arrivals
from clickstream_platform.build.fixes import fixed_bytes
from clickstream_platform.build.repaired import with_repairs
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import delta, hour_state, leases, repairs
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.storage.owners import this_process
from clickstream_platform.storage.repairs import Address
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.silver import SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform.transforms.lines import with_home_hour
from clickstream_platform.transforms.sessions import typed

ALL_REPLAYS = ("all",)  # one replay at a time: each may move lines of any hour


@dataclass(frozen=True)
class Selection:
    """Which rejected lines: of a rule, of hours (both included), of a source; of all if null."""

    rule: str | None = None
    first: str | None = None
    last: str | None = None
    source: str | None = None

    def holds(self, line: Mapping[str, Any]) -> bool:
        return (
            (self.rule is None or self.rule in line["reasons"])
            and (self.source is None or line["source"] == self.source)
            and (self.first is None or line["event_hour"] >= self.first)
            and (self.last is None or line["event_hour"] <= self.last)
        )


@dataclass(frozen=True)
class Decision:
    """What is to be done with the selected lines, and who decided."""

    author: str
    fix: str | None = None
    discard: bool = False


@dataclass(frozen=True)
class Replayed:
    """What a replay prepared: the rebuild of `hours` does the rest."""

    selected: int
    decided: int
    moved: int
    hours: tuple[str, ...]


def prepare_replay(
    workspace: Workspace, selection: Selection, decision: Decision, *, run_id: str
) -> Replayed:
    """Records the decisions, gives lines their new home hour, and marks the hours as stale.

    Guarantees: the same call again changes nothing. After a crash at any point a second call ends
        as the first would have: hours are marked before anything they depend on changes.
    Raises: FixError before any change.
    """
    workspace.init_tables()
    state, owner = workspace.settings.state, this_process(run_id)
    with leases.held(state, "replay", ALL_REPLAYS, owner=owner):
        lines = selected_lines(workspace, selection)
        decided = _decisions(workspace, lines, selection, decision)
        known = repairs.decisions(workspace.lake)
        before, after = _replaced(known), _replaced({**known, **_by_address(decided)})
        moved = [] if decision.discard else _moved(workspace, lines, after)
        hours = {
            line["event_hour"]
            for line in lines
            if before.get(_address(line)) != after.get(_address(line))
        }
        hours |= {row[name] for row in moved for name in ("home_hour", "new_home_hour")}
        with leases.held(state, "silver", sorted(hours), owner=owner):
            _mark_stale(workspace, hours, run_id=run_id)
            if decided:
                repairs.record(workspace.lake, decided, run_id=run_id)
            if moved:
                _move(workspace, moved, run_id=run_id)
    return Replayed(len(lines), len(decided), len(moved), tuple(sorted(hours)))


def selected_lines(workspace: Workspace, selection: Selection) -> list[dict[str, Any]]:
    """The rejected lines, in order of address."""
    names = [
        "event_hour", "source", "source_file", "source_offset", "ingest_hour", "raw", "reasons",
        "detail", "event_id", "event_name", "source_version",
    ]  # fmt: skip
    hours = sorted(
        hour
        for hour in delta.hours_of(workspace.lake, SILVER_QUARANTINE)
        if (selection.first or hour) <= hour <= (selection.last or hour)
    )
    if not hours:
        return []
    rows = delta.read_arrow(workspace.lake, SILVER_QUARANTINE, hours=hours, columns=names)
    return sorted(filter(selection.holds, rows.to_pylist()), key=_address)


def _address(line: Mapping[str, Any]) -> Address:
    return line["source_file"], line["source_offset"]


def _by_address(rows: Iterable[dict[str, Any]]) -> dict[Address, dict[str, Any]]:
    return {_address(row): row for row in rows}


def _replaced(decisions: Mapping[Address, Mapping[str, Any]]) -> dict[Address, bytes]:
    """The bytes that are read instead of those received."""
    return {
        address: row["replacement"]
        for address, row in decisions.items()
        if row["action"] == "repair"
    }


def _decisions(
    workspace: Workspace,
    lines: Sequence[dict[str, Any]],
    selection: Selection,
    decision: Decision,
) -> list[dict[str, Any]]:
    """Rows of `ops/repairs` that say something new."""
    if not decision.fix and not decision.discard:
        return []
    fixed = fixed_bytes(lines, decision.fix) if decision.fix else [None] * len(lines)
    known = repairs.decisions(workspace.lake)
    rows = []
    for line, replacement in zip(lines, fixed, strict=True):
        before = known.get(_address(line))
        was = (before["action"], before["replacement"]) if before else ("repair", line["raw"])
        wanted = ("discard", None) if decision.discard else ("repair", replacement)
        if wanted == was or (replacement is None and not decision.discard):
            continue
        rows.append(
            {
                "source_file": line["source_file"],
                "source_offset": line["source_offset"],
                "action": wanted[0],
                "replacement": replacement,
                "rule": selection.rule,
                "fix": decision.fix,
                "author": decision.author,
            }
        )
    return rows


def _moved(
    workspace: Workspace, lines: Sequence[dict[str, Any]], replaced: Mapping[Address, bytes]
) -> list[dict[str, Any]]:
    """Lines whose home hour is another now: all of the sources and hours concerned are looked at,
    because a wrong mapping may have sent accepted lines to a wrong hour too."""
    hours = {line["event_hour"] for line in lines}
    names = {line["source"] for line in lines} & set(workspace.sources)
    if not names:
        return []
    bronze = workspace.spark.read.format("delta").load(
        delta.location(workspace.lake, BRONZE_EVENTS)
    )
    concerned = with_repairs(
        workspace,
        bronze.where(F.col("home_hour").isin([*hours])),
        repairs.replacement_table(replaced),
    ).withColumnRenamed("home_hour", "old_home_hour")
    parts = [
        with_home_hour(
            concerned.where(F.col("source") == name),
            workspace.sources[name],
            workspace.manifest.headers(),
            workspace.limits,
        )
        for name in sorted(names)
    ]
    found = (
        reduce(DataFrame.unionByName, parts)
        .where(F.col("home_hour") != F.col("old_home_hour"))
        .select(
            "source",
            "source_file",
            "source_offset",
            "ingest_hour",
            F.col("old_home_hour").alias("home_hour"),
            F.col("home_hour").alias("new_home_hour"),
        )
    )
    return found.toArrow().to_pylist()


def _mark_stale(workspace: Workspace, hours: Iterable[str], *, run_id: str) -> None:
    """Marks what silver built of the hours; an hour new to bronze gets a state that says so."""
    states = hour_state.current(workspace.lake)
    rows = []
    for hour in sorted(hours):
        if built := states.get((SILVER_EVENTS.path, hour)):
            rows.append(replace(built, is_stale=True, run_id=run_id))
        if (BRONZE_EVENTS.path, hour) not in states:
            rows.append(_bronze_state(hour, run_id=run_id))
    hour_state.record(workspace.lake, rows, run_id=run_id)


def _bronze_state(hour: str, *, run_id: str) -> HourStateRow:
    return HourStateRow(
        table=BRONZE_EVENTS.path,
        hour=hour,
        version=0,
        input_version=-1,
        row_count=0,
        code_version="received",
        run_id=run_id,
        reach_from=hour,
        reach_to=hour,
    )


def _move(workspace: Workspace, moved: Sequence[dict[str, Any]], *, run_id: str) -> None:
    """Gives the lines their new home hour in one commit of the ingest hours they came in."""
    ingest_hours = sorted({row["ingest_hour"] for row in moved})
    schema = pa.schema(
        [
            ("source_file", pa.string()),
            ("source_offset", pa.int64()),
            ("new_home_hour", pa.string()),
        ]
    )
    homes = workspace.spark.createDataFrame(
        pa.Table.from_pylist(
            [{name: row[name] for name in schema.names} for row in moved], schema=schema
        )
    )
    stored = delta.read_hours(
        workspace.spark, workspace.lake, BRONZE_EVENTS, ingest_hours, version=None
    )
    rehomed = stored.join(
        F.broadcast(homes), on=["source_file", "source_offset"], how="left"
    ).withColumn("home_hour", F.coalesce("new_home_hour", "home_hour"))
    written = delta.replace_hours(
        typed(rehomed, BRONZE_EVENTS), workspace.lake, BRONZE_EVENTS, ingest_hours, run_id=run_id
    )
    count_arrivals(workspace, ingest_hours, run_id=run_id)
    _record_moved(workspace, moved, version=written.version, run_id=run_id)


def _record_moved(
    workspace: Workspace, moved: Sequence[dict[str, Any]], *, version: int, run_id: str
) -> None:
    states = hour_state.of_table(hour_state.current(workspace.lake), BRONZE_EVENTS.path)
    rows: dict[str, HourStateRow] = {}

    def count(hour: str, source: str, lines: int) -> None:
        known = rows.get(hour) or states.get(hour) or _bronze_state(hour, run_id=run_id)
        rows[hour] = replace(
            known,
            version=version,
            row_count=known.row_count + lines,
            sources=tuple(sorted({*known.sources, source})),
            run_id=run_id,
        )

    for row in moved:
        count(row["home_hour"], row["source"], -1)
        count(row["new_home_hour"], row["source"], 1)
    hour_state.record(workspace.lake, list(rows.values()), run_id=run_id)

"""What an hour of silver must satisfy, from the build's own counts (docs/DEFINITIONS.md)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

import pyarrow.dataset as ds

from clickstream_platform.build.drift import drift_samples
from clickstream_platform.build.hour_summary import KEYS, REJECT_RATE, HourSummary
from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount
from clickstream_platform.build.samples import rejected_lines, rejected_samples
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.rules import rules_of
from clickstream_platform.tables.silver import SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform.transforms.judge import ACCEPTED, QUARANTINED

_USUAL_HOURS, _FEWEST_HOURS = 24, 6  # as many hours before one tell what is usual


@dataclass(frozen=True)
class _Around:
    """What the hours of a build are compared with, looked up once for all of them."""

    workspace: Workspace
    before: States

    @cached_property
    def rejected(self) -> ds.Dataset:
        return rejected_lines(self.workspace.lake)

    @cached_property
    def _filled(self) -> tuple[list[str], list[int]]:
        found = sorted(
            (hour, row.row_count)
            for (table, hour), row in self.before.items()
            if table == SILVER_EVENTS.path and row.row_count
        )
        return [hour for hour, _ in found], [count for _, count in found]

    def last_counts(self, hour: str) -> list[int]:
        """The accepted events of the last hours before `hour` that had some."""
        hours, counts = self._filled
        place = bisect_left(hours, hour)
        return counts[max(place - _USUAL_HOURS, 0) : place]


def reports(
    workspace: Workspace,
    before: States,
    summaries: Mapping[str, HourSummary],
    after: Iterable[HourStateRow],
) -> list[HourReport]:
    """One report per table and hour."""
    found: list[HourReport] = []
    around = _Around(workspace, before)
    versions = {(row.table, row.hour): row.version for row in after}
    for table in SILVER:
        for hour, summary in summaries.items():
            state = before.get((table.path, hour))
            same = state is not None and state.content_hash == summary.content_hash(table)
            blocked = summary.blocked_by if table is SILVER_EVENTS else None
            found.append(
                HourReport(
                    table=table.path,
                    hour=hour,
                    row_count=summary.rows_of(table),
                    version=versions[table.path, hour],
                    unchanged=same,
                    checks=_checks(around, table, summary)
                    if workspace.settings.checks.enabled
                    else (),
                    blocked_by=blocked,
                    details=_details(table, summary),
                )
            )
    return found


def _checks(around: _Around, table: Table, summary: HourSummary) -> list[CheckOutcome]:
    workspace = around.workspace
    if table is SILVER_EVENTS:
        return [
            CheckOutcome(
                "contract",
                [*_event_rules(summary), *_volume(around.last_counts(summary.hour), summary)],
                samples=_drift(workspace, summary),
            ),
            CheckOutcome("conservation", summary.conservation_rules()),
        ]
    if table is SILVER_QUARANTINE:
        samples = (
            rejected_samples(
                around.rejected, summary.hour, limit=workspace.settings.checks.sample_rows
            )
            if summary.rows_of(table)
            else []
        )
        return [CheckOutcome("contract", _reject_rules(summary), samples=samples)]
    return [
        CheckOutcome(
            "contract",
            [
                RuleCount(
                    KEYS,
                    "block",
                    summary.rows_of(table),
                    summary.broken_keys,
                    "every duplicate names an accepted line of its id",
                )
            ],
        )
    ]


def _drift(workspace: Workspace, summary: HourSummary) -> list[dict[str, Any]]:
    """The undeclared fields of the hour with a patch for the mapping; costs nothing without any."""
    if not summary.keyed(ACCEPTED, "warning_key").get("undeclared_fields"):
        return []
    return drift_samples(
        workspace.lake,
        summary.hour,
        workspace.sources,
        limit=workspace.settings.checks.sample_rows,
    )


def _event_rules(summary: HourSummary) -> list[RuleCount]:
    accepted = summary.rows_of(SILVER_EVENTS)
    counts = summary.counted("rule__")
    nulls = summary.counted("null__")
    warned = summary.keyed(ACCEPTED, "warning_key")
    checks = summary.checks
    tolerated = {"unknown_event_name": checks.max_unknown_event_rate}
    rules = [
        RuleCount(rule.name, "block", accepted, counts.get(rule.name, 0), rule.explanation)
        for rule in rules_of(SILVER_EVENTS)
        if rule.action != "warn"
    ]
    rules += [rule for rule in summary.blocking_rules() if rule.rule in (KEYS, REJECT_RATE)]
    for name in sorted(set(warned) | {"no_visitor", "unknown_event_name"}):
        count = warned.get(name, 0)
        limit = tolerated.get(name, 0.0)
        over = count if accepted and count / accepted > limit else 0
        rules.append(
            RuleCount(name, "warn", accepted, over, f"{count} rows, tolerated {limit:.0%}")
        )
    for column, limit in checks.max_null_rates.items():
        count = nulls.get(column, 0)
        over = count if accepted and count / accepted > limit else 0
        rules.append(
            RuleCount(f"null_rate_{column}", "warn", accepted, over, f"at most {limit:.0%} null")
        )
    return rules


def _reject_rules(summary: HourSummary) -> list[RuleCount]:
    return [
        RuleCount(reason, "reject", summary.lines, count)
        for reason, count in sorted(summary.keyed(QUARANTINED, "reason_key").items())
    ]


def _volume(known: list[int], summary: HourSummary) -> list[RuleCount]:
    """WARN if the hour holds far fewer or more events than the hours before it."""
    if len(known) < _FEWEST_HOURS:
        return []
    usual = median(known)
    rows = summary.rows_of(SILVER_EVENTS)
    checks = summary.checks
    odd = not checks.volume_low_ratio * usual <= rows <= checks.volume_high_ratio * usual
    return [
        RuleCount(
            "volume", "warn", rows, rows if odd else 0, f"the last hours' median is {usual:.0f}"
        )
    ]


def _details(table: Table, summary: HourSummary) -> dict[str, Any]:
    if table is not SILVER_EVENTS:
        return {}
    accepted = summary.rows_of(SILVER_EVENTS)
    filled = {
        column: round(1 - nulls / accepted, 4)
        for column, nulls in summary.counted("null__").items()
        if accepted
    }
    rejected = summary.rows_of(SILVER_QUARANTINE)
    return {
        "lines": summary.lines,
        "rejected_rate": round(rejected / summary.lines, 6) if summary.lines else 0.0,
        "completeness": filled,
        "distinct_at_least": summary.distinct(),
        "sources": list(summary.sources),
    }

"""What an hour of silver must satisfy, from the build's own counts (docs/DEFINITIONS.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount
from clickstream_platform.build.samples import rejected_samples
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.settings import CheckSettings
from clickstream_platform.storage.hour_state import States
from clickstream_platform.tables.catalog import SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.rules import rules_of
from clickstream_platform.tables.silver import SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform.transforms.judge import ACCEPTED, DUPLICATE, QUARANTINED, VERDICTS

REJECT_RATE = "reject_rate"
CONSERVATION = "lines_conserved"
KEYS = "key_unique"


@dataclass(frozen=True)
class BronzeCount:
    """Bronze's own count of an hour's lines and the order-free hash of their addresses."""

    lines: int
    line_hash: int


@dataclass(frozen=True)
class HourSummary:
    """An hour's judged lines, counted, and which blocking rule they break, if any."""

    hour: str
    groups: Sequence[Mapping[str, Any]]
    bronze: BronzeCount
    broken_keys: int
    checks: CheckSettings
    blocked_by: str | None

    @classmethod
    def of(
        cls,
        hour: str,
        groups: Sequence[Mapping[str, Any]],
        bronze: BronzeCount,
        broken_keys: int,
        checks: CheckSettings,
    ) -> HourSummary:
        summary = cls(hour, groups, bronze, broken_keys, checks, None)
        broken = [rule.rule for rule in summary.blocking_rules() if not rule.passed]
        return cls(hour, groups, bronze, broken_keys, checks, broken[0] if broken else None)

    @property
    def lines(self) -> int:
        return sum(group["lines"] for group in self.groups)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({group["source"] for group in self.groups}))

    @property
    def max_event_at(self) -> datetime | None:
        times = [g["max_event_at"] for g in self._of(ACCEPTED) if g["max_event_at"] is not None]
        return max(times, default=None)

    def rows_of(self, table: Table) -> int:
        return sum(group["lines"] for group in self._of(VERDICTS[table.path]))

    def content_hash(self, table: Table) -> str:
        total = sum(group["content_hash"] for group in self._of(VERDICTS[table.path]))
        return f"{self.rows_of(table)}:{total:x}"

    def _of(self, verdict: str) -> list[Mapping[str, Any]]:
        return [group for group in self.groups if group["verdict"] == verdict]

    def counted(self, prefix: str) -> dict[str, int]:
        """Sums over the accepted groups of the columns that begin with `prefix`."""
        totals: dict[str, int] = {}
        for group in self._of(ACCEPTED):
            for name, value in group.items():
                if name.startswith(prefix):
                    totals[name.removeprefix(prefix)] = totals.get(
                        name.removeprefix(prefix), 0
                    ) + int(value)
        return totals

    def distinct(self) -> dict[str, int]:
        """Approximate distinct values of the profiled columns: those of the largest group."""
        found: dict[str, int] = {}
        for group in self._of(ACCEPTED):
            for name, value in group.items():
                if name.startswith("distinct__"):
                    column = name.removeprefix("distinct__")
                    found[column] = max(found.get(column, 0), int(value))
        return found

    def keyed(self, verdict: str, key: str) -> dict[str, int]:
        """Lines by reason or warning."""
        totals: dict[str, int] = {}
        for group in self._of(verdict):
            for name in filter(None, group[key].split(",")):
                totals[name] = totals.get(name, 0) + group["lines"]
        return totals

    def conservation_rules(self) -> list[RuleCount]:
        """Bronze's lines against the judged ones: by count and by hash of the addresses."""
        judged_hash = sum(group["line_hash"] for group in self.groups)
        lost = abs(self.bronze.lines - self.lines)
        differs = lost == 0 and judged_hash != self.bronze.line_hash
        return [
            RuleCount(
                CONSERVATION,
                "block",
                self.bronze.lines,
                lost or int(differs),
                "every line of bronze is accepted, duplicate or quarantined, exactly once",
            )
        ]

    def blocking_rules(self) -> list[RuleCount]:
        rejected = self.rows_of(SILVER_QUARANTINE)
        judged = self.lines
        limit = self.checks.max_reject_rate
        enough = judged >= self.checks.min_rows_for_reject_rate
        too_many = enough and judged > 0 and rejected / judged > limit
        contract = [
            RuleCount(rule.name, "block", self.rows_of(SILVER_EVENTS), failed, rule.explanation)
            for rule in rules_of(SILVER_EVENTS)
            if rule.action != "warn" and (failed := self.counted("rule__").get(rule.name, 0))
        ]
        return [
            *self.conservation_rules(),
            *contract,
            RuleCount(
                KEYS,
                "block",
                self.rows_of(SILVER_EVENTS),
                self.broken_keys,
                "one accepted line per id, and every duplicate has one",
            ),
            RuleCount(
                REJECT_RATE,
                "block",
                judged,
                rejected if too_many else 0,
                f"at most {limit:.0%} of an hour's lines may be rejected",
            ),
        ]

    def ledger(self) -> list[dict[str, object]]:
        """Rows of the conservation ledger; lines of a blocked hour's events are still pending."""
        rows: dict[tuple[str, str], dict[str, int]] = {}
        names = {ACCEPTED: "accepted", DUPLICATE: "duplicates", QUARANTINED: "quarantined"}
        for group in self.groups:
            row = rows.setdefault((group["ingest_hour"], group["source"]), {})
            is_held_back = self.blocked_by and group["verdict"] == ACCEPTED
            name = "pending" if is_held_back else names[group["verdict"]]
            row[name] = row.get(name, 0) + group["lines"]
            row["lines"] = row.get("lines", 0) + group["lines"]
        columns = ("lines", "accepted", "duplicates", "quarantined", "pending")
        return [
            {
                "ingest_hour": ingest_hour,
                "home_hour": self.hour,
                "source": source,
                **{name: row.get(name, 0) for name in columns},
            }
            for (ingest_hour, source), row in sorted(rows.items())
        ]


def broken_keys(judged: DataFrame) -> dict[str, int]:
    """Ids per hour that do not have exactly one accepted line among their good ones."""
    good = judged.where(F.col("verdict") != QUARANTINED)
    per_id = good.groupBy("event_hour", "id_scope", "event_id").agg(
        F.count_if(F.col("verdict") == ACCEPTED).alias("accepted")
    )
    broken = per_id.where("accepted <> 1").groupBy("event_hour").count().toArrow()
    return {row["event_hour"]: row["count"] for row in broken.to_pylist()}


def reports(
    workspace: Workspace,
    before: States,
    summaries: Mapping[str, HourSummary],
    versions: Mapping[str, int],
) -> list[HourReport]:
    """One report per table and hour."""
    found: list[HourReport] = []
    for table in SILVER:
        for hour, summary in summaries.items():
            state = before.get((table.path, hour))
            same = state is not None and state.content_hash == summary.content_hash(table)
            kept = state.version if state else 0
            blocked = summary.blocked_by if table is SILVER_EVENTS else None
            found.append(
                HourReport(
                    table=table.path,
                    hour=hour,
                    row_count=summary.rows_of(table),
                    version=kept if same or blocked else versions.get(table.path, kept),
                    unchanged=same,
                    checks=_checks(workspace, before, table, summary)
                    if workspace.settings.checks.enabled
                    else (),
                    blocked_by=blocked,
                    details=_details(table, summary),
                )
            )
    return found


def _checks(
    workspace: Workspace, before: States, table: Table, summary: HourSummary
) -> list[CheckOutcome]:
    if table is SILVER_EVENTS:
        return [
            CheckOutcome("contract", [*_event_rules(summary), *_volume(before, summary)]),
            CheckOutcome("conservation", summary.conservation_rules()),
        ]
    if table is SILVER_QUARANTINE:
        samples = rejected_samples(
            workspace.lake, summary.hour, limit=workspace.settings.checks.sample_rows
        ) if summary.rows_of(table) else []
        return [CheckOutcome("contract", _reject_rules(summary), samples=samples)]
    return [
        CheckOutcome(
            "contract",
            [RuleCount(KEYS, "block", summary.rows_of(table), summary.broken_keys,
                       "every duplicate names an accepted line of its id")],
        )
    ]


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
        rules.append(RuleCount(name, "warn", accepted, over, f"{count} rows, tolerated {limit:.0%}"))
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


def _volume(before: States, summary: HourSummary) -> list[RuleCount]:
    """WARN if the hour holds far fewer or more events than the hours known around it."""
    known = [
        row.row_count
        for (table, hour), row in before.items()
        if table == SILVER_EVENTS.path and hour < summary.hour and row.row_count
    ][-24:]
    if len(known) < 6:
        return []
    usual = median(known)
    rows = summary.rows_of(SILVER_EVENTS)
    checks = summary.checks
    odd = not checks.volume_low_ratio * usual <= rows <= checks.volume_high_ratio * usual
    return [
        RuleCount("volume", "warn", rows, rows if odd else 0, f"the last hours' median is {usual:.0f}")
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
    return {
        "lines": summary.lines,
        "completeness": filled,
        "distinct_at_least": summary.distinct(),
        "sources": list(summary.sources),
    }

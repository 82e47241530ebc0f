"""An hour of silver as one build counted it, and whether it may be committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickstream_platform.build.report import RuleCount
from clickstream_platform.build.summary import GROUP
from clickstream_platform.setting_groups import CheckSettings
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.rules import rules_of
from clickstream_platform.tables.silver import (
    RULES_VERSION,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
)
from clickstream_platform.transforms.judge import ACCEPTED, DUPLICATE, QUARANTINED, VERDICTS

REJECT_RATE = "reject_rate"
CONSERVATION = "lines_conserved"
KEYS = "key_unique"


def _together(name: str, one: Any, other: Any) -> Any:
    """A column of two groups as one: counts and hashes add up, estimates and times do not."""
    if name in GROUP or one is None or other is None:
        return other if one is None else one
    is_extreme = name == "max_event_at" or name.startswith("distinct__")
    return max(one, other) if is_extreme else one + other


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
    checks: CheckSettings
    blocked_by: str | None

    @classmethod
    def of(
        cls,
        hour: str,
        groups: Sequence[Mapping[str, Any]],
        bronze: BronzeCount,
        checks: CheckSettings,
    ) -> HourSummary:
        summary = cls(hour, groups, bronze, checks, None)
        broken = [rule.rule for rule in summary.blocking_rules() if not rule.passed]
        return cls(hour, groups, bronze, checks, broken[0] if broken else None)

    def plus(self, more: HourSummary) -> HourSummary:
        """The hour with these lines besides; each of its lines is counted once."""
        groups: dict[tuple[Any, ...], dict[str, Any]] = {}
        for group in (*self.groups, *more.groups):
            known = groups.setdefault(tuple(group[name] for name in GROUP), {})
            for name, value in group.items():
                known[name] = _together(name, known.get(name), value)
        bronze = BronzeCount(
            self.bronze.lines + more.bronze.lines, self.bronze.line_hash + more.bronze.line_hash
        )
        return HourSummary.of(self.hour, list(groups.values()), bronze, self.checks)

    def less(self, left: BronzeCount) -> HourSummary:
        """The hour as if bronze did not have these lines, which nobody judged yet."""
        bronze = BronzeCount(self.bronze.lines - left.lines, self.bronze.line_hash - left.line_hash)
        return HourSummary.of(self.hour, self.groups, bronze, self.checks)

    @property
    def lines(self) -> int:
        return sum(group["lines"] for group in self.groups)

    @property
    def broken_keys(self) -> int:
        """Good lines whose id does not have exactly one accepted line."""
        return sum(group.get("broken_keys", 0) for group in self.groups)

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
        found = f"{self.rows_of(table)}:{total:x}"
        # The one column of silver that is no column of judged lines.
        return f"{found}:{RULES_VERSION}" if table is SILVER_QUARANTINE else found

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

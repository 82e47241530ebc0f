"""What a build found and did, hour by hour: the material of asset metadata and check results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from clickstream_platform.storage import delta
from clickstream_platform.tables.contract import Action
from clickstream_platform.tables.ops import DQ_RESULTS


@dataclass(frozen=True)
class RuleCount:
    """One rule in one hour: of `rows_checked` rows, `failed_count` broke it."""

    rule: str
    action: Action
    rows_checked: int
    failed_count: int
    explanation: str = ""

    @property
    def passed(self) -> bool:
        return self.failed_count == 0


@dataclass(frozen=True)
class CheckOutcome:
    """One asset check of one hour."""

    check: str
    rules: Sequence[RuleCount]
    samples: Sequence[Mapping[str, Any]] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blocking_failures(self) -> list[RuleCount]:
        return [rule for rule in self.rules if rule.action == "block" and not rule.passed]

    @property
    def warnings(self) -> list[RuleCount]:
        return [rule for rule in self.rules if rule.action != "block" and not rule.passed]

    @property
    def passed(self) -> bool:
        """Rejected and warned rows are normal; a broken invariant or a warned limit is not."""
        return not self.blocking_failures and not any(
            rule.action == "warn" and rule.failed_count for rule in self.rules
        )


@dataclass(frozen=True)
class HourReport:
    """One hour of one table after a build, or as it stands: then its checks are not evaluated."""

    table: str
    hour: str
    row_count: int
    version: int
    unchanged: bool
    checks: Sequence[CheckOutcome] = ()
    blocked_by: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    is_evaluated: bool = True


OnBuilt = Callable[[Sequence[HourReport]], object]


def nobody(_: Sequence[HourReport]) -> None:
    """Whom a build tells that only returns its reports."""


def record_results(lake: Path, reports: Sequence[HourReport], *, run_id: str) -> None:
    """Appends every rule's count to `ops/dq_results` in one commit."""
    now = datetime.now(UTC)
    rows = [
        {
            "table": report.table,
            "hour": report.hour,
            "check": check.check,
            "rule": rule.rule,
            "action": rule.action,
            "rows_checked": rule.rows_checked,
            "failed_count": rule.failed_count,
            "passed": rule.passed,
            "run_id": run_id,
            "recorded_at": now,
        }
        for report in reports
        for check in report.checks
        for rule in check.rules
    ]
    if rows:
        table = pa.Table.from_pylist(rows, schema=DQ_RESULTS.arrow_schema)
        delta.append_arrow(table, lake, DQ_RESULTS, run_id=run_id)

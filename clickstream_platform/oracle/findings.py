"""What a proof says: findings, the verdict of each law, and the report."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

MAX_FINDINGS = 20
PERSONAL = frozenset(
    {
        "user_id",
        "visitor_id",
        "anonymous_id",
        "client_session_id",
        "ip_anonymised",
        "raw",
        "rescued_data",
    }
)
MISSING_ROW = "missing row"
UNEXPECTED_ROW = "unexpected row"
DIFFERENT_VALUE = "different value"
Row = dict[str, Any]
_DAY_LENGTH = len("2024-11-29")


@dataclass(frozen=True)
class Finding:
    """One broken promise: in which table, hour and row, what was expected and what is there."""

    law: str
    table: str
    hour: str | None
    key: Row
    problem: str
    expected: Any = None
    actual: Any = None

    @property
    def words(self) -> str:
        """The finding in one line; what it has nothing to say of is left out."""
        unit = "day" if self.hour and len(self.hour) == _DAY_LENGTH else "hour"
        place = f", {unit} {self.hour}" if self.hour else ""
        row = ", ".join(f"{name} {value}" for name, value in self.key.items())
        values = ""
        if (self.expected, self.actual) != (None, None):
            values = f": expected {_said(self.expected)}, found {_said(self.actual)}"
        return f"{self.law}: {self.table}{place}{f', {row}' if row else ''}: {self.problem}{values}"


def missing_columns(law: str, table: str, names: Iterable[str]) -> list[Finding]:
    """One finding for each column that an older version did not write yet."""
    problem = "missing column: made by an older version, `clickstream run` brings it up to date"
    return [Finding(law, table, None, {"column": name}, problem) for name in sorted(names)]


@dataclass
class LawResult:
    """The verdict of one law; keeps the first findings and the number of all."""

    law: str
    checked: int = 0
    violations: int = 0
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.violations == 0

    def add(self, findings: Iterable[Finding], *, total: int | None = None) -> None:
        """Takes findings; `total` counts those that were not even fetched."""
        found = list(findings)
        self.violations += len(found) if total is None else max(total, len(found))
        self.findings.extend(found[: MAX_FINDINGS - len(self.findings)])


@dataclass
class Report:
    """The outcome of `verify`; counts are lines of bronze and rows of silver."""

    lines: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    pending: int = 0
    pending_files: int = 0
    archived: int = 0
    streamed: int = 0
    laws: list[LawResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return all(law.ok for law in self.laws)

    def as_dict(self) -> Row:
        """The JSON form; everything in it is a plain value."""
        laws = [
            {
                "law": law.law,
                "ok": law.ok,
                "checked": law.checked,
                "violations": law.violations,
                "findings": [asdict(finding) for finding in law.findings],
                "seconds": round(law.seconds, 3),
            }
            for law in self.laws
        ]
        counts = {
            name: getattr(self, name)
            for name in (
                "lines",
                "accepted",
                "duplicates",
                "quarantined",
                "pending",
                "pending_files",
                "archived",
                "streamed",
            )
        }
        return {
            "ok": self.ok,
            **counts,
            "laws": laws,
            "notes": self.notes,
            "seconds": round(self.seconds, 3),
        }


def _said(value: Any) -> str:
    return "nothing" if value is None else str(value)


def shown(row: Row) -> Row:
    """The row for people: personal data as a short digest, other values as plain JSON values."""
    return {
        name: masked(value) if name in PERSONAL else _plain(value) for name, value in row.items()
    }


def masked(value: object) -> str | None:
    """A short digest that tells equal values apart from different ones; null stays null."""
    if value is None:
        return None
    content = value if isinstance(value, bytes) else str(value).encode()
    return f"sha256:{hashlib.sha256(content).hexdigest()[:8]}"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).isoformat()
    if isinstance(value, (Decimal, date)):
        return str(value)
    if isinstance(value, bytes):
        return masked(value)
    if isinstance(value, dict):
        return shown(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value

"""What an hour of gold must satisfy, judged before its commit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount
from clickstream_platform.build.summary import content_hash
from clickstream_platform.tables.conflicts import CONFLICT_RULE, TRANSACTION_CONFLICTS
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.facts import FACT_TRANSACTIONS
from clickstream_platform.tables.rules import Rule, failed_rules, rules_of, violation_counts

FAILED = "_failed_rules"
KEYS = "key_unique"
_SAMPLES = 5


@dataclass(frozen=True)
class HourOfTable:
    """One hour of one gold table: counted, hashed, judged."""

    table: Table
    hour: str
    row_count: int
    content_hash: str
    rules: tuple[RuleCount, ...]
    samples: tuple[dict[str, Any], ...] = ()
    version: int = 0
    unchanged: bool = False

    @property
    def blocked_by(self) -> str | None:
        return next((r.rule for r in self.rules if r.action == "block" and not r.passed), None)

    def at(self, version: int, *, unchanged: bool) -> HourOfTable:
        return replace(self, version=version, unchanged=unchanged)


def with_failed_rules(rows: DataFrame, table: Table, *, enabled: bool) -> DataFrame:
    """The same rows, with the names of the rules each one breaks if checks are on."""
    if not enabled:
        return rows
    return rows.withColumn(FAILED, failed_rules(table, actions=("block", "warn")))


def judge_arrow(
    table: Table, fetched: pa.Table, hours: Sequence[str], *, enabled: bool
) -> list[HourOfTable]:
    """Every partition of `hours`, also an empty one, from rows made by `with_failed_rules`.

    A table without partitions is judged whole, under the one key given.
    """
    rules = rules_of(table) if enabled else ()
    partition = (table.partition_by,) if table.partition_by else ()
    order = [(name, "ascending") for name in (*partition, *table.keys)]
    ordered = fetched.sort_by(list(dict(order).items()))
    part_of = _parts(ordered, table.partition_by)
    return [_judge_hour(table, rules, part_of(hour), hour, enabled=enabled) for hour in hours]


def _parts(ordered: pa.Table, partition: str | None) -> Callable[[str], pa.Table]:
    """Finds a partition's rows in a table sorted by it, without a look at all others."""
    if partition is None:
        return lambda _: ordered
    spans: dict[str, tuple[int, int]] = {}
    start = 0
    for found in pc.value_counts(ordered[partition]).to_pylist():  # in order of appearance
        spans[found["values"]] = (start, found["counts"])
        start += found["counts"]
    return lambda hour: ordered.slice(*spans.get(hour, (0, 0)))


def _judge_hour(
    table: Table, rules: Sequence[Rule], fetched: pa.Table, hour: str, *, enabled: bool
) -> HourOfTable:
    rows = fetched
    if table.partition_by:
        rows = fetched.filter(pc.equal(fetched[table.partition_by], hour))
    content = rows.select(list(table.column_names)).combine_chunks()
    counts = _rule_counts(rules, rows) if enabled else ()
    return HourOfTable(
        table,
        hour,
        len(rows),
        _arrow_hash(content),
        (*counts, _key_rule(table, content)) if enabled else (),
        _samples(table, rows) if enabled else (),
    )


def _rule_counts(rules: Sequence[Rule], rows: pa.Table) -> tuple[RuleCount, ...]:
    failed = rows[FAILED].combine_chunks().flatten().to_pylist() if len(rows) else []
    return tuple(
        RuleCount(rule.name, rule.action, len(rows), failed.count(rule.name), rule.explanation)
        for rule in rules
    )


def _key_rule(table: Table, rows: pa.Table) -> RuleCount:
    distinct = rows.select(list(table.keys)).group_by(list(table.keys)).aggregate([])
    return RuleCount(
        KEYS,
        "block",
        len(rows),
        len(rows) - len(distinct),
        f"{', '.join(table.keys)} identify a row",
    )


def _arrow_hash(rows: pa.Table) -> str:
    """Hash of rows that are in key order already."""
    digest = hashlib.sha256()
    for batch in rows.to_batches():
        digest.update(batch.serialize())
    return f"{len(rows)}:{digest.hexdigest()[:24]}"


def _samples(table: Table, rows: pa.Table) -> tuple[dict[str, Any], ...]:
    if not len(rows):
        return ()
    broken = rows.filter(pc.greater(pc.list_value_length(rows[FAILED]), 0)).slice(0, _SAMPLES)
    private = {spec.name for spec in table.columns if spec.pii}
    return tuple(
        {
            name: "***" if name in private and value is not None else value
            for name, value in row.items()
        }
        for row in broken.to_pylist()
    )


def judge_spark(
    table: Table, rows: DataFrame, hours: Sequence[str], *, enabled: bool
) -> list[HourOfTable]:
    """As `judge_arrow`, by one aggregation over rows too many to fetch."""
    aggregates = [
        F.count(F.lit(1)).alias("row_count"),
        content_hash(table.content_columns).alias("content_hash"),
    ]
    if enabled:
        aggregates += violation_counts(table)
    counted = rows.groupBy("event_hour").agg(*aggregates).toArrow().to_pylist()
    found = {row["event_hour"]: row for row in counted}
    rules = rules_of(table) if enabled else ()
    return [_from_counts(table, rules, hour, found.get(hour)) for hour in hours]


def _from_counts(
    table: Table, rules: Sequence[Rule], hour: str, row: dict[str, Any] | None
) -> HourOfTable:
    if row is None:
        row = {"row_count": 0, "content_hash": 0}
    counts = tuple(
        RuleCount(
            rule.name,
            rule.action,
            row["row_count"],
            int(row.get(f"rule__{rule.name}", 0)),
            rule.explanation,
        )
        for rule in rules
    )
    return HourOfTable(
        table, hour, row["row_count"], f"{row['row_count']}:{row['content_hash']:x}", counts
    )


def report(hour: HourOfTable) -> HourReport:
    """The hour as assets and `ops/dq_results` show it."""
    checks = (CheckOutcome("contract", hour.rules, samples=hour.samples),) if hour.rules else ()
    return HourReport(
        table=hour.table.path,
        hour=hour.hour,
        row_count=hour.row_count,
        version=hour.version,
        unchanged=hour.unchanged,
        checks=checks,
        blocked_by=hour.blocked_by,
    )


def with_conflicts(hours: Sequence[HourOfTable]) -> list[HourOfTable]:
    """The same hours; those of `fact_transactions` warn of the conflicts that were found there."""
    found = {hour.hour: hour.row_count for hour in hours if hour.table is TRANSACTION_CONFLICTS}
    return [
        replace(hour, rules=(*hour.rules, _conflict_rule(hour, found[hour.hour])))
        if hour.table is FACT_TRANSACTIONS and hour.rules and hour.hour in found
        else hour
        for hour in hours
    ]


def _conflict_rule(hour: HourOfTable, conflicts: int) -> RuleCount:
    return RuleCount(
        CONFLICT_RULE,
        "warn",
        hour.row_count,
        conflicts,
        f"repeats of an order agree with its first purchase; see {TRANSACTION_CONFLICTS.sql_name}",
    )

"""Compiles a contract to one projection and one aggregation.

Pandera's own Spark backend starts one job per check and gives no counts. Here every rule of a
table becomes a Column that is true or null for a good row, so that one projection names the
failed rules of each row and one aggregation counts them all. Null semantics are Pandera's: a
value check passes on null, only `not_null` catches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from clickstream_platform.tables.contract import Action, ColumnSpec, Table


@dataclass(frozen=True)
class Rule:
    """A named condition of one table; `passes` is true or null for a good row."""

    name: str
    action: Action
    columns: tuple[str, ...]
    explanation: str
    passes: Callable[[], Column]


def rules_of(table: Table) -> tuple[Rule, ...]:
    """Every row rule of the contract: null rules, value checks, then rules over several columns."""
    return (
        *(_not_null(spec) for spec in table.columns if not spec.nullable),
        *(_value_rule(spec, check) for spec in table.columns for check in spec.checks),
        *(
            Rule(rule.name, rule.action, (), rule.explanation, rule.passes)
            for rule in table.row_rules
        ),
    )


def failed_rules(table: Table, *, actions: Iterable[Action]) -> Column:
    """The names of the rules with one of `actions` that the row breaks; an empty array if none."""
    wanted = set(actions)
    failed = [
        F.when(~F.coalesce(rule.passes(), F.lit(True)), F.lit(rule.name))
        for rule in rules_of(table)
        if rule.action in wanted
    ]
    none = F.array().cast("array<string>")
    if not failed:
        return none
    # Few rows break any rule: the others get a constant instead of an array to build and compact.
    any_failed = F.coalesce(*failed).isNotNull()
    return F.when(any_failed, F.array_compact(F.array(*failed))).otherwise(none)


def violation_counts(table: Table) -> list[Column]:
    """One aggregate per rule: the number of rows that break it, named `rule__<name>`."""
    return [
        F.count_if(~F.coalesce(rule.passes(), F.lit(True))).alias(f"rule__{rule.name}")
        for rule in rules_of(table)
    ]


def profile(table: Table) -> list[Column]:
    """One aggregate per nullable (`null__<name>`) and profiled column (`distinct__<name>`)."""
    nulls = [
        F.count_if(F.col(spec.name).isNull()).alias(f"null__{spec.name}")
        for spec in table.columns
        if spec.nullable
    ]
    distinct = [
        F.approx_count_distinct(spec.name).alias(f"distinct__{spec.name}")
        for spec in table.columns
        if spec.profile
    ]
    return [*nulls, *distinct]


def _not_null(spec: ColumnSpec) -> Rule:
    return Rule(
        f"missing_{spec.name}",
        spec.action,
        (spec.name,),
        f"{spec.name} must have a value",
        lambda: F.col(spec.name).isNotNull(),
    )


def _value_rule(spec: ColumnSpec, check: Any) -> Rule:
    if check.name not in _CONDITIONS:
        known = ", ".join(sorted(_CONDITIONS))
        raise ValueError(f"{spec.name}: check {check.name!r} cannot be compiled; known: {known}")
    suffix, condition = _CONDITIONS[check.name]
    values = dict(check.statistics)
    shown = ", ".join(str(value) for value in values.values())
    return Rule(
        f"{spec.name}_{suffix}",
        spec.action,
        (spec.name,),
        f"{spec.name} must satisfy {check.name.replace('_', ' ')} {shown}",
        lambda: condition(F.col(spec.name), values),
    )


_CONDITIONS: dict[str, tuple[str, Callable[[Column, dict[str, Any]], Column]]] = {
    "greater_than_or_equal_to": ("min", lambda c, s: c >= F.lit(s["min_value"])),
    "greater_than": ("above", lambda c, s: c > F.lit(s["min_value"])),
    "less_than_or_equal_to": ("max", lambda c, s: c <= F.lit(s["max_value"])),
    "less_than": ("below", lambda c, s: c < F.lit(s["max_value"])),
    "in_range": (
        "range",
        lambda c, s: (c >= F.lit(s["min_value"])) & (c <= F.lit(s["max_value"])),
    ),
    "isin": ("allowed", lambda c, s: c.isin([*s["allowed_values"]])),
    "str_matches": ("pattern", lambda c, s: c.rlike(_anchored(s["pattern"]))),
    "str_length": ("length", lambda c, s: F.length(c).between(s["min_value"], s["max_value"])),
}


def _anchored(pattern: Any) -> str:
    text = getattr(pattern, "pattern", pattern)
    return text if text.startswith("^") else f"^{text}"

"""Row-for-row comparison of two relations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clickstream_platform.oracle.findings import (
    DIFFERENT_VALUE,
    MAX_FINDINGS,
    MISSING_ROW,
    UNEXPECTED_ROW,
    Finding,
    LawResult,
    Row,
    shown,
)
from clickstream_platform.oracle.lake import Lake

DOUBLE_TOLERANCE = 1e-9
DIFFERING_PAIRS = """
    with
        missing as (select {columns} from {expected} except all select {columns} from {actual}),
        surplus as (select {columns} from {actual} except all select {columns} from {expected}),
        missing_rows as (
            select {packed} as row_, {key} as key_,
                row_number() over (partition by {key}) as copy_
            from missing
        ),
        surplus_rows as (
            select {packed} as row_, {key} as key_,
                row_number() over (partition by {key}) as copy_
            from surplus
        ),
        pairs as (
            select m.row_ as expected, s.row_ as actual
            from missing_rows as m
            full outer join surplus_rows as s
                on m.key_ is not distinct from s.key_ and m.copy_ = s.copy_
        )
    select * from pairs
"""


@dataclass(frozen=True)
class Comparison:
    """What is compared under which law: `expected` and `actual` are relations with `columns`."""

    law: str
    table: str
    expected: str
    actual: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    doubles: tuple[str, ...] = ()
    hour_column: str = "event_hour"


def compare(lake: Lake, comparison: Comparison, result: LawResult) -> None:
    """Adds a finding for each row that only one side has, or that differs in a column."""
    if _are_equal(lake, comparison):
        return
    lake.sql.execute(f"create or replace temp table differing as {_pairs(comparison)}")
    total = lake.number(f"select count(*) from differing where {_beyond_tolerance(comparison)}")
    if total:
        shown_pairs = lake.rows(
            f"select * from differing where {_beyond_tolerance(comparison)} "
            f"order by coalesce(expected, actual)::varchar limit {MAX_FINDINGS}"
        )
        findings = [_finding(comparison, pair["expected"], pair["actual"]) for pair in shown_pairs]
        result.add(findings, total=total)
    lake.sql.execute("drop table differing")


def _are_equal(lake: Lake, comparison: Comparison) -> bool:
    """As many rows on both sides and none that only the expected has: the same rows."""
    expected, actual = comparison.expected, comparison.actual
    if lake.number(f"select count(*) from {expected}") != lake.number(
        f"select count(*) from {actual}"
    ):
        return False
    columns = ", ".join(comparison.columns)
    return not lake.number(
        f"""select count(*) from (
                select {columns} from {expected} except all select {columns} from {actual}
            )"""
    )


def _pairs(comparison: Comparison) -> str:
    return DIFFERING_PAIRS.format(
        columns=", ".join(comparison.columns),
        expected=comparison.expected,
        actual=comparison.actual,
        packed=_packed(comparison.columns),
        key=_packed(comparison.keys),
    )


def _packed(names: Sequence[str]) -> str:
    return "{" + ", ".join(f"'{name}': {name}" for name in names) + "}"


def _beyond_tolerance(comparison: Comparison) -> str:
    """True unless the two rows differ in doubles alone, and by less than the tolerance."""
    if not comparison.doubles:
        return "true"
    exact = [name for name in comparison.columns if name not in comparison.doubles]
    equal = [f"expected.{name} is not distinct from actual.{name}" for name in exact]
    close = [
        f"(expected.{name} is not distinct from actual.{name} or coalesce("
        f"abs(expected.{name} - actual.{name}) <= {DOUBLE_TOLERANCE} * "
        f"greatest(abs(expected.{name}), abs(actual.{name})), false))"
        for name in comparison.doubles
    ]
    both = "expected is not null and actual is not null"
    return f"not ({' and '.join([both, *equal, *close])})"


def _finding(comparison: Comparison, expected: Row | None, actual: Row | None) -> Finding:
    row = expected or actual or {}
    problem = DIFFERENT_VALUE
    wanted, found = expected, actual
    if expected is None:
        problem = UNEXPECTED_ROW
    elif actual is None:
        problem = MISSING_ROW
    else:
        names = list(_differing(comparison, expected, actual))
        wanted = {name: expected[name] for name in names}
        found = {name: actual[name] for name in names}
    return Finding(
        law=comparison.law,
        table=comparison.table,
        hour=row.get(comparison.hour_column),
        key=shown({name: row[name] for name in comparison.keys}),
        problem=problem,
        expected=None if wanted is None else shown(wanted),
        actual=None if found is None else shown(found),
    )


def _differing(comparison: Comparison, expected: Row, actual: Row) -> Iterator[str]:
    for name in comparison.columns:
        if not _same(expected[name], actual[name], is_double=name in comparison.doubles):
            yield name


def _same(expected: object, actual: object, *, is_double: bool) -> bool:
    if is_double and isinstance(expected, float) and isinstance(actual, float):
        return math.isclose(expected, actual, rel_tol=DOUBLE_TOLERANCE)
    return expected == actual

"""The compiled rules count what Pandera itself, and a plain recount, find in the same rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandera.pyspark as pa
import pytest
from pandera.config import CONFIG, ValidationDepth
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables import rules
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.facts import FACT_EVENTS
from clickstream_platform.tables.marts import FUNNEL_10MIN
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform_tests.homes import Row

pytestmark = pytest.mark.slow
Pair = tuple[str, str]  # column, Pandera's name of the check
ROW_COUNT = 60
NOON = datetime(2024, 11, 29, 12, 30, tzinfo=UTC)
HOUR = "2024-11-29T12"
PANDERA_NAMES = {
    "min": "greater_than_or_equal_to",
    "max": "less_than_or_equal_to",
    "pattern": "str_matches",
    "allowed": "isin",
}
# (column, check) -> values just inside and just outside.
EDGES: dict[str, dict[Pair, tuple[list[Any], list[Any]]]] = {
    SILVER_EVENTS.path: {
        ("event_fingerprint", "str_matches"): (
            ["0123456789abcdef"],
            ["0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", " 0123456789abcdef", ""],
        ),
        ("hour_of_day", "greater_than_or_equal_to"): ([0], [-1]),
        ("hour_of_day", "less_than_or_equal_to"): ([23], [24]),
        ("value", "greater_than_or_equal_to"): ([Decimal("0.00"), None], [Decimal("-0.01")]),
        ("currency", "str_matches"): (["EUR", None], ["eur", "EURO", "EU", "1EUR", ""]),
        ("refr_medium", "isin"): (["search", "internal", "unknown", None], ["Search", ""]),
        ("enrichment_version", "greater_than_or_equal_to"): ([1], [0]),
        ("reused_id_lines", "greater_than_or_equal_to"): ([0], [-1]),
    },
    FUNNEL_10MIN.path: {
        ("step_no", "greater_than_or_equal_to"): ([1], [0]),
        ("sessions_at_step", "greater_than_or_equal_to"): ([0], [-1]),
        ("sessions_through_step", "greater_than_or_equal_to"): ([0], [-1]),
        ("step_rate", "greater_than_or_equal_to"): ([0.0, None], [-0.001]),
        ("step_rate", "less_than_or_equal_to"): ([1.0, None], [1.001]),
        ("overall_rate", "greater_than_or_equal_to"): ([0.0, None], [-0.001]),
        ("overall_rate", "less_than_or_equal_to"): ([1.0, None], [1.001]),
        ("mean_step_s", "greater_than_or_equal_to"): ([0.0, None], [-0.001]),
        ("median_step_s", "greater_than_or_equal_to"): ([0.0, None], [-0.001]),
        ("median_total_s", "greater_than_or_equal_to"): ([0.0, None], [-0.001]),
        ("traffic", "isin"): (["all", "human"], ["robots"]),
        ("unit", "isin"): (["session", "user"], ["person", ""]),
        ("mode", "isin"): (["any", "ordered", "strict"], ["Strict", ""]),
    },
}
TABLES = {table.path: table for table in (SILVER_EVENTS, FUNNEL_10MIN)}
FRAMES = [(path, half) for path in TABLES for half in (0, 1)]


def plain(type_: T.DataType) -> Any:
    """A value every table takes in a column of this type."""
    return {
        T.StringType: "text",
        T.LongType: 1,
        T.IntegerType: 1,
        T.DoubleType: 0.5,
        T.BooleanType: True,
        T.DateType: date(2024, 11, 29),
        T.TimestampType: NOON,
        T.DecimalType: Decimal("1.00"),
        T.ArrayType: [],
    }[type(type_)]


def frame_rows(table: Table, half: int) -> tuple[list[Row], dict[Pair, int]]:
    """Rows on the limits, which break a random half of the rules (`half` 0) or the others (1),
    and how many rows break each."""
    edges = EDGES[table.path]
    every: list[Pair] = [
        *((spec.name, "not_nullable") for spec in table.columns if not spec.nullable),
        *edges,
    ]
    rng = random.Random(table.path)
    rng.shuffle(every)
    broken: dict[Pair, int] = {}
    inside: dict[str, list[Any]] = {}
    for (name, _), (values, _) in edges.items():
        inside.setdefault(name, []).extend(values)
    rng = random.Random(half)
    rows: list[Row] = []
    for _ in range(ROW_COUNT):
        row: Row = {spec.name: plain(spec.type) for spec in table.columns}
        row |= {name: rng.choice(values) for name, values in inside.items()}
        for spec in table.columns:
            if spec.nullable and rng.random() < 0.2:
                row[spec.name] = None
        rows.append(row)
    whole = iter(rng.sample(rows, len(rows)))  # no row breaks two rules
    for name, check in sorted(every[half::2]):
        outside = [None, None] if check == "not_nullable" else edges[name, check][1]
        broken[name, check] = len(outside)
        for value in outside:
            next(whole)[name] = value
    return rows, broken


def by_pandera(frame: DataFrame, table: Table) -> set[Pair]:
    assert CONFIG.validation_enabled
    assert CONFIG.validation_depth in (None, ValidationDepth.SCHEMA_AND_DATA)
    schema: Any = table.model
    assert issubclass(schema, pa.DataFrameModel)
    errors = schema.validate(frame).pandera.errors
    return {
        (found["column"], name_of(found["check"]))
        for kinds in errors.values()
        for entries in kinds.values()
        for found in entries
    }


def name_of(check: str) -> str:
    """`greater_than_or_equal_to(0)` without its limit."""
    return check.split("(", maxsplit=1)[0]


def by_rules(frame: DataFrame, table: Table) -> dict[Pair, int]:
    counted = counts(frame, table)
    found: dict[Pair, int] = {}
    for rule in rules.rules_of(table):
        if not rule.columns or not counted[rule.name]:
            continue
        (column,) = rule.columns
        kind = rule.name.removeprefix(f"{column}_")
        known = "not_nullable" if rule.name == f"missing_{column}" else PANDERA_NAMES[kind]
        found[column, known] = counted[rule.name]
    return found


def counts(frame: DataFrame, table: Table) -> dict[str, int]:
    (row,) = frame.agg(*rules.violation_counts(table)).toArrow().to_pylist()
    return {name.removeprefix("rule__"): count for name, count in row.items()}


@pytest.mark.parametrize(("path", "half"), FRAMES)
def test_the_compiled_rules_name_what_pandera_names(
    spark: SparkSession, path: str, half: int
) -> None:
    table = TABLES[path]
    rows, broken = frame_rows(table, half)
    frame = spark.createDataFrame(rows, table.struct_type)
    assert by_pandera(frame, table) == set(broken)
    assert by_rules(frame, table) == broken


def test_the_two_frames_of_a_table_break_every_column_rule_once() -> None:
    for path, table in TABLES.items():
        of_columns = [rule for rule in rules.rules_of(table) if rule.columns]
        first, second = (frame_rows(table, half)[1] for half in (0, 1))
        assert not first.keys() & second.keys()
        assert len(first | second) == len(of_columns), path


Condition = Callable[[Column, dict[str, Any]], Column]
WRONG: dict[str, tuple[str, Condition]] = {
    "limit excluded below": ("greater_than_or_equal_to", lambda c, s: c > F.lit(s["min_value"])),
    "limit excluded above": ("less_than_or_equal_to", lambda c, s: c < F.lit(s["max_value"])),
    "one below let through": (
        "greater_than_or_equal_to",
        lambda c, s: c >= F.lit(s["min_value"]) - 1,
    ),
    "never broken": ("str_matches", lambda c, _: F.lit(True)),
    "pattern without its end": (
        "str_matches",
        lambda c, s: c.rlike(str(s["pattern"]).removesuffix("$")),
    ),
    "null is no match": (
        "str_matches",
        lambda c, s: F.coalesce(c.rlike(s["pattern"]), F.lit(False)),
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_rule_compiled_wrongly_no_longer_agrees(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    check, condition = WRONG[mistake]
    suffix, _ = rules._CONDITIONS[check]
    monkeypatch.setitem(rules._CONDITIONS, check, (suffix, condition))
    differs = 0
    for path, half in FRAMES:
        rows, broken = frame_rows(TABLES[path], half)
        if check in {name for _, name in EDGES[path]}:
            frame = spark.createDataFrame(rows, TABLES[path].struct_type)
            differs += by_rules(frame, TABLES[path]) != broken
    assert differs


def random_items(rng: random.Random) -> list[Row]:
    return [
        {
            "item_id": rng.choice(["p1", None]),
            "item_name": None,
            "item_brand": None,
            "item_category": None,
            "price": rng.choice([Decimal("0.00"), Decimal("9.99"), Decimal("-0.01"), None]),
            "quantity": rng.choice([1, 1, 2, 0, -1, None]),
        }
        for _ in range(rng.randrange(3))
    ]


def random_events(table: Table, seed: int) -> list[Row]:
    rng = random.Random(seed)
    rows: list[Row] = []
    for number in range(ROW_COUNT):
        row: Row = {spec.name: plain(spec.type) for spec in table.columns}
        row |= {
            "event_id": f"e{number}",
            "event_name": rng.choice(["purchase", "purchase", "view_item", None]),
            "event_timestamp": rng.choice(
                [NOON.replace(minute=0), NOON.replace(minute=59), NOON.replace(hour=13), None]
            ),
            "event_hour": rng.choice([HOUR, HOUR, None]),
            "visitor_id": rng.choice(["v", None]),
            "value": rng.choice([Decimal("0.00"), None]),
            "items": random_items(rng),
        }
        if "session_id" in row:
            row["session_id"] = rng.choice(["s", None])
        rows.append(row)
    return rows


def lies_elsewhere(row: Row) -> bool:
    moment, hour = row["event_timestamp"], row["event_hour"]
    return moment is not None and hour is not None and f"{moment:%Y-%m-%dT%H}" != hour


def has_item_below(row: Row, field: str, limit: int) -> bool:
    return any(item[field] is not None and item[field] < limit for item in row["items"])


RECOUNTS: dict[str, dict[str, Callable[[Row], bool]]] = {
    SILVER_EVENTS.path: {
        "lives_in_its_hour": lies_elsewhere,
        "negative_price": lambda row: has_item_below(row, "price", 0),
        "quantity_below_one": lambda row: has_item_below(row, "quantity", 1),
        "purchase_without_product": lambda row: (
            row["event_name"] == "purchase" and not any(i["item_id"] for i in row["items"])
        ),
        "purchase_without_value": lambda row: (
            row["event_name"] == "purchase" and row["value"] is None
        ),
        "no_visitor": lambda row: row["visitor_id"] is None,
    },
    FACT_EVENTS.path: {
        "visitor_has_session": lambda row: (
            (row["visitor_id"] is None) != (row["session_id"] is None)
        ),
    },
}


@pytest.mark.parametrize("table", [SILVER_EVENTS, FACT_EVENTS], ids=lambda table: table.path)
def test_rules_over_several_columns_count_as_a_plain_recount_does(
    spark: SparkSession, table: Table
) -> None:
    rows = random_events(table, seed=11)
    expected = {
        name: sum(breaks(row) for row in rows) for name, breaks in RECOUNTS[table.path].items()
    }
    assert all(0 < count < ROW_COUNT for count in expected.values()), expected
    assert set(expected) == {rule.name for rule in table.row_rules}
    counted = counts(spark.createDataFrame(rows, table.struct_type), table)
    assert {name: counted[name] for name in expected} == expected

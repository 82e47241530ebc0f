"""The contract of a table: what one row is, its columns, keys, rules, and who writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pandera.pyspark as pa
import pyarrow as arrow
from pyspark.sql import Column
from pyspark.sql import types as T

Layer = Literal["bronze", "silver", "gold", "ops"]
Writer = Literal["spark", "deltalake"]
Reach = Literal["same", "sessions", "orders", "day", "all", "none"]
DAY_COLUMN = "event_day"
SNAPSHOT_KEY = "all"  # the one key of a table that is built whole
Action = Literal["reject", "warn", "block"]


def column(
    description: str,
    *,
    nullable: bool = False,
    of: Sequence[str] = (),
    unit: str | None = None,
    pii: Literal["id", "network", "free_text"] | None = None,
    action: Action = "block",
    profile: bool = False,
    before: str | bool | None = None,
    **checks: Any,
) -> Any:
    """A Pandera field that also knows its unit, lineage and what a broken rule leads to.

    `of` names the inputs as `layer/table.column`; `profile` adds an approximate count of distinct
    values to the hour's report; `before` is what rows have that were written before the table had
    the column; `checks` are Pandera's own (`ge`, `isin`, `str_matches`, …).
    """
    metadata = {
        "unit": unit,
        "of": tuple(of),
        "pii": pii,
        "action": action,
        "profile": profile,
        "before": before,
    }
    return pa.Field(nullable=nullable, description=description, metadata=metadata, **checks)


@dataclass(frozen=True)
class ColumnSpec:
    """One column as the contract declares it."""

    name: str
    type: T.DataType
    nullable: bool
    description: str
    unit: str | None
    of: tuple[str, ...]
    pii: str | None
    action: Action
    profile: bool
    before: str | bool | None
    checks: tuple[Any, ...]


@dataclass(frozen=True)
class RowRule:
    """A rule over several columns of one row; `passes` is true or null for a good row."""

    name: str
    passes: Callable[[], Column]
    explanation: str
    action: Action = "block"


@dataclass(frozen=True, eq=False)
class Table:
    """One table of the lake; everything else about it is derived from here."""

    layer: Layer
    name: str
    model: type[pa.DataFrameModel]
    grain: str
    keys: tuple[str, ...]
    partition_by: str | None
    writer: Writer
    owner: str
    inputs: tuple[str, ...] = ()
    reach: Reach = "same"
    days_before: int = 0  # how far the reach `day` goes beyond the day itself
    days_after: int = 0
    retention: str = "kept until erased"
    row_rules: tuple[RowRule, ...] = ()
    kinds: tuple[str, ...] = ()
    stats_columns: tuple[str, ...] = ()
    lineage_columns: tuple[str, ...] = ()
    hourly: bool = True

    @property
    def path(self) -> str:
        """`layer/name`: the folder under the lake and the asset key joined by a slash."""
        return f"{self.layer}/{self.name}"

    @property
    def key(self) -> list[str]:
        return [self.layer, self.name]

    @property
    def is_daily(self) -> bool:
        return self.partition_by == DAY_COLUMN

    @property
    def is_snapshot(self) -> bool:
        """Built whole, from all facts there are; its one state has the key `all`."""
        return self.reach == "all"

    @property
    def sql_name(self) -> str:
        return f"{self.layer}.{self.name}"

    @cached_property
    def columns(self) -> tuple[ColumnSpec, ...]:
        """The columns in declared order."""
        return tuple(
            _spec(name, declared) for name, declared in self.model.to_schema().columns.items()
        )

    @cached_property
    def late_columns(self) -> dict[str, str | bool]:
        """Columns that rows of an older home lack, and the value these rows have."""
        return {spec.name: spec.before for spec in self.columns if spec.before is not None}

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.columns)

    @property
    def content_columns(self) -> tuple[str, ...]:
        """The columns that say what happened; without addresses, transport times and runs."""
        return tuple(name for name in self.column_names if name not in self.lineage_columns)

    @cached_property
    def struct_type(self) -> T.StructType:
        """Spark's schema; all nullable, as delta-rs and Arrow keep it (nulls are a check)."""
        return T.StructType(
            [
                T.StructField(spec.name, spec.type, True, {"comment": spec.description})
                for spec in self.columns
            ]
        )

    @cached_property
    def arrow_schema(self) -> arrow.Schema:
        """The schema every delta-rs commit of this table is cast to."""
        return arrow.schema(
            [arrow.field(spec.name, arrow_type(spec.type)) for spec in self.columns]
        )


def _spec(name: str, declared: Any) -> ColumnSpec:
    metadata = declared.metadata or {}
    return ColumnSpec(
        name=name,
        type=declared.dtype.type,
        nullable=bool(declared.nullable),
        description=declared.description or "",
        unit=metadata.get("unit"),
        of=metadata.get("of", ()),
        pii=metadata.get("pii"),
        action=metadata.get("action", "block"),
        profile=metadata.get("profile", False),
        before=metadata.get("before"),
        checks=tuple(declared.checks),
    )


_ARROW_TYPES: dict[type[T.DataType], arrow.DataType] = {
    T.StringType: arrow.string(),
    T.LongType: arrow.int64(),
    T.IntegerType: arrow.int32(),
    T.DoubleType: arrow.float64(),
    T.BooleanType: arrow.bool_(),
    T.BinaryType: arrow.binary(),
    T.DateType: arrow.date32(),
    T.TimestampType: arrow.timestamp("us", tz="UTC"),
}


def arrow_type(spark_type: T.DataType) -> arrow.DataType:
    """The Arrow type stored for a Spark type: microseconds UTC, decimals as declared."""
    if isinstance(spark_type, T.DecimalType):
        return arrow.decimal128(spark_type.precision, spark_type.scale)
    if isinstance(spark_type, T.ArrayType):
        return arrow.list_(arrow_type(spark_type.elementType))
    if isinstance(spark_type, T.StructType):
        return arrow.struct(
            [arrow.field(f.name, arrow_type(f.dataType)) for f in spark_type.fields]
        )
    return _ARROW_TYPES[type(spark_type)]

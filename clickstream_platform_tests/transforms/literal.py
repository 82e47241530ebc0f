"""Literal rows in, literal rows out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession

ITEMS = (
    "array<struct<item_id: string, item_name: string, item_brand: string, "
    "item_category: string, price: decimal(12,2), quantity: bigint>>"
)


def at(time: str, day: str = "2024-11-29") -> datetime:
    """A moment of the fixed day, UTC."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC)


def money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def item(
    item_id: str | None, price: str | None, quantity: int | None, category: str | None = None
) -> dict[str, Any]:
    return {
        "item_id": item_id,
        "item_name": None,
        "item_brand": None,
        "item_category": category,
        "price": money(price),
        "quantity": quantity,
    }


def robots(spark: SparkSession, *visitors: str, hour: str = "2024-11-29T10") -> DataFrame:
    """The visitors that are robots in the hour."""
    return spark.createDataFrame(
        [(hour, visitor) for visitor in visitors], "event_hour string, visitor_id string"
    )


def tuples(rows: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The columns' values, one tuple per row, sorted; nulls first."""
    found = [tuple(row.values()) for row in rows.select(*columns).toArrow().to_pylist()]
    return sorted(found, key=lambda row: [(value is not None, str(value)) for value in row])

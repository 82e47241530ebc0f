"""The products of an event: a list in the line, or the one of a flat line."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.sources.model import ITEM_FIELDS, Items, Source, names_of
from clickstream_platform.tables.silver import ITEM
from clickstream_platform.transforms.nested import JSON_OPTIONS

LISTED_TEXT = "_listed_text"
ITEM_TEXTS = (
    "_item_id",
    "_item_name",
    "_item_brand",
    "_item_category",
    "_price_text",
    "_quantity_text",
    "_price",
    "_quantity",
)
_DECIMAL = r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$"
_WHOLE = r"^[+-]?\d+(?:\.0*)?$"
_NO_ITEMS = f"array<{ITEM.simpleString()}>"


def amount(text: Column) -> Column:
    """Money, rounded half up to cents; null if the text is no number below 10^10."""
    return F.when(text.rlike(_DECIMAL), text.try_cast("decimal(12,2)"))


def whole_number(text: Column) -> Column:
    return F.when(text.rlike(_WHOLE), F.regexp_replace(text, r"\.0*$", "").try_cast("bigint"))


def with_items(rows: DataFrame, source: Source) -> DataFrame:
    """The same rows with `items` and `value`; for a source with a list also `_listed`, which is
    null where the text of the list cannot be read."""
    if source.items is None:
        return rows.withColumn("items", _flat()).withColumn("value", _flat_value())
    listed = F.from_json(LISTED_TEXT, _list_schema(source.items), JSON_OPTIONS)
    return (
        rows.withColumn("_listed", F.when(F.col(LISTED_TEXT).rlike(r"^[\[{]"), listed))
        .withColumn("_typed", _typed(source))
        .withColumn("items", _listed_or_flat())
        .withColumn("value", _value())
    )


def listed_is_wrong(name: str) -> Column:
    """True if an element of the list has a text for `price` or `quantity` that is no number."""
    wrong = F.exists("_typed", lambda item: item[f"bad_{name}"])
    return F.coalesce(wrong, F.lit(False))


def _flat() -> Column:
    item = F.struct(
        F.col("_item_id").alias("item_id"),
        F.col("_item_name").alias("item_name"),
        F.col("_item_brand").alias("item_brand"),
        F.col("_item_category").alias("item_category"),
        F.col("_price").alias("price"),
        F.col("_quantity").alias("quantity"),
    )
    present = F.coalesce(*[F.col(name) for name in ITEM_TEXTS[:6]]).isNotNull()
    return F.when(present, F.array(item)).otherwise(F.array()).cast(_NO_ITEMS)


def _flat_value() -> Column:
    """One item at most here; the product is null from 10^10 on."""
    quantity = F.coalesce("_quantity", F.lit(1).cast("bigint")).cast("decimal(20,0)")
    return F.try_multiply(F.col("_price"), quantity).try_cast("decimal(12,2)")


def _list_schema(items: Items) -> str:
    names = dict.fromkeys(name for value in items.item.values() for name in names_of(value))
    return "array<struct<" + ", ".join(f"`{name}`: string" for name in names) + ">>"


def _typed(source: Source) -> Column:
    """Elements with a value of their own, converted; `bad_…` tells of texts that are no number."""
    mapped = source.items.item if source.items else {}

    def texts_of(element: Column) -> dict[str, Column]:
        def present(name: str) -> Column:
            text = F.trim(element[name])
            return F.when(~text.isin(source.missing_values), text)

        return {
            name: F.coalesce(*[present(alias) for alias in names_of(mapped[name])])
            if name in mapped
            else F.lit(None).cast("string")
            for name in ITEM_FIELDS
        }

    def typed(element: Column) -> Column:
        texts = texts_of(element)
        price, quantity = amount(texts["price"]), whole_number(texts["quantity"])
        return F.struct(
            *[texts[name].alias(name) for name in ITEM_FIELDS[:4]],
            price.alias("price"),
            quantity.alias("quantity"),
            (texts["price"].isNotNull() & price.isNull()).alias("bad_price"),
            (texts["quantity"].isNotNull() & quantity.isNull()).alias("bad_quantity"),
            F.coalesce(*texts.values()).isNotNull().alias("is_filled"),
        )

    return F.filter(F.transform("_listed", typed), lambda item: item["is_filled"])


def _listed_or_flat() -> Column:
    def item(typed: Column) -> Column:
        return F.struct(*[typed[name].alias(name) for name in ITEM_FIELDS])

    listed = F.transform("_typed", item).cast(_NO_ITEMS)
    return F.when(F.size("_typed") > 0, listed).otherwise(_flat())


def _value() -> Column:
    """Null without a price, and from 10^10 on."""

    def line_value(item: Column) -> Column:
        quantity = F.coalesce(item["quantity"], F.lit(1).cast("bigint")).cast("decimal(20,0)")
        return F.try_multiply(item["price"], quantity).cast("decimal(38,2)")

    priced = F.filter("items", lambda item: item["price"].isNotNull())
    total = F.aggregate(
        F.transform(priced, line_value),
        F.lit(0).cast("decimal(38,2)"),
        lambda total, value: F.try_add(total, value).cast("decimal(38,2)"),
    )
    return F.when(F.size(priced) > 0, total.try_cast("decimal(12,2)"))

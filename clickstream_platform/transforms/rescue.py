"""What a mapping does not take up or cannot convert, kept beside the event."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from clickstream_platform.sources.model import AMOUNT_FIELDS, TIME_FIELDS, Source, names_of
from clickstream_platform.transforms.items import LISTED_TEXT, listed_is_wrong


def unparsable(source: Source) -> dict[str, Column]:
    """Warning -> whether the row has such a text; only of fields the source maps."""
    conditions: dict[str, list[Column]] = {}
    for name, (_, _, condition) in _converted(source).items():
        conditions[f"unparsable_{name}"] = [condition]
    if source.items:
        for name in ("price", "quantity"):
            found = conditions.setdefault(f"unparsable_{name}", [])
            if name in source.items.item:
                found.append(listed_is_wrong(name))
        conditions["unparsable_items"] = [_list_is_lost()]
    if source.container_fields():
        conditions["unparsable_json"] = [F.col("_unread").isNotNull()]
    return {name: _any(found) for name, found in conditions.items() if found}


def rescued_data(source: Source) -> Column:
    """JSON object of the undeclared fields and of the texts that could not be converted."""
    parts = _lost_texts(source)
    if source.items:
        lost = [_list_is_lost()]
        lost += [listed_is_wrong(n) for n in ("price", "quantity") if n in source.items.item]
        parts.append(
            F.when(_any(lost), F.create_map(F.lit(source.items.field), F.col(LISTED_TEXT)))
        )
    parts.append(F.col("_unread"))
    if source.schema_mode != "add":
        parts.append(F.col("_extra"))
    empty = F.create_map().cast("map<string,string>")
    merged = F.map_concat(*[F.coalesce(part, empty) for part in parts])
    present = F.coalesce(*parts).isNotNull()
    return F.when(present, F.nullif(F.to_json(merged), F.lit("{}")))


def _lost_texts(source: Source) -> list[Column]:
    """A map per source field, of which the texts that could not be converted count."""
    by_field: dict[str, list[Column]] = {}
    for field, text, condition in _converted(source).values():
        by_field.setdefault(field, []).append(F.when(condition, text))
    return [
        F.when(F.coalesce(*texts).isNotNull(), F.create_map(F.lit(field), F.coalesce(*texts)))
        for field, texts in by_field.items()
    ]


def _converted(source: Source) -> dict[str, tuple[str, Column, Column]]:
    """Name -> the source's field, its text, and whether the text could not be converted."""
    found: dict[str, tuple[str, str, str]] = {}
    for name in ("price", "quantity"):
        if name in source.item:
            found[name] = (names_of(source.item[name])[0], f"_{name}_text", f"_{name}")
    for name in (*AMOUNT_FIELDS, *TIME_FIELDS):
        if name in source.fields:
            found[name] = (names_of(source.fields[name])[0], f"_{name}_text", name)
    return {
        name: (field, F.col(text), F.col(text).isNotNull() & F.col(made).isNull())
        for name, (field, text, made) in found.items()
    }


def _list_is_lost() -> Column:
    return F.col(LISTED_TEXT).isNotNull() & F.col("_listed").isNull()


def _any(conditions: list[Column]) -> Column:
    first, *others = conditions
    for other in others:
        first = first | other
    return first

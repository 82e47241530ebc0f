"""Looks into fields that hold JSON (docs/DEFINITIONS.md, Reading a line, 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.sources.model import LineForm
from clickstream_platform.sources.paths import FieldPath, field_path

JSON_OPTIONS = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_PARAMETER_VALUES = ("string_value", "int_value", "float_value", "double_value")
_PARAMETERS = (
    "array<struct<`key`: string, `value`: struct<"
    + ", ".join(f"`{name}`: string" for name in _PARAMETER_VALUES)
    + ">>>"
)


def container_column(top: str) -> str:
    """The column that holds the text of a field that is looked into."""
    return f"_text_of_{top}"


def with_inner_fields(
    lines: DataFrame, source: LineForm, carried: Sequence[str], raw_names: Mapping[str, str]
) -> DataFrame:
    """The same rows with the `_raw_…` columns of inner paths and `_unread` in place of the texts.

    A source without inner paths costs nothing here but a constant column.
    """
    tops = source.container_fields()
    no_map = F.lit(None).cast("map<string,string>").alias("_unread")
    if not tops:
        return lines.select("*", no_map)
    inner = {f"_inner_{place}": _inner(source, top) for place, top in enumerate(tops)}
    place_of = {top: f"_inner_{place}" for place, top in enumerate(tops)}
    raws = []
    for name, column in raw_names.items():
        path = field_path(name)
        raws.append(
            F.col(column)
            if path.is_plain
            else F.trim(_value(F.col(place_of[path.top]), path)).alias(column)
        )
    unread = [_unread(source, top, F.col(place_of[top])) for top in tops]
    return lines.withColumns(inner).select(
        *carried, "_fatal", "_detail", *raws, "_extra", _merged(unread).alias("_unread")
    )


def _inner(source: LineForm, top: str) -> Column:
    paths = [field_path(name) for name in source.mapped_fields()]
    inside = [path for path in paths if path.top == top and not path.is_plain]
    text = F.col(f"`{container_column(top)}`")
    if any(not path.inner for path in inside):
        return F.when(F.startswith(text, F.lit("[")), F.from_json(text, _PARAMETERS, JSON_OPTIONS))
    schema = _schema(inside)
    # In an array, for of a broken object alone Spark makes one whose fields are all null.
    parsed = F.from_json(F.concat(F.lit("["), text, F.lit("]")), f"array<{schema}>", JSON_OPTIONS)
    return F.when(F.startswith(text, F.lit("{")), F.get(parsed, F.lit(0)))


def _schema(paths: Sequence[FieldPath]) -> str:
    tree: dict[str, Any] = {}
    for path in paths:
        node = tree
        for step in path.inner[:-1]:
            node = node.setdefault(step, {})
        node[path.inner[-1]] = _PARAMETERS if path.key else "string"
    return _type(tree)


def _type(node: dict[str, Any] | str) -> str:
    if isinstance(node, str):
        return node
    return "struct<" + ", ".join(f"`{name}`: {_type(n)}" for name, n in node.items()) + ">"


def _value(container: Column, path: FieldPath) -> Column:
    found = container
    for step in path.inner:
        found = found.getField(step)
    if path.key is None:
        return found
    wanted = F.get(F.filter(found, lambda entry: entry["key"] == path.key), F.lit(0))["value"]
    return F.coalesce(*[wanted[name] for name in _PARAMETER_VALUES])


def _unread(source: LineForm, top: str, inner: Column) -> Column:
    text = F.col(f"`{container_column(top)}`")
    lost = inner.isNull() & ~text.isin(source.missing_values)
    return F.when(lost, F.create_map(F.lit(top), text))


def _merged(maps: Sequence[Column]) -> Column:
    """One map of all that are there; null if none is."""
    if len(maps) == 1:
        return maps[0]
    empty = F.create_map().cast("map<string,string>")
    both = F.map_concat(*[F.coalesce(one, empty) for one in maps])
    return F.when(F.coalesce(*maps).isNotNull(), both)

"""Inner texts of a line and its products (DEFINITIONS, reading a line, 3, 6 and 7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from typing import Any

from clickstream_platform.oracle.json_text import first_json, text_of
from clickstream_platform.oracle.mappings import Mapping
from clickstream_platform.oracle.numbers import price, whole_number

ITEM_TEXTS = ("item_id", "item_name", "item_brand", "item_category")
_PATH = re.compile(r"([^\[]*)(?:\[(.*)\])?")
_PARAMETER_VALUES = ("string_value", "int_value", "float_value", "double_value")
Texts = dict[str, str]


@dataclass
class Found:
    """What reading a line leaves beside its columns."""

    rescued: dict[str, str]
    warnings: set[str]


def with_inner_texts(own: Texts, mapping: Mapping, found: Found) -> Texts:
    """The line's texts and those its paths lead to; a field that should hold JSON is rescued."""
    texts = dict(own)
    for name in mapping.paths:
        steps, key = _PATH.fullmatch(name).groups()  # type: ignore[union-attr]
        top, *inner = steps.split(".")
        if (not inner and key is None) or top not in own:
            continue
        container = first_json(own[top], "{" if inner else "[")
        if container is None or (not inner and not _is_list_of_objects(container)):
            found.rescued[top] = own[top]
            found.warnings.add("unparsable_json")
            continue
        text = text_of(_parameter(_inside(container, inner), key))
        if text is not None and text not in mapping.missing_values:
            texts[name] = text
    return texts


def _inside(container: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if type(container) is not dict:
            return None
        container = container.get(step)
    return container


def _is_list_of_objects(value: Any) -> bool:
    return type(value) is list and all(entry is None or type(entry) is dict for entry in value)


def _parameter(value: Any, key: str | None) -> Any:
    """The value of the first parameter with this key."""
    if key is None:
        return value
    if type(value) is dict:
        value = [value]
    if not _is_list_of_objects(value):
        return None
    for entry in value:
        if entry is not None and _raw_text(entry.get("key")) == key:
            held = entry.get("value")
            held = held if type(held) is dict else {}
            return next((held[n] for n in _PARAMETER_VALUES if held.get(n) is not None), None)
    return None


def _raw_text(value: Any) -> str | None:
    return value if isinstance(value, str) else text_of(value)


def converted(
    name: str,
    convert: Callable[[str], Any],
    texts: Texts,
    fields: AnyMapping[str, Sequence[str]],
    found: Found,
    *,
    default: str | None = None,
) -> tuple[str | None, Any]:
    """(text, value) of a field; a text that cannot be converted is rescued, with a warning."""
    names = fields.get(name, ())
    text = next((texts[alias] for alias in names if alias in texts), default)
    value = None if text is None else convert(text)
    if text is not None and value is None:
        found.rescued[names[0]] = text
        found.warnings.add(f"unparsable_{name}")
    return text, value


def items_of(texts: Texts, mapping: Mapping, found: Found) -> list[dict[str, Any]]:
    """The products of the list, else the flat one."""
    flat = _flat_item(texts, mapping, found)
    listed = _listed_items(texts, mapping, found)
    return listed or flat


def _flat_item(texts: Texts, mapping: Mapping, found: Found) -> list[dict[str, Any]]:
    named = {
        name: next((texts[a] for a in mapping.item.get(name, ()) if a in texts), None)
        for name in ITEM_TEXTS
    }
    default = mapping.default_price if named["item_id"] is not None else None
    price_text, amount = converted("price", price, texts, mapping.item, found, default=default)
    quantity_text, pieces = converted("quantity", whole_number, texts, mapping.item, found)
    if all(text is None for text in (*named.values(), price_text, quantity_text)):
        return []
    return [{**named, "price": amount, "quantity": pieces}]


def _listed_items(texts: Texts, mapping: Mapping, found: Found) -> list[dict[str, Any]]:
    if mapping.list_field is None or mapping.list_field not in texts:
        return []
    text = texts[mapping.list_field]
    value = first_json(text, "[") or first_json(text, "{")
    if value is None and first_json(text, "[") != []:
        found.rescued[mapping.list_field] = text
        found.warnings.add("unparsable_items")
        return []
    elements = [value] if type(value) is dict else value or []
    if not _is_list_of_objects(elements):
        found.rescued[mapping.list_field] = text
        found.warnings.add("unparsable_items")
        return []
    return [item for e in elements if e is not None and (item := _item(e, text, mapping, found))]


def _item(
    element: dict[str, Any], text: str, mapping: Mapping, found: Found
) -> dict[str, Any] | None:
    inner = {name: text_of(value) for name, value in element.items()}
    own = {n: t for n, t in inner.items() if t is not None and t not in mapping.missing_values}
    picked = {
        name: next((own[alias] for alias in aliases if alias in own), None)
        for name, aliases in mapping.list_item.items()
    }
    if all(value is None for value in picked.values()):
        return None
    item: dict[str, Any] = {name: picked.get(name) for name in ITEM_TEXTS}
    for name, convert in (("price", price), ("quantity", whole_number)):
        written = picked.get(name)
        item[name] = None if written is None else convert(written)
        if written is not None and item[name] is None:
            found.rescued[mapping.list_field or ""] = text
            found.warnings.add(f"unparsable_{name}")
    return item

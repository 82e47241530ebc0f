"""One JSON object as the texts of its fields.

Python and not DuckDB's JSON functions: those rewrite numbers, take the first of two equal keys
and accept NaN and trailing commas.
"""

from __future__ import annotations

import json
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from clickstream_platform.oracle.numbers import double_text

SPACES = " \t\n\r"
Texts = dict[str, Any]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


class _Number(str):
    """The text of a JSON number, told from a string that looks like one."""

    __slots__ = ()


def _double(text: str) -> str:
    return _Number(double_text(text))


# Whole numbers stay the text they are written in, others become the shortest of their double.
_DECODER = json.JSONDecoder(parse_float=_double, parse_int=_Number, parse_constant=_refuse_constant)


def json_object(text: str) -> Texts | None:
    """Key -> text, or a bool or None; the last of equal keys; null if no single JSON object."""
    try:
        found = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    if type(found) is not dict:
        return None
    may_nest = "[" in text or text.count("{") > 1
    if may_nest and any(type(value) in (dict, list) for value in found.values()):
        found = _with_nested_texts(text, found)
    if "\\u" in text:
        return {
            _encodable(key): _encodable(value) if isinstance(value, str) else value
            for key, value in found.items()
        }
    return found


def _encodable(text: str) -> str:
    """Half of a surrogate pair has no UTF-8 and becomes `?`, as Java writes it."""
    return text.encode("utf-8", "replace").decode()


def _with_nested_texts(text: str, found: Texts) -> Texts:
    """The object with nested values as JSON text without blanks."""
    texts = dict(found)
    position = text.index("{") + 1
    while True:
        position = _skip(text, position, SPACES)
        key, position = scanstring(text, position + 1)
        position = _skip(text, _skip(text, position, SPACES) + 1, SPACES)
        value, end = _DECODER.raw_decode(text, position)
        texts[key] = compact_json(value) if type(value) in (dict, list) else value
        position = _skip(text, end, SPACES)
        if text[position] == "}":
            return texts
        position += 1


def compact_json(value: Any) -> str:
    """JSON without blanks; numbers as they were read."""
    if type(value) is dict:
        inner = (f"{compact_json(k)}:{compact_json(v)}" for k, v in value.items())
        return "{" + ",".join(inner) + "}"
    if type(value) is list:
        return "[" + ",".join(map(compact_json, value)) + "]"
    if type(value) is _Number:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _skip(text: str, position: int, characters: str) -> int:
    while text[position] in characters:
        position += 1
    return position


def text_of(value: Any) -> str | None:
    """A value's trimmed text; null for null."""
    if value is None:
        return None
    if isinstance(value, str):
        return _encodable(str(value)).strip(" ")
    if type(value) is bool:
        return "true" if value else "false"
    return _encodable(compact_json(value)).strip(" ")


def first_json(text: str, begin: str) -> Any:
    """The JSON value the text is, if it begins with `begin`; else null."""
    if not text.startswith(begin):
        return None
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None

"""Rejected lines with their shape and without their content."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST = 300
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")


def masked(raw: bytes) -> str:
    """Letters as `x`, digits as `9`; of a JSON object the field names stay."""
    text = raw.decode("utf-8", errors="replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return hidden(text)[:LONGEST]
    if not isinstance(found, dict):
        return hidden(text)[:LONGEST]
    return json.dumps(_inner(found), ensure_ascii=False)[:LONGEST]


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _inner(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_inner(inner) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    shape = hidden(str(value))
    return shape if isinstance(value, str) else f"({shape})"  # in brackets: no text, a number


def hidden(text: str) -> str:
    """Letters as `x`, digits as `9`."""
    return _DIGIT.sub("9", _LETTER.sub("x", text))

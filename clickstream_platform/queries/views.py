"""The views of the lake, `views/*.sql`, and what an SQL text is made from."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

LAYERS = ("gold", "silver", "ops", "bronze")
VIEW_DIR = Path(__file__).parent / "views"
_MENTION = re.compile(
    rf'"?\b({"|".join(LAYERS)})\b"?\s*\.\s*"?([A-Za-z_]\w*)"?', re.IGNORECASE | re.ASCII
)
_COMMENT = re.compile(r"--[^\n]*")


@cache
def view_texts() -> dict[str, str]:
    """The SQL of each view by its name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(VIEW_DIR.glob("*.sql"))}


def base_tables(names: Iterable[str], *, but: Collection[str] = ()) -> set[str]:
    """The tables that `names`, tables or views, are made from in the end; not through `but`."""
    found = set()
    for name in set(names) - set(but):
        inner = mentioned(view_texts()[name]) if name in view_texts() else set()
        found |= base_tables(inner, but=but) if inner else {name}
    return found


def mentioned(sql: str) -> set[str]:
    """What looks like `layer.table` in `sql`, outside of comments."""
    found = _MENTION.findall(_COMMENT.sub("", sql))
    return {f"{layer.lower()}.{table.lower()}" for layer, table in found}

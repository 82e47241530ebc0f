"""Where a value stands in a line: a field, a path into nested JSON, or a look-up in a list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_PATH = re.compile(r"(?P<steps>[^.\[\]]+(?:\.[^.\[\]]+)*)(?:\[(?P<key>[^\[\]]+)\])?")


@dataclass(frozen=True)
class FieldPath:
    """`top` is the line's own field, `inner` the steps into its JSON.

    With `key` the value there is a list of GA4 parameters, of which the one with this key counts.
    """

    top: str
    inner: tuple[str, ...]
    key: str | None

    @property
    def is_plain(self) -> bool:
        return not self.inner and self.key is None


@lru_cache(maxsize=10_000)
def field_path(text: str) -> FieldPath:
    """`user_id`, `context.page.url` or `event_params[page_title]`, taken apart.

    Raises: ValueError if the text is no path.
    """
    found = _PATH.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no path; write `field`, `outer.inner` or `list[key]` (no empty step)"
        )
    top, *inner = found["steps"].split(".")
    return FieldPath(top, tuple(inner), found["key"])

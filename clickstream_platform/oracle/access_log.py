"""A line of an access log as the texts of its fields (DEFINITIONS, reading a line, 2)."""

from __future__ import annotations

import re

_QUOTED = r'"((?:[^"\\\x1f]|\\[^\x1f])*)"'
_LINE = re.compile(
    r"([^\s\x1f]+) ([^\s\x1f]+) ([^\s\x1f]+) \[([^\]\x1f]*)\] "
    rf"{_QUOTED} ([0-9]{{3}}) ([0-9]+|-)(?: {_QUOTED} {_QUOTED})?",
    re.ASCII,
)
_NAMES = (
    "host", "ident", "user", "time", "request", "status", "bytes", "referrer", "user_agent",
)  # fmt: skip
_REQUEST = re.compile(r"([A-Z]+) ([^ ]+)(?: (HTTP/[0-9.]+))?", re.ASCII)
_ASSETS = frozenset(
    {"css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico"}
    | {"woff", "woff2", "ttf", "otf", "eot", "txt", "xml", "json", "mp4", "webm", "mp3", "pdf"}
    | {"zip"}
)


def log_texts(text: str) -> dict[str, str | None] | None:
    """The fields by name, and what follows from the request; null if the line is none."""
    found = _LINE.fullmatch(text)
    if found is None:
        return None
    texts: dict[str, str | None] = dict(zip(_NAMES, found.groups(), strict=True))
    request = _REQUEST.fullmatch(texts["request"] or "")
    method, target, protocol = request.groups() if request else (None, None, None)
    return texts | {
        "method": method,
        "target": target,
        "protocol": protocol,
        "kind": _kind(texts["status"] or "", method, target),
    }


def _kind(status: str, method: str | None, target: str | None) -> str | None:
    if status >= "400":
        return "error"
    if method is None or target is None:
        return None
    if method != "GET":
        return "other"
    path = re.split("[?#]", target, maxsplit=1)[0]
    ending = path.rpartition(".")[2].lower() if "." in path else ""
    return "asset" if ending in _ASSETS else "page"

"""A few rejected lines to look at, with personal data masked."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from clickstream_platform.storage import delta
from clickstream_platform.tables.silver import SILVER_QUARANTINE

_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_ID = re.compile(
    r'("(?:user_?id|anonymous_?id|session_?id|email|phone|name)"\s*:\s*)("[^"]*"|\d+)',
    re.IGNORECASE,
)
_SHOWN_BYTES = 200


def masked(raw: bytes) -> str:
    """The beginning of a line, readable, with ids, mail and network addresses replaced."""
    text = raw[:_SHOWN_BYTES].decode("utf-8", errors="backslashreplace")
    text = _ID.sub(lambda found: f'{found[1]}"{_short(found[2])}"', text)
    return _ADDRESS.sub("x.x.x.x", _MAIL.sub("<mail>", text))


def _short(value: str) -> str:
    digest = hashlib.sha256(value.strip('"').encode()).hexdigest()
    return f"#{digest[:6]}"


def rejected_lines(lake: Path) -> ds.Dataset:
    """The quarantine as it is now; opened once for all hours of a build."""
    return DeltaTable(delta.location(lake, SILVER_QUARANTINE)).to_pyarrow_dataset()


def rejected_samples(rejected: ds.Dataset, hour: str, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` quarantined lines of the hour, one per set of reasons first."""
    rows = rejected.scanner(
        columns=["source_file", "source_offset", "reasons", "detail", "raw"],
        filter=pc.field("event_hour") == hour,
    ).head(50 * max(limit, 1))
    seen: dict[tuple[str, ...], int] = {}
    ranked = []
    for row in rows.to_pylist():
        key = tuple(row["reasons"])
        seen[key] = seen.get(key, 0) + 1
        ranked.append((seen[key], row))
    ranked.sort(key=lambda pair: (pair[0], pair[1]["source_file"], pair[1]["source_offset"]))
    return [
        {
            "line": f"{row['source_file']}:{row['source_offset']}",
            "reasons": ", ".join(row["reasons"]),
            "detail": row["detail"] or "",
            "raw (masked)": masked(row["raw"]),
        }
        for _, row in ranked[:limit]
    ]

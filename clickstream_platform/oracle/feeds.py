"""Catalogue feeds as the proof reads them: their mappings, and what each line states."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from clickstream_platform.oracle.fields import first_text, present_texts, values_of
from clickstream_platform.oracle.mappings import (
    BUILTIN_DIR,
    Mapping,
    MappingError,
    content_of,
    mapping_of,
)
from clickstream_platform.oracle.moments import micros
from clickstream_platform.oracle.numbers import price
from clickstream_platform.oracle.products import Found, with_inner_texts

ATTRIBUTES = {
    "products": ("item_name", "item_brand", "item_category", "price"),
    "users": ("segment", "country", "signup_date"),
    "campaigns": ("mkt_campaign", "mkt_source", "mkt_medium"),
}
TYPES = {"price": pa.decimal128(12, 2), "signup_date": pa.date32()}
ALL_ATTRIBUTES = tuple(name for names in ATTRIBUTES.values() for name in names)
STATED = pa.schema(
    [
        ("source", pa.string()),
        ("source_file", pa.string()),
        ("source_offset", pa.int64()),
        ("ingest_hour", pa.string()),
        ("raw", pa.binary()),
        ("reasons", pa.list_(pa.string())),
        ("feed_table", pa.string()),
        ("key", pa.string()),
        ("valid_from_us", pa.int64()),
        ("content_hash", pa.string()),
        *((name, TYPES.get(name, pa.string())) for name in ALL_ATTRIBUTES),
    ]
)
_DAY = re.compile(r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Feed:
    """One feed: how its lines are cut, and which fields say what of which table's things."""

    lines: Mapping
    table: str
    key: tuple[str, ...]


def read_feeds(extra_dirs: Sequence[Path]) -> dict[str, Feed]:
    """Every mapping of `kind: catalogue` by name; one in `extra_dirs` replaces a built-in one.

    Raises: MappingError if a file is no mapping.
    """
    feeds: dict[str, Feed] = {}
    for folder in (BUILTIN_DIR, *extra_dirs):
        for path in sorted(Path(folder).glob("*.yaml")):
            try:
                content = content_of(path)
                if content.get("kind") == "catalogue":
                    feeds[content["name"]] = _feed(content)
            except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
                raise MappingError(f"{path}: not the mapping of a feed ({error!r}).") from error
    return feeds


def _feed(content: dict[str, Any]) -> Feed:
    named = {**content["attributes"], "key": content["key"]}
    moment = {"field": [], **(content.get("effective_at") or {})}
    lines = mapping_of({**content, "event_id": {}, "event_timestamp": moment, "fields": named})
    return Feed(lines, content["table"], lines.fields["key"])


def stated(feeds: dict[str, Feed], lines: list[dict[str, Any]]) -> pa.Table:
    """What each line of `bronze/catalogue` states, or why it is rejected."""
    rows = [_stated(feeds.get(line["source"]), line) for line in lines]
    return pa.Table.from_pylist(rows, schema=STATED)


def _stated(feed: Feed | None, line: dict[str, Any]) -> dict[str, Any]:
    if feed is None:
        return {**line, "reasons": ["unknown_source"]}
    mapping = feed.lines
    reason, _, values = values_of(mapping, line["raw"], line["header"], line["damage"])
    if reason is not None:
        return {**line, "reasons": [reason]}
    texts = present_texts(values, mapping.missing_values)
    texts = with_inner_texts(texts, mapping, Found({}, set()))
    reasons = []
    attributes: dict[str, Any] = {}
    for name in ATTRIBUTES[feed.table]:
        text = first_text(texts, mapping.fields.get(name, ()))
        attributes[name] = None if text is None else _typed(name, text)
        if text is not None and attributes[name] is None:
            reasons.append(f"bad_{name}")
    key = first_text(texts, feed.key)
    if key is None:
        reasons.append("missing_key")
    written = first_text(texts, mapping.time_fields)
    moment = micros(f"{line['ingest_hour']}:00:00Z", "iso8601", "UTC")
    if written is not None:
        moment = micros(written, mapping.time_format, mapping.zone)
        if moment is None:
            reasons.append("bad_effective_at")
    return {
        **line,
        "reasons": sorted(reasons),
        "feed_table": feed.table,
        "key": key,
        "valid_from_us": moment,
        "content_hash": _content_hash([*attributes.values()]),
        **attributes,
    }


def _typed(name: str, text: str) -> Any:
    if name == "price":
        amount = price(text)
        return amount + Decimal(0) if amount is not None and amount >= 0 else None
    if name == "signup_date":
        if not _DAY.fullmatch(text):
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    return text


def _content_hash(values: list[Any]) -> str:
    parts = ["-" if value is None else f"{len(str(value))}:{value}" for value in values]
    return hashlib.sha256("".join(parts).encode()).hexdigest()

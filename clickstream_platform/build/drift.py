"""Fields the mappings do not know, seen in an hour, each with a patch that would declare it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from deltalake import DeltaTable

from clickstream_platform.sources.model import Source
from clickstream_platform.sources.proposal import patch_for
from clickstream_platform.storage import delta
from clickstream_platform.tables.silver import SILVER_EVENTS

_READ_ROWS = 1_000


def drift_samples(
    lake: Path, hour: str, sources: Mapping[str, Source], *, limit: int
) -> list[dict[str, Any]]:
    """Up to `limit` undeclared fields of the hour's accepted events, the most frequent first.

    Counts are of the first thousand events that hold such fields.
    """
    dataset = DeltaTable(delta.location(lake, SILVER_EVENTS)).to_pyarrow_dataset()
    holds = pc.field("rescued_data").is_valid() | pc.field("added_fields").is_valid()
    rows = dataset.scanner(
        columns=["source", "rescued_data", "added_fields"],
        filter=(pc.field("event_hour") == hour) & holds,
    ).head(_READ_ROWS)
    seen: Counter[tuple[str, str]] = Counter()
    for row in rows.to_pylist():
        for text in (row["rescued_data"], row["added_fields"]):
            names = json.loads(text) if text else {}
            known = sources[row["source"]].known_fields() if row["source"] in sources else ()
            seen.update((row["source"], name) for name in names if name.split(".")[0] not in known)
    return [
        {"source": name, "field": field, "rows": count, "patch": patch_for(sources[name], field)}
        for (name, field), count in seen.most_common(limit)
        if name in sources
    ]

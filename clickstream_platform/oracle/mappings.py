"""Source mappings as the proof reads them: plain YAML, with the documented defaults."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from clickstream_platform.errors import UsageError

BUILTIN_DIR = Path(__file__).resolve().parents[1] / "sources" / "builtin"

AMOUNTS = ("tax", "shipping")
MOMENTS = ("client_timestamp", "sent_at", "received_at")
CANONICAL = (
    "event_name",
    "user_id",
    "anonymous_id",
    "client_session_id",
    "page_location",
    "page_title",
    "page_referrer",
    "user_agent",
    "ip_address",
    "geo_country",
    "geo_region",
    "geo_city",
    "currency",
    "transaction_id",
    "coupon",
    "consent_state",
    "outcome",
    "experiment_id",
    "variant_id",
    "browser_name",
    "os_name",
    "device_category",
    "mkt_source",
    "mkt_medium",
    "mkt_campaign",
    "mkt_term",
    "mkt_content",
    "mkt_clickid",
)
OWN = CANONICAL[-9:]  # what is derived where a source does not say it itself
JSON_FORMATS = ("json", "json_array", "parquet")
ITEM = ("item_id", "item_name", "item_brand", "item_category", "price", "quantity")


class MappingError(UsageError):
    """A source mapping the proof cannot read."""


@dataclass(frozen=True)
class Mapping:
    """One source: how its lines are cut and which of its fields is what."""

    name: str
    form: str
    has_header: bool
    columns: tuple[str, ...]
    delimiter: str
    is_quoted: bool
    files: str
    id_field: str | None
    fingerprint: tuple[str, ...]
    time_fields: tuple[str, ...]
    time_format: str
    zone: str
    repairs_clock: bool
    fields: dict[str, tuple[str, ...]]
    item: dict[str, tuple[str, ...]]
    list_field: str | None
    list_item: dict[str, tuple[str, ...]]
    visitor_fingerprint: tuple[str, ...]
    event_names: dict[str, str]
    missing_values: frozenset[str]
    currency: str | None
    default_price: str | None
    required: tuple[str, ...]
    schema_mode: str
    paths: tuple[str, ...]
    declared: frozenset[str]
    has_offset_gaps: bool

    @property
    def is_csv(self) -> bool:
        return self.form == "csv"

    @property
    def is_json(self) -> bool:
        return self.form in JSON_FORMATS

    def is_parquet(self, path: Path) -> bool:
        """Whether a landing file of this source holds Parquet rows."""
        return self.form == "parquet" or (self.is_json and path.name.endswith(".parquet"))


def read_mappings(extra_dirs: Sequence[Path]) -> dict[str, Mapping]:
    """Every mapping by name; one in `extra_dirs` replaces a built-in one.

    Raises: MappingError if a file is no mapping.
    """
    mappings: dict[str, Mapping] = {}
    for folder in (BUILTIN_DIR, *extra_dirs):
        for path in sorted(Path(folder).glob("*.yaml")):
            try:
                content = content_of(path)
                if "kind" in content:
                    continue  # a catalogue feed: see feeds.py
                mapping = mapping_of(content)
            except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
                raise MappingError(
                    f"{path}: not a source mapping ({error!r}); run `clickstream source check`."
                ) from error
            mappings[mapping.name] = mapping
    return mappings


def content_of(path: Path) -> dict[str, Any]:
    """The file's keys over those of the mapping it extends."""
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    base = content.pop("extends", None)
    if base is None:
        return content
    beside = path.parent / f"{base}.yaml"
    return {**content_of(beside if beside.is_file() else BUILTIN_DIR / f"{base}.yaml"), **content}


def mapping_of(content: dict[str, Any]) -> Mapping:
    """The mapping that a file's keys describe."""
    csv = content.get("csv", {})
    event_id, event_time = content["event_id"], content["event_timestamp"]
    fields = {name: _names(value) for name, value in content["fields"].items()}
    item = {name: _names(value) for name, value in content.get("item", {}).items()}
    times = _names(event_time["field"])
    id_field = event_id.get("field")
    fingerprint = tuple(event_id.get("fingerprint", ()))
    items = content.get("items") or {}
    list_field = items.get("field")
    visitor = tuple(content.get("visitor_fingerprint", ()))
    single = [(name,) for name in (id_field, list_field) if name]
    named = [*fields.values(), *item.values(), times, fingerprint, visitor, *single]
    paths = tuple(dict.fromkeys(name for names in named for name in names))
    return Mapping(
        name=content["name"],
        form=content["format"],
        has_header=csv.get("header", True),
        columns=tuple(csv.get("columns", ())),
        delimiter=csv.get("delimiter", ","),
        is_quoted=csv.get("quoted", True),
        files=content.get("files", "*"),
        id_field=id_field,
        fingerprint=fingerprint,
        time_fields=times,
        time_format=event_time.get("format", "iso8601"),
        zone=event_time.get("zone", "UTC"),
        repairs_clock=event_time.get("repair_clock", False),
        fields=fields,
        item=item,
        list_field=list_field,
        list_item={name: _names(value) for name, value in items.get("item", {}).items()},
        visitor_fingerprint=visitor,
        event_names=content.get("event_names", {}),
        missing_values=frozenset(content.get("missing_values", ["", "NA", "null", "(not set)"])),
        currency=content.get("defaults", {}).get("currency"),
        default_price=content.get("defaults", {}).get("price"),
        schema_mode=content.get("schema_mode", "rescue"),
        required=tuple(content.get("required", ["event_id", "event_name", "event_timestamp"])),
        paths=paths,
        declared=frozenset(
            [*(re.split(r"[.\[]", p)[0] for p in paths), *content.get("ignore", ())]
        ),
        has_offset_gaps=(content.get("kafka") or {}).get("offset_gaps", False),
    )


def _names(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def mapping_table(mappings: dict[str, Mapping]) -> pa.Table:
    """One row per source with what the SQL needs of its mapping."""
    found = list(mappings.values())
    return pa.table(
        {
            "source": pa.array([m.name for m in found], pa.string()),
            "time_format": pa.array([m.time_format for m in found], pa.string()),
            "repairs_clock": pa.array([m.repairs_clock for m in found], pa.bool_()),
            "schema_mode": pa.array([m.schema_mode for m in found], pa.string()),
            "has_fingerprint": pa.array([m.id_field is None for m in found], pa.bool_()),
            "default_currency": pa.array([m.currency for m in found], pa.string()),
            "required": pa.array([list(m.required) for m in found], pa.list_(pa.string())),
            "own_fields": pa.array(
                [[name for name in OWN if name in m.fields] for m in found], pa.list_(pa.string())
            ),
            "event_names": pa.array(
                [list(m.event_names.items()) for m in found], pa.map_(pa.string(), pa.string())
            ),
        }
    )

"""What a source mapping may say; the YAML files are validated against it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# What a source may say itself of columns that are else derived (docs/DEFINITIONS.md, Enrichment).
OWN_AGENT = ("browser_name", "os_name", "device_category")
OWN_TRAFFIC = (
    "mkt_source",
    "mkt_medium",
    "mkt_campaign",
    "mkt_term",
    "mkt_content",
    "mkt_clickid",
)
CANONICAL_FIELDS = (
    "event_name",
    "user_id",
    "anonymous_id",
    "client_session_id",
    "page_location",
    "page_referrer",
    "user_agent",
    "ip_address",
    "currency",
    "transaction_id",
    "outcome",
    "experiment_id",
    "variant_id",
    *OWN_AGENT,
    *OWN_TRAFFIC,
)
ITEM_FIELDS = ("item_id", "item_name", "item_brand", "item_category", "price", "quantity")
ENVELOPE = ("event_id", "event_timestamp")
REQUIRABLE = tuple(
    name for name in (*ENVELOPE, *CANONICAL_FIELDS) if name not in (*OWN_AGENT, *OWN_TRAFFIC)
)

Format = Literal["json", "csv"]
TimeFormat = Literal["iso8601", "epoch_s", "epoch_ms", "epoch_us"]
Names = list[str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CsvLayout(_Strict):
    """How CSV records are written. Every record must have exactly as many columns as the header."""

    header: bool = True
    columns: Names = Field(
        default_factory=list, description="The columns, needed where files have no header."
    )
    delimiter: str = Field(default=",", min_length=1, max_length=1)


class EventId(_Strict):
    """Where the event's id comes from: one field, or a fingerprint of several."""

    field: str | None = None
    fingerprint: Names = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_of_them(self) -> EventId:
        if bool(self.field) == bool(self.fingerprint):
            raise ValueError("give either `field` or `fingerprint`, not both and not neither")
        return self


class EventTime(_Strict):
    """Where the event's time is and how it is written; a time without a zone is UTC."""

    field: str | Names
    format: TimeFormat = "iso8601"


class KafkaInput(_Strict):
    """Where the lines come from if the source is streamed from Kafka or Event Hubs."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    servers: str = Field(min_length=1, description="`host:port`, several separated by commas.")
    topics: Names = Field(min_length=1, description="Topics; for Event Hubs the names of the hubs.")
    security: Literal["plaintext", "event_hubs"] = "plaintext"
    generation: str = Field(
        default="1",
        # Shorter than the 8 hex digits of a landing file's address, so that none is taken for one.
        pattern=r"^[A-Za-z0-9._-]{1,7}$",
        description="Part of each line's address; raise it when a topic was made anew.",
    )


class Source(_Strict):
    """One tracker: how its lines are read and what its fields are called here."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str
    version: int = Field(ge=1, description="Raise it when the mapping changes what comes out.")
    format: Format
    csv: CsvLayout = CsvLayout()
    files: str = Field(default="*", description="Glob of the file names this source reads.")
    event_id: EventId
    event_timestamp: EventTime
    fields: dict[str, str | Names] = Field(
        description="Canonical name -> the source's field, or its aliases in order of preference."
    )
    item: dict[str, str | Names] = Field(
        default_factory=dict, description="The one product of a flat line."
    )
    event_names: dict[str, str] = Field(default_factory=dict)
    kafka: KafkaInput | None = None
    missing_values: Names = Field(default_factory=lambda: ["", "NA", "null", "(not set)"])
    defaults: dict[str, str] = Field(default_factory=dict)
    required: Names = Field(default_factory=lambda: ["event_id", "event_name", "event_timestamp"])

    @model_validator(mode="after")
    def _names_are_known(self) -> Source:
        _only_known("fields", self.fields, CANONICAL_FIELDS)
        _only_known("item", self.item, ITEM_FIELDS)
        _only_known("required", self.required, REQUIRABLE)
        _only_known("defaults", self.defaults, ("currency",))
        if "event_name" not in self.fields:
            raise ValueError("`fields` must say which field is the `event_name`")
        if self.format == "csv" and not self.csv.header and not self.csv.columns:
            raise ValueError("a CSV without header needs `csv.columns`")
        return self

    def mapped_fields(self) -> tuple[str, ...]:
        """Every source field the mapping reads, once, in a stable order."""
        times = names_of(self.event_timestamp.field)
        named = [self.event_id.field] if self.event_id.field else self.event_id.fingerprint
        mapped = [
            name
            for value in (*self.fields.values(), *self.item.values())
            for name in names_of(value)
        ]
        return tuple(dict.fromkeys([*named, *times, *mapped]))


def names_of(value: str | Names) -> Names:
    """A field name or its aliases, always as a list."""
    return [value] if isinstance(value, str) else value


def _only_known(key: str, found: dict | Names, known: tuple[str, ...]) -> None:
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise ValueError(f"`{key}` has unknown names {unknown}; allowed: {', '.join(known)}")

"""What a source mapping may say; the YAML files are validated against it."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Literal, Self
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clickstream_platform.sources.paths import field_path

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
TEXT_FIELDS = (
    "user_id",
    "anonymous_id",
    "client_session_id",
    "page_location",
    "page_title",
    "page_referrer",
    "user_agent",
    "geo_country",
    "geo_region",
    "geo_city",
    "transaction_id",
    "coupon",
    "consent_state",
    "outcome",
    "experiment_id",
    "variant_id",
)
AMOUNT_FIELDS = ("tax", "shipping")
TIME_FIELDS = ("client_timestamp", "sent_at", "received_at")
CANONICAL_FIELDS = (
    "event_name",
    *TEXT_FIELDS,
    "ip_address",
    "currency",
    *AMOUNT_FIELDS,
    *TIME_FIELDS,
    *OWN_AGENT,
    *OWN_TRAFFIC,
)
ITEM_FIELDS = ("item_id", "item_name", "item_brand", "item_category", "price", "quantity")
ENVELOPE = ("event_id", "event_timestamp")
REQUIRABLE = tuple(
    name for name in (*ENVELOPE, *CANONICAL_FIELDS) if name not in (*OWN_AGENT, *OWN_TRAFFIC)
)
ACCESS_LOG_FIELDS = (
    "host", "ident", "user", "time", "request", "status", "bytes", "referrer", "user_agent",
    "method", "target", "protocol", "kind",
)  # fmt: skip

Format = Literal["json", "json_array", "parquet", "csv", "access_log"]
TimeFormat = Literal[
    "iso8601", "epoch_s", "epoch_ms", "epoch_us", "epoch_auto", "clf", "dmy", "mdy", "compact"
]
SchemaMode = Literal["rescue", "add", "fail"]
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
    quoted: bool = Field(
        default=True, description="False: a quote is an ordinary character (Snowplow TSV)."
    )


class EventId(_Strict):
    """Where the event's id comes from: one field, or a fingerprint of several."""

    field: str | None = None
    fingerprint: Names = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_of_them(self) -> EventId:
        if bool(self.field) == bool(self.fingerprint):
            raise ValueError("give either `field` or `fingerprint`, not both and not neither")
        return self


@cache
def _zones() -> frozenset[str]:
    """Their names are read from the disk, and mappings are validated in each tick of a sensor."""
    return frozenset(available_timezones())


class EventTime(_Strict):
    """Where the event's time is and how it is written; all times of a line are written alike."""

    field: str | Names
    format: TimeFormat = "iso8601"
    zone: str = Field(default="UTC", description="Zone of times that name none.")
    repair_clock: bool = Field(
        default=False,
        description="received_at - (sent_at - client_timestamp) where all three can be read.",
    )

    @model_validator(mode="after")
    def _zone_is_known(self) -> EventTime:
        if self.zone not in _zones():
            raise ValueError(f"`zone` {self.zone!r} is none; give one such as `Europe/Berlin`")
        return self


class Items(_Strict):
    """A list of products in the line."""

    field: str = Field(description="Path of the list.")
    item: dict[str, str | Names] = Field(description="As `item`, within an element of the list.")


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
    offset_gaps: bool = Field(
        default=False,
        description=(
            "True for topics with transactional producers or compaction: offsets without a line "
            "are expected, and `verify` cannot tell them from lost lines."
        ),
    )


class LineForm(_Strict):
    """How the lines of a landing folder are cut and read, whatever they tell of."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str
    version: int = Field(ge=1, description="Raise it when the mapping changes what comes out.")
    format: Format
    csv: CsvLayout = CsvLayout()
    files: str = Field(default="*", description="Glob of the file names this source reads.")
    missing_values: Names = Field(default_factory=lambda: ["", "NA", "null", "(not set)"])
    ignore: Names = Field(
        default_factory=list, description="Fields that are known and deliberately left in bronze."
    )

    @property
    def is_json(self) -> bool:
        """True if a record is one JSON object, whatever holds the records."""
        return self.format in ("json", "json_array", "parquet")

    def mapped_fields(self) -> tuple[str, ...]:
        """Every path the mapping reads, once, in a stable order."""
        raise NotImplementedError

    def top_fields(self) -> tuple[str, ...]:
        """The line's own fields that the mapping reads or looks into."""
        return tuple(dict.fromkeys(field_path(name).top for name in self.mapped_fields()))

    def container_fields(self) -> tuple[str, ...]:
        """Those of them it looks into."""
        paths = [field_path(name) for name in self.mapped_fields()]
        return tuple(dict.fromkeys(path.top for path in paths if not path.is_plain))

    def known_fields(self) -> tuple[str, ...]:
        """The fields that are no surprise: read, looked into, or ignored on purpose."""
        return tuple(dict.fromkeys([*self.top_fields(), *self.ignore]))

    @model_validator(mode="after")
    def _paths_can_be_read(self) -> Self:
        paths = [field_path(name) for name in self.mapped_fields()]
        for one, other in combinations([path for path in paths if not path.is_plain], 2):
            if one.top != other.top or one == other:
                continue
            length = min(len(one.inner), len(other.inner))
            same = one.inner[:length] == other.inner[:length]
            if same and (len(one.inner) != len(other.inner) or not (one.key and other.key)):
                raise ValueError(f"{one} and {other}: a value cannot be both text and container")
        return self

    @model_validator(mode="after")
    def _columns_are_known(self) -> Self:
        if self.format == "csv" and not self.csv.header and not self.csv.columns:
            raise ValueError("a CSV without header needs `csv.columns`")
        return self


class Source(LineForm):
    """One tracker: how its lines are read and what its fields are called here."""

    event_id: EventId
    event_timestamp: EventTime
    fields: dict[str, str | Names] = Field(
        description="Canonical name -> the source's field, or its aliases in order of preference."
    )
    item: dict[str, str | Names] = Field(
        default_factory=dict, description="The one product of a line that has no `items`."
    )
    items: Items | None = None
    visitor_fingerprint: Names = Field(
        default_factory=list, description="Fields that make a visitor where no id does."
    )
    event_names: dict[str, str] = Field(default_factory=dict)
    kafka: KafkaInput | None = None
    defaults: dict[str, str] = Field(default_factory=dict)
    required: Names = Field(default_factory=lambda: ["event_id", "event_name", "event_timestamp"])
    schema_mode: SchemaMode = "rescue"

    @model_validator(mode="after")
    def _names_are_known(self) -> Source:
        _only_known("fields", self.fields, CANONICAL_FIELDS)
        _only_known("item", self.item, ITEM_FIELDS)
        _only_known("items.item", self.items.item if self.items else {}, ITEM_FIELDS)
        _only_known("required", self.required, REQUIRABLE)
        _only_known("defaults", self.defaults, ("currency", "price"))
        if "event_name" not in self.fields:
            raise ValueError("`fields` must say which field is the `event_name`")
        if self.format == "access_log":
            _only_known("access_log fields", [*self.top_fields()], ACCESS_LOG_FIELDS)
        return self

    def mapped_fields(self) -> tuple[str, ...]:
        times = names_of(self.event_timestamp.field)
        named = [self.event_id.field] if self.event_id.field else self.event_id.fingerprint
        mapped = [
            name
            for value in (*self.fields.values(), *self.item.values())
            for name in names_of(value)
        ]
        listed = [self.items.field] if self.items else []
        made = [*named, *times, *mapped, *listed, *self.visitor_fingerprint]
        return tuple(dict.fromkeys(made))


def names_of(value: str | Names) -> Names:
    """A field name or its aliases, always as a list."""
    return [value] if isinstance(value, str) else value


def _only_known(key: str, found: dict | Names, known: tuple[str, ...]) -> None:
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise ValueError(f"`{key}` has unknown names {unknown}; allowed: {', '.join(known)}")

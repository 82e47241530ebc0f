"""What the mapping of a catalogue feed may say: files that tell of products, users or campaigns."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from clickstream_platform.sources.model import EventTime, LineForm, Names, names_of

# Table -> its natural key, and the attributes a feed can tell.
FEED_KEYS = {"products": "item_id", "users": "user_id", "campaigns": "campaign_id"}
FEED_ATTRIBUTES = {
    "products": ("item_name", "item_brand", "item_category", "price"),
    "users": ("segment", "country", "signup_date"),
    "campaigns": ("mkt_campaign", "mkt_source", "mkt_medium"),
}


class Feed(LineForm):
    """One catalogue feed: each line states the attributes of one thing from some moment on."""

    kind: Literal["catalogue"]
    format: Literal["json", "json_array", "parquet", "csv"]
    table: Literal["products", "users", "campaigns"]
    key: str | Names = Field(description="The field with the natural key, or its aliases.")
    attributes: dict[str, str | Names] = Field(description="Attribute -> the feed's field.")
    effective_at: EventTime | None = Field(
        default=None, description="From when a line holds; without it from its ingest hour on."
    )

    @model_validator(mode="after")
    def _attributes_are_known(self) -> Feed:
        allowed = FEED_ATTRIBUTES[self.table]
        unknown = sorted(set(self.attributes) - set(allowed))
        if unknown or not self.attributes:
            raise ValueError(
                f"`attributes` of {self.table} has {unknown or 'nothing'}; "
                f"allowed: {', '.join(allowed)}"
            )
        if self.effective_at is not None and self.effective_at.repair_clock:
            raise ValueError("`effective_at` has no clock to repair")
        return self

    def mapped_fields(self) -> tuple[str, ...]:
        moments = [self.effective_at.field] if self.effective_at else []
        named = [self.key, *self.attributes.values(), *moments]
        return tuple(dict.fromkeys(name for value in named for name in names_of(value)))

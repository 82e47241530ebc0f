"""A tile: one named question, and how its answer is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import plotly.graph_objects as go
import pyarrow as pa

from clickstream_platform.queries.named import TRAFFIC_PARAM

Figure = Callable[[pa.Table], go.Figure]
Kind = Literal["count", "money", "rate", "seconds", "hour"]


@dataclass(frozen=True)
class Number:
    """One figure of an answer's single row; `change` names the column with its change."""

    label: str
    column: str
    kind: Kind = "count"
    help: str = ""
    change: str | None = None


@dataclass(frozen=True)
class Tile:
    """Drawn as `numbers` if it has them, else as `figure`, else as a table of its rows.

    `is_live` tiles are drawn again by themselves; `is_wide` ones take the page's whole width;
    `when_empty` is what stands there if the answer has no rows.
    """

    title: str
    query: str
    about: str = ""
    figure: Figure | None = None
    numbers: tuple[Number, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    is_wide: bool = False
    is_live: bool = False
    when_empty: str = "No rows in these hours."


@dataclass(frozen=True)
class Page:
    """Tiles that answer one kind of question; `path` is its address, and `/` the first one's."""

    title: str
    path: str
    icon: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class View:
    """What a person looks at: hours (both included; null is open), rows, and as of when."""

    first: str | None = None
    last: str | None = None
    device: str | None = None
    channel: str | None = None
    with_bots: bool = True
    as_of: datetime | None = None

    @property
    def only(self) -> dict[str, str | bool]:
        """Column -> value that a row must have."""
        wanted: dict[str, str | bool] = {}
        if self.device:
            wanted["device_category"] = self.device
        if self.channel:
            wanted["channel_group"] = self.channel
        if not self.with_bots:
            wanted["is_bot"] = False
        return wanted

    @property
    def params(self) -> dict[str, str]:
        """What of the view a named question can be asked with, by its parameters' names."""
        return self.hours if self.with_bots else {**self.hours, TRAFFIC_PARAM: "human"}

    @property
    def is_of_whole_days(self) -> bool:
        """True if no day is in part of its hours only."""
        return (self.first or "T00").endswith("T00") and (self.last or "T23").endswith("T23")

    @property
    def hours(self) -> dict[str, str]:
        """The view's hours as parameters of a named question."""
        limits = {"from": self.first, "to": self.last}
        return {name: hour for name, hour in limits.items() if hour}

"""The filters beside the page; each is a parameter of the address, so a link restores the view."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import streamlit as st

from clickstream_platform.dashboard.rows import lake
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.hours import hour_key, parse_hour
from clickstream_platform.queries.lake import parse_moment
from clickstream_platform.tiles.model import View

EVERYTHING, BETWEEN = "all", "between"
SPANS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
ANY = "all"
Read = TypeVar("Read")
REFRESH = {"off": None, "10s": 10, "30s": 30, "5min": 300}
_VALUES = """
select distinct {column} as value from gold.fact_sessions where {column} is not null order by 1
"""


def chosen_view() -> tuple[View, int | None]:
    """The view the sidebar (and so the address) asks for, and seconds between live redraws."""
    with st.sidebar:
        first, last = _hours()
        device = _choice("Device", "device", "device_category")
        channel = _choice("Channel", "channel", "channel_group")
        bots = st.selectbox("Bots", ["in", "out"], key="bots", bind="query-params",
                            help="Sessions of bots counted in, or left out.")  # fmt: skip
        as_of = _as_of()
        refresh = st.selectbox("Refresh live tiles", list(REFRESH), index=2, key="refresh",
                               bind="query-params")  # fmt: skip
    view = View(first, last, device, channel, with_bots=bots == "in", as_of=as_of)
    return view, REFRESH[refresh]


def _hours() -> tuple[str | None, str | None]:
    spans = [EVERYTHING, *SPANS, BETWEEN]
    span = st.selectbox("Time", spans, key="time", bind="query-params",
                        help="Back from the newest event, or between two hours.")  # fmt: skip
    if span == BETWEEN:
        return _hour("From hour (UTC)", "from"), _hour("To hour (UTC)", "to")
    if span == EVERYTHING:
        return None, None
    newest = newest_event_at()
    if newest is None:
        return None, None
    return hour_key(newest - SPANS[span] + timedelta(hours=1)), hour_key(newest)


def _hour(label: str, key: str) -> str | None:
    text = st.text_input(label, key=key, bind="query-params", placeholder="2024-11-29T10")
    return _valid(text, lambda given: hour_key(parse_hour(given)))


def _as_of() -> datetime | None:
    text = st.text_input(
        "As reported on (UTC)",
        key="as_of",
        bind="query-params",
        placeholder="now",
        help="Reads the tables as they were then, like 2026-11-20T10:30.",
    )
    return _valid(text, parse_moment)


def _valid(text: str | None, read: Callable[[str], Read]) -> Read | None:
    """What `read` makes of the text; a wrong text is explained beside the field."""
    if not text:
        return None
    try:
        return read(text.strip())
    except ClickstreamError as error:
        st.error(str(error))
        return None


def _choice(label: str, key: str, column: str) -> str | None:
    """One value of a session's column; there is no choice as long as sessions lack it."""
    values = _values(column)
    if not values:
        return None
    chosen = st.selectbox(label, [ANY, *values], key=key, bind="query-params")
    return None if chosen == ANY else chosen


@st.cache_data(ttl=60, show_spinner=False)
def _values(column: str) -> list[str]:
    with lake() as found:
        if "gold.fact_sessions" not in found.tables:
            return []
        if column not in found.columns("gold.fact_sessions"):
            return []
        return [str(row["value"]) for row in found.rows(_VALUES.format(column=column))]


@st.cache_data(ttl=30, show_spinner=False)
def newest_event_at() -> datetime | None:
    """The newest accepted event of the home."""
    with lake() as found:
        if "ops.hour_state" not in found.tables:
            return None
        newest = found.rows("select newest_event_at from ops.progress")[0]["newest_event_at"]
    return newest if isinstance(newest, datetime) else None

"""The filters beside the page; each is a parameter of the address, so a link restores the view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import streamlit as st

from clickstream_platform.dashboard.rows import lake
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.hours import hour_key, parse_hour
from clickstream_platform.queries.lake import Lake, NoSuchVersionError, parse_moment
from clickstream_platform.settings import settings
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
        spans = [EVERYTHING, *SPANS, BETWEEN]
        span = st.selectbox("Time", spans, key="time", bind="query-params",
                            help="Back from the newest event, or between two hours.")  # fmt: skip
        between = _between() if span == BETWEEN else (None, None)
        device = _choice("Device", "device", "device_category")
        channel = _choice("Channel", "channel", "channel_group")
        bots = st.selectbox("Bots", ["in", "out"], key="bots", bind="query-params",
                            help="Sessions of bots counted in, or left out.")  # fmt: skip
        as_of = _as_of()
        refresh = st.selectbox("Refresh live tiles", list(REFRESH), index=2, key="refresh",
                               bind="query-params")  # fmt: skip
    view = View(*between, device, channel, with_bots=bots == "in", as_of=as_of)
    return renewed(view), REFRESH[refresh]


def renewed(view: View) -> View:
    """The view with its hours counted back from what is the newest event now, or was `as_of`."""
    span = SPANS.get(st.session_state["time"])
    newest = newest_event_at(view.as_of) if span else None
    if span is None or newest is None:
        return view
    first, last = hour_key(newest - span + timedelta(hours=1)), hour_key(newest)
    return replace(view, first=first, last=last)


def _between() -> tuple[str | None, str | None]:
    return _hour("From hour (UTC)", "from"), _hour("To hour (UTC)", "to")


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
def newest_event_at(as_of: datetime | None = None) -> datetime | None:
    """The newest accepted event of the home, or what it was then."""
    with lake() if as_of is None else Lake(settings(), as_of=as_of) as found:
        if "ops.hour_state" not in found.tables:
            return None
        try:
            newest = found.rows("select newest_event_at from ops.progress")[0]["newest_event_at"]
        except NoSuchVersionError:
            return None  # there was no lake then, as each tile will say
    return newest if isinstance(newest, datetime) else None

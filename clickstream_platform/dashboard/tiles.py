"""A tile on the page: heading, freshness, badges, and its answer."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import streamlit as st

from clickstream_platform.dashboard.filters import renewed
from clickstream_platform.dashboard.rows import shared_extract
from clickstream_platform.queries import render
from clickstream_platform.settings import settings
from clickstream_platform.tiles.answers import ALL_HOURS, PART_DAYS, Answer, answer, stamp
from clickstream_platform.tiles.model import Number, Page, Tile, View
from clickstream_platform.tiles.texts import shown

PLOT = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}
NUMBER_WIDTH = 165
FILTER_WORDS = {
    ALL_HOURS: "time",
    PART_DAYS: "hour",
    "device_category": "device",
    "channel_group": "channel",
    "is_bot": "bots",
}
UNFILTERED_WHY = {
    ALL_HOURS: "It is about all time.",
    PART_DAYS: "It counts whole days: all those that the hours are in.",
}


def show_page(page: Page, view: View, refresh_s: int | None) -> None:
    """The page's tiles, two abreast where there is room (Streamlit stacks them on a phone)."""
    st.title(page.title)
    waiting: list[Tile] = []
    for tile in page.tiles:
        if tile.is_wide:
            _row(waiting, page, view, refresh_s)
            waiting = []
            _row([tile], page, view, refresh_s)
        else:
            waiting.append(tile)
            if len(waiting) == 2:
                _row(waiting, page, view, refresh_s)
                waiting = []
    _row(waiting, page, view, refresh_s)


def _row(tiles: Sequence[Tile], page: Page, view: View, refresh_s: int | None) -> None:
    if not tiles:
        return
    for tile, column in zip(tiles, st.columns(len(tiles)), strict=True):
        with column:
            key = f"{page.path}-{page.tiles.index(tile)}"
            if tile.is_live and refresh_s and view.as_of is None:
                st.fragment(_live_tile, run_every=refresh_s)(tile, view, key)
            else:
                _tile(tile, view, key)


def _live_tile(tile: Tile, view: View, key: str) -> None:
    """Drawn again and again without the rest of the page: the newest hours move on meanwhile."""
    _tile(tile, renewed(view), key)


def _tile(tile: Tile, view: View, key: str) -> None:
    with st.container(border=True, key=key):
        found = _kept_answer(str(settings().home), tile.title, tile.query, view,
                             stamp(settings(), tile), _tile_=tile)  # fmt: skip
        st.markdown(f"#### {tile.title}")
        if found.problem is not None or found.rows is None:
            st.info(found.problem or "No answer.")
            return
        _badges(found)
        if found.rows.num_rows == 0:
            st.info(tile.when_empty)
        elif tile.numbers:
            _numbers(found.rows, tile.numbers)
        elif tile.figure is not None:
            st.plotly_chart(tile.figure(found.rows), key=f"{key}-plot", config=PLOT,
                            alt=f"{tile.title}. {tile.about}")  # fmt: skip
        else:
            # Its download button writes a CSV file of what is shown.
            harmless = render.harmless(found.rows.to_reader()).read_all()
            st.dataframe(harmless, hide_index=True, key=f"{key}-rows")
        st.caption(f"{tile.about} `{found.command}`")


@st.cache_data(max_entries=300, show_spinner=False)
def _kept_answer(  # noqa: PLR0917 (the key of the cache)
    home: str, title: str, query: str, view: View, stamped: str, _tile_: Tile
) -> Answer:
    """The answer, kept until a commit changes `stamped`."""
    del title, query, stamped
    return answer(settings(), _tile_, view, shared_extract(home))


def _badges(found: Answer) -> None:
    with st.container(horizontal=True, gap="small"):
        if found.data_through is not None:
            st.badge(f"data through {found.data_through:%Y-%m-%d %H:%M} UTC", color="gray")
        if found.red:
            st.badge("check failed", icon=":material/error:", color="red",
                     help="\n".join(f"- {line}" for line in found.red))  # fmt: skip
        elif found.warned:
            st.badge("check warned", icon=":material/warning:", color="orange",
                     help="\n".join(f"- {line}" for line in found.warned))  # fmt: skip
        for column in found.unfiltered:
            why = UNFILTERED_WHY.get(
                column, f"The tables of this tile have no {column}; all rows count."
            )
            st.badge(f"not by {FILTER_WORDS[column]}", color="violet", help=why)


def _numbers(rows: pa.Table, numbers: Sequence[Number]) -> None:
    row = rows.slice(0, 1).to_pylist()[0]
    with st.container(horizontal=True):
        for number in numbers:
            change = row[number.change] if number.change else None
            st.metric(
                number.label,
                shown(row[number.column], number.kind),
                delta=None if change is None else shown(change, number.kind),
                help=number.help or None,
                width=NUMBER_WIDTH,
            )

"""What Streamlit runs: the menu, the filters, and the chosen page's tiles."""

from functools import partial

import streamlit as st

from clickstream_platform.dashboard.filters import chosen_view
from clickstream_platform.dashboard.tiles import show_page
from clickstream_platform.tiles.pages import PAGES

# Three rising bars of our own: Streamlit would fetch an icon by its name from the net.
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="#1c68a3">
<rect x="3" y="20" width="7" height="9"/><rect x="13" y="12" width="7" height="17"/>
<rect x="23" y="4" width="7" height="25"/></svg>"""


def main() -> None:
    """Draws one visit; Streamlit calls it again at each click."""
    st.set_page_config(page_title="Clickstream", page_icon=ICON, layout="wide")
    menu = [
        st.Page(
            partial(_nothing), title=page.title, icon=page.icon, url_path=page.path, default=at == 0
        )
        for at, page in enumerate(PAGES)
    ]
    chosen = st.navigation(menu, expanded=True)
    view, refresh_s = chosen_view()
    chosen.run()
    page = next(page for page in PAGES if page.title == chosen.title)
    show_page(page, view, refresh_s)


def _nothing() -> None:
    """The page itself is drawn by `main`, with the view."""


main()

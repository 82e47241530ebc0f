"""The extract that all visits of the dashboard's process share."""

from __future__ import annotations

import streamlit as st

from clickstream_platform.queries.extract import Extract, ExtractLake
from clickstream_platform.settings import settings


@st.cache_resource(show_spinner="Reading the tables for the first time")
def shared_extract(home: str) -> Extract:
    """One for each home."""
    del home
    return Extract(settings())


def lake() -> ExtractLake:
    """The newest rows."""
    return ExtractLake(settings(), shared_extract(str(settings().home)))

"""One tiny lake for all tests of the folder; they only read it."""

from __future__ import annotations

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform_tests.queries import catalogue_rows, daily_rows, lake_rows


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("queries")
    daily_rows.build(home)
    catalogue_rows.build(home)
    return lake_rows.build(home)

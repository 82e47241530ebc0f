"""The tiny lake of the query tests."""

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform_tests.queries import lake_rows


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return lake_rows.build(tmp_path_factory.mktemp("tiles"))

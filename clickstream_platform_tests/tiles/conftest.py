"""Lakes with something for every tile: hours, days, customers, robots, devices and channels."""

from pathlib import Path

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform_tests.queries import catalogue_rows, daily_rows, lake_rows


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return lake_rows.build(tmp_path_factory.mktemp("tiles"))


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build_full(tmp_path_factory.mktemp("full"))


def build_full(home: Path) -> Settings:
    """The tiny lake with its marts, and two sessions that filters tell apart."""
    daily_rows.build(home)
    catalogue_rows.build(home)
    found = lake_rows.build(home)
    by_day = daily_rows.cohort(0, 4) | {"period": "day"}
    lake_rows.write(home, "gold/retention_cohort", [by_day])
    lake_rows.write(home, "gold/fact_sessions", [
        lake_rows.session("phone", "10:50:00", "10:52:00", purchases=2, device_category="mobile",
                          channel_group="Email", transaction_revenue=12),
        lake_rows.session("desk", "11:01:00", "11:02:00", device_category="desktop",
                          channel_group="Email"),
    ])  # fmt: skip
    return found

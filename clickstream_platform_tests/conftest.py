"""One Spark engine for every test that builds, and a home of its own for each of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import background_session, shared_session
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.homes import ENGINE

AT_ONCE = {"settle_s": 0}  # tests drop whole files and do not wait


@pytest.fixture(scope="session")
def engine_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The home whose engine all tests share; it is stopped at the end.

    CLICKSTREAM_TEST_ENGINE names a folder whose engine stays warm between test runs instead.
    """
    kept = os.environ.get("CLICKSTREAM_TEST_ENGINE")
    home = Path(kept) if kept else tmp_path_factory.mktemp("engine")
    found = read_settings(home=home, engine=ENGINE)
    yield found
    if not kept:
        Engine(found).stop()


@pytest.fixture
def spark(engine_settings: Settings) -> SparkSession:
    """The session of this process, made anew if a test lost it."""
    return shared_session(engine_settings)


@pytest.fixture(scope="session")
def new_workspace(
    engine_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Workspace]:
    """Makes a home with empty tables; `settings` are those of `clickstream.yaml`."""
    template = tmp_path_factory.mktemp("template")

    def make(home: Path, **settings: object) -> Workspace:
        workspace = Workspace(
            read_settings(home=home, **{"engine": ENGINE, "automation": AT_ONCE, **settings}),
            lambda: shared_session(engine_settings),
            background=lambda: background_session(engine_settings),
        )
        if not (template / "lake").exists():
            empty = Workspace(read_settings(home=template, engine=ENGINE), workspace.session)
            empty.init_tables()
        shutil.copytree(template / "lake", workspace.lake)
        return workspace

    return make


@pytest.fixture
def workspace(new_workspace: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    """A home of this test's own."""
    return new_workspace(tmp_path / "home")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests go first, so that no worker begins one when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)

"""Dagster instances in a folder of a test, with the storage that `dagster.yaml` names."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from clickstream_platform.automation.sqlite_storage import QuickStorage
from clickstream_platform.settings import Settings, use_dagster_home


def quick(folder: Path) -> dg.DagsterInstance:
    """An instance with our storage; its files lie where Dagster's own has them."""
    ours = {
        "module": QuickStorage.__module__,
        "class": QuickStorage.__name__,
        "config": {"base_dir": str(folder)},
    }
    return dg.DagsterInstance.local_temp(str(folder), overrides={"storage": {"custom": ours}})


def home_of(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Dagster home of a home, which `DagsterInstance.get()` opens until the test ends."""
    for name in ("DAGSTER_HOME", "CLICKSTREAM_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")  # so that they are put back
    return use_dagster_home(Settings(home=home))

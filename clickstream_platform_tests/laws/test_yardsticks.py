"""The benchmark's bare PySpark job and its DuckDB job make the platform's tables, row for row."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import data, duckdb_deltars, tables
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.settings import PROJECT_ROOT
from clickstream_platform_tests.homes import bring_up

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
EVENTS, HOURS = 3_000, 6
FILLED = {*tables.COMPARED} - {"gold/transaction_conflicts"}  # so few purchases have none


def without_spark_connect() -> dict[str, str]:
    """The environment less what PySpark leaves there once a Connect session was opened.

    A child that inherits SPARK_CONNECT_MODE_ENABLED refuses a classic, local session.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}


def test_all_contenders_of_the_benchmark_agree(
    new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    landing = data.landing(tmp_path, events=EVENTS, hours=HOURS)
    duckdb_deltars.run(landing, tmp_path / "duckdb")
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.bare_spark", str(landing), str(tmp_path / "bare")],
        cwd=PROJECT_ROOT,
        env=without_spark_connect(),
        check=True,
        timeout=600,
        capture_output=True,
        text=True,
    ).stdout
    assert not [path for path in FILLED if f"| {path} |" not in told], "a table without a job"
    assert told.count("ArrowEvalPython") == 1, "lines are parsed once, and that plan is shown once"
    workspace = new_workspace(tmp_path / "home")
    shutil.copytree(landing, workspace.settings.landing)
    bring_up(workspace)

    platform = tables.content(workspace.lake)
    assert not [path for path, found in platform.items() if path in FILLED and found[:2] == "0 "]
    assert not tables.differences(tables.content(tmp_path / "duckdb"), platform)
    assert not tables.differences(tables.content(tmp_path / "bare"), platform)

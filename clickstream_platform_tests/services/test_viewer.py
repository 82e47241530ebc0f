"""The viewer shows a home and refuses whatever would change it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform_tests.queries import lake_rows
from clickstream_platform_tests.services.test_ui import HOURS, _free_port, _wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow]
_LOOK = """{ permissions { permission value }
  repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"""
_WIPE = """mutation { wipeAssets(assetPartitionRanges: [
  {assetKey: {path: ["gold", "fact_sessions"]}}]) { __typename } }"""
_CHANGES = {
    "launch_pipeline_execution",
    "edit_sensor",
    "wipe_assets",
    "launch_partition_backfill",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home: Path = lake_rows.build(tmp_path_factory.mktemp("viewer")).home
    port = _free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLICKSTREAM_", "DAGSTER_"))}
    server = subprocess.Popen(
        [sys.executable, "-m", "clickstream_platform.running.viewer", "--port", str(port)],
        env={**kept, **HOURS, "CLICKSTREAM_HOME": str(home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server, within_s=400)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=60)


def ask(url: str, query: str) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 (our own server)
        f"{url}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        return json.load(answer)


def test_the_viewer_shows_jobs_and_may_do_nothing(url: str) -> None:
    found = ask(url, _LOOK)["data"]
    jobs = {job["name"] for node in found["repositoriesOrError"]["nodes"] for job in node["jobs"]}
    assert {"ingest", "repair", "daily", "maintain"} <= jobs
    allowed = {entry["permission"] for entry in found["permissions"] if entry["value"]}
    known = {entry["permission"] for entry in found["permissions"]}
    assert known >= _CHANGES
    assert not allowed & _CHANGES
    refused = ask(url, _WIPE)
    assert refused["data"]["wipeAssets"]["__typename"] == "UnauthorizedError"

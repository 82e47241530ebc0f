"""Starts a stream from the Dagster UI's server and takes pictures of what a person sees of it.

`python scripts/stream_walk.py http://127.0.0.1:3000 docs/images SERVERS` on a home whose `make dev`
runs, while `clickstream generate --kafka SERVERS` sends clicks. The stream goes on afterwards.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ui_walk import Walk, WalkError, browser_page, chromium

SOURCE, TABLE = "kafka_raw", "silver/events"
PATIENCE_S = 600.0
_WHERE = """{ repositoriesOrError { ... on RepositoryConnection {
  nodes { name location { name } } } } }"""
_LAUNCH = """mutation LaunchPipelineExecution($executionParams: ExecutionParams!) {
  launchPipelineExecution(executionParams: $executionParams) {
    ... on LaunchRunSuccess { run { runId } } } }"""
_SEEN = """query($key: AssetKeyInput!, $hour: [String!]) { assetOrError(assetKey: $key) {
  ... on Asset { assetMaterializations(partitions: $hour, limit: 5) { partition } } } }"""


def ask(url: str, query: str, **variables: object) -> dict[str, Any]:
    asked = urllib.request.Request(  # noqa: S310 (a UI on this machine)
        f"{url}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 (same)
        return json.load(answer)["data"]


def start(url: str, servers: str) -> str:
    """The stream's run, launched as the launchpad does."""
    where = ask(url, _WHERE)["repositoriesOrError"]["nodes"][0]
    config = {"source": SOURCE, "servers": servers}
    parameters = {
        "selector": {
            "repositoryName": where["name"],
            "repositoryLocationName": where["location"]["name"],
            "jobName": "stream",
        },
        "runConfigData": {"ops": {"stream_source": {"config": config}}},
        "mode": "default",
    }
    launched = ask(url, _LAUNCH, executionParams=parameters)
    return str(launched["launchPipelineExecution"]["run"]["runId"])


def seen(url: str, hour: str) -> int:
    """Materialisations of the hour, at most 5."""
    found = ask(url, _SEEN, key={"path": TABLE.split("/")}, hour=[hour])["assetOrError"]
    return len(found.get("assetMaterializations", []))


def main(url: str, folder: Path, servers: str) -> None:
    run_id = start(url, servers)
    deadline = time.monotonic() + PATIENCE_S
    while seen(url, hour := f"{datetime.now(UTC):%Y-%m-%dT%H}") < 3:  # it was told again and again
        if time.monotonic() > deadline:
            raise WalkError(f"{TABLE} {hour} was not materialised in {PATIENCE_S:.0f} s")
        time.sleep(2)
    executable = chromium()
    if executable is None:
        raise WalkError("no Chromium is installed")
    with browser_page(executable) as page:
        walk = Walk(page, url, folder)
        walk.partitions(TABLE, hour, name="stream-hour")
        walk.run_page(run_id, name="stream-run")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]), sys.argv[3])

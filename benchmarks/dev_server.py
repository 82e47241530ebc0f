"""`make dev` on a home for as long as a benchmark needs it, and what its UI sends when clicked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

READY_WITHIN_S, ANSWER_WITHIN_S, LOOK_S = 120, 60, 0.5
LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status numPartitions } }
}
"""


@contextmanager
def serving(home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The URL of the UI; begins once it answers and the sensors had time to begin."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = subprocess.Popen(
        [sys.executable, "-m", "clickstream_platform.running.dev", "--port", str(port)],
        env={**os.environ, **environment, "CLICKSTREAM_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        time.sleep(10)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=120)


def assets_of(url: str, job: str) -> list[list[str]]:
    """The keys of the assets that the job materialises."""
    nodes = asked(url, "{ assetNodes { assetKey { path } jobNames } }")["assetNodes"]
    return [node["assetKey"]["path"] for node in nodes if job in node["jobNames"]]


def backfill(
    url: str, assets: Sequence[Sequence[str]], partitions: Sequence[str], *, within_s: float
) -> str:
    """The status in which a backfill of these assets and partitions has ended."""
    params = {
        "assetSelection": [{"path": [*asset]} for asset in assets],
        "partitionNames": [*partitions],
        "fromFailure": False,
        "tags": [],
    }
    launched = asked(url, LAUNCH, params=params)["launchPartitionBackfill"]
    if "backfillId" not in launched:
        raise RuntimeError(f"the UI would not launch the backfill: {launched}")
    by = time.monotonic() + within_s
    while time.monotonic() < by:
        found = asked(url, STATUS, id=launched["backfillId"])["partitionBackfillOrError"]
        if found["status"] not in ("REQUESTED", "COMPLETED"):
            return str(found["status"])
        time.sleep(LOOK_S)
    raise RuntimeError(f"the backfill did not end within {within_s} s")


def asked(url: str, query: str, **variables: Any) -> dict[str, Any]:
    answer = requests.post(
        f"{url}/graphql", json={"query": query, "variables": variables}, timeout=ANSWER_WITHIN_S
    ).json()
    if answer.get("errors"):
        raise RuntimeError(f"GraphQL: {answer['errors']}")
    return dict(answer["data"])


def _wait_for(url: str) -> None:
    by = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < by:
        try:
            requests.get(f"{url}/server_info", timeout=5).raise_for_status()
            return
        except requests.RequestException:
            time.sleep(LOOK_S)
    raise RuntimeError(f"the UI did not answer within {READY_WITHIN_S} s")

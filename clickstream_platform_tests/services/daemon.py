"""A home under a real Dagster daemon: `make dev` with its sensors, and what it brought about."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clickstream_platform.build.staleness import (
    stale_days,
    stale_gold,
    stale_silver,
    stale_snapshots,
)
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.lateness import LATENESS_HOURLY
from clickstream_platform_tests.homes import ENGINE, INTERPRETED_VARIABLES

POLL_S = 1.0


def _no_engine() -> None:
    raise AssertionError("Looking needs no engine.")


class Watched:
    """One home that works by itself."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = read_settings(home=folder, engine=ENGINE)
        self.environment = {key: val for key, val in os.environ.items() if key != "DAGSTER_HOME"}
        self.environment |= INTERPRETED_VARIABLES | {
            "CLICKSTREAM_HOME": str(folder),
            "CLICKSTREAM_AUTOMATION__INTERVAL_S": "2",
            "CLICKSTREAM_AUTOMATION__SETTLE_S": "1",
            "CLICKSTREAM_AUTOMATION__SNAPSHOTS_INTERVAL_S": "10",
        }
        self.port = 0  # of the UI while it runs

    def call(self, *arguments: object) -> dict[str, Any]:
        """A command's JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "clickstream_platform.cli", *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
        return json.loads(done.stdout)

    def drop(self, hour: str, name: str, lines: bytes, *, source: str = "shop_json") -> None:
        """A finished file, as a careful sender drops it."""
        folder = self.settings.landing / source / hour
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.tmp").write_bytes(lines)
        (folder / f"{name}.tmp").rename(folder / name)

    def gold_hours(self) -> dict[str, list[str]]:
        """The complete hours of each hourly gold table."""
        if not delta.exists(self.settings.lake, GOLD[0]):
            return {}
        with Lake(self.settings) as lake:
            rows = lake.rows(
                """select "table", list(hour order by hour) as hours from ops.v_hour_state as state
                where "table" like 'gold/%' and not exists (from ops.v_stale_hours as stale
                    where stale."table" = state."table" and stale.hour = state.hour)
                group by all"""
            )
        hourly = {table.path for table in GOLD}
        return {str(r["table"]): list(r["hours"]) for r in rows if r["table"] in hourly}

    def is_stale(self) -> bool:
        """Whether any table is behind what it is made from."""
        workspace = Workspace(self.settings, _no_engine)
        states = hour_state.current(workspace.lake)
        return bool(
            stale_silver(workspace, states)
            or stale_gold(workspace, states)
            or stale_days(workspace, states)
            or stale_snapshots(workspace, states)
        )

    def versions(self) -> dict[str, int]:
        return {table.path: delta.version(self.settings.lake, table) for table in ALL}

    def written(self, path: str, since: int) -> dict[str, list[str]]:
        """The hours whose files each later commit of a table added, by version."""
        log = self.settings.lake / path / "_delta_log"
        found: dict[str, list[str]] = {}
        for commit in sorted(log.glob("*.json")):
            if int(commit.stem) <= since:
                continue
            actions = [json.loads(line) for line in commit.read_text().splitlines()]
            added = [action["add"]["partitionValues"] for action in actions if "add" in action]
            found[commit.stem] = sorted({hour for values in added for hour in values.values()})
        return found

    def until(self, is_reached: Callable[[], bool], *, within_s: float, what: str) -> float:
        """Seconds it took; fails with the log's end if it takes longer."""
        start = time.monotonic()
        while not is_reached():
            if time.monotonic() - start > within_s:
                log = (self.settings.logs / "dagster.log").read_text()[-3000:]
                raise AssertionError(f"{what}: not within {within_s:.0f} s\n{log}")
            time.sleep(POLL_S)
        return time.monotonic() - start

    def graphql(self, query: str, **variables: object) -> dict[str, Any]:
        """What the UI's server answers."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 (same)
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    @contextmanager
    def running(self) -> Iterator[int]:
        """`make dev`, until the end of the block; gives its process id."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        port = str(self.port)
        command = [sys.executable, "-m", "clickstream_platform.running.dev", "--port", port]
        server = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield server.pid
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=120) == 0


BOOKS = {
    *("ops/hour_state", "ops/dq_results", "ops/cost_hourly", "ops/conservation_ledger"),
    LATENESS_HOURLY.path,
}

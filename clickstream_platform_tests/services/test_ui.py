"""The Dagster UI as a person uses it: `make dev` on a small home, clicked through in Chromium."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import ui_walk

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.server import Engine
from clickstream_platform.generator.options import Options, Rates
from clickstream_platform.generator.run import generate_batch
from clickstream_platform.hours import parse_hour
from clickstream_platform_tests.homes import INTERPRETED_VARIABLES, bring_up

FIRST, SECOND = "2024-11-29T00", "2024-11-29T01"
HOURS = {  # the UI asks for the state of each hour a home can hold
    "CLICKSTREAM_FIRST_HOUR": "2024-11-01T00",
    "CLICKSTREAM_LAST_HOUR": "2024-12-31T23",
}
pytestmark = [pytest.mark.service, pytest.mark.slow]


@pytest.fixture(scope="module")
def chromium() -> str:
    found = ui_walk.chromium()
    if found is None:
        pytest.skip("NO CHROMIUM: the Dagster UI was NOT tested (apt-get install chromium)")
    return found


@pytest.fixture(scope="module")
def home(
    chromium: str,
    new_workspace: Callable[..., Workspace],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """Two hours of a shop in hourly gold; its own engine starts with the first click."""
    workspace = new_workspace(tmp_path_factory.mktemp("ui") / "home")
    start_ms = int(parse_hour(FIRST).timestamp() * 1000)
    rates = Rates(late=0.0, future=0.0)
    options = Options(workspace.settings.landing, start_ms, hours=2, events=400, rates=rates)
    generate_batch(options, lambda _: None)
    bring_up(workspace)
    try:
        yield workspace.settings.home
    finally:
        Engine(workspace.settings).stop()


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    """The UI of the home; afterwards none of its processes is left."""
    port = _free_port()
    command = [sys.executable, "-m", "clickstream_platform.running.dev", "--port", str(port)]
    server = subprocess.Popen(
        command, env=_environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server)
        yield address
    finally:
        family = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=60)
        assert code == 0
        assert not [process for process in family if _is_alive(process, of=home)]


@pytest.mark.long
def test_a_person_sees_the_graph_materialises_an_hour_and_backfills_two(
    chromium: str, url: str, home: Path
) -> None:
    with ui_walk.browser_page(chromium) as page:
        walk = ui_walk.Walk(page, url)
        walk.graph()
        one = walk.materialise("gold/fact_sessions", SECOND)
        assert one["status"] == "SUCCESS"
        assert {"key": "dagster/partition", "value": SECOND} in one["tags"]
        status, runs = walk.backfill(FIRST, SECOND)
        assert status == "COMPLETED_SUCCESS"
        assert 1 <= len(runs) <= 2
        assert {run["status"] for run in runs} == {"SUCCESS"}
        walk.checks("silver/events", "contract", SECOND)
        walk.partitions("gold/fact_sessions", SECOND)
    log = (home / "logs" / "dagster.log").read_text()
    assert "PreviewWarning" not in log
    assert "Traceback" not in log


def test_a_taken_port_is_an_error_that_names_the_process(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = subprocess.run(
            [sys.executable, "-m", "clickstream_platform.running.dev", "--port", str(port)],
            env=_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert found.returncode == 3
    assert f"Port {port}" in found.stderr
    assert f"process {os.getpid()} " in found.stderr
    assert "--port" in found.stderr


def _environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLICKSTREAM_", "DAGSTER_"))}
    return {**kept, **INTERPRETED_VARIABLES, **HOURS, "CLICKSTREAM_HOME": str(home)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, server: subprocess.Popen[bytes], *, within_s: float = 180) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        assert server.poll() is None, "the UI ended before it answered"
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    pytest.fail(f"{address} did not answer within {within_s:.0f} s")


def _is_alive(process: psutil.Process, *, of: Path) -> bool:
    """Still running, and not of the home's engine, which outlives the UI on purpose."""
    try:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        lines = [" ".join(one.cmdline()) for one in (process, *process.parents())]
    except psutil.NoSuchProcess:
        return False
    return not any("engine.supervise" in line and str(of) in line for line in lines)

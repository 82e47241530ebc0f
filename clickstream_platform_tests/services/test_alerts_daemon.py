"""Alerts of a real daemon at a real webhook: each trouble is told once, and its end once.

Five troubles begin and end under `dagster-daemon`; then the daemon is killed, and what cron runs
tells of that.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.hours import hour_key
from clickstream_platform.settings import PROJECT_ROOT, Settings, read_settings, use_dagster_home
from clickstream_platform_tests.monitoring.test_alerts import Webhook
from clickstream_platform_tests.queries import lake_rows

pytestmark = [pytest.mark.service, pytest.mark.prove, pytest.mark.timeout(1200)]
SOURCE = "shop_json"
STALE_AFTER_S = 60
QUIET_TICKS = 3
POLL_S = 1.0
_FAIL_A_RUN = """
import dagster as dg
from clickstream_platform.definitions import defs
with dg.DagsterInstance.get() as instance:
    job = defs.resolve_job_def("report_daily")
    done = job.execute_in_process(
        instance=instance, partition_key="2026-11-20", raise_on_error=False
    )
    print(done.success)
"""


class Home:
    """A home whose troubles the test makes and mends."""

    def __init__(self, folder: Path, hook: Webhook) -> None:
        self.settings: Settings = read_settings(home=folder)
        self.began_at = datetime.now(UTC)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CLICKSTREAM_")}
        self.environment = kept | {
            "CLICKSTREAM_HOME": str(folder),
            "DAGSTER_HOME": str(use_dagster_home(self.settings)),
            "CLICKSTREAM_AUTOMATION__ENABLED": "false",  # nothing is mended but by the test
            "CLICKSTREAM_ALERTS__URLS": json.dumps([hook.url]),
            "CLICKSTREAM_ALERTS__INTERVAL_S": "2",
            "CLICKSTREAM_STREAM__STALE_AFTER_S": "20",
            "CLICKSTREAM_ALERTS__STALE_AFTER_S": str(STALE_AFTER_S),
            "CLICKSTREAM_ALERTS__DAEMON_SILENT_AFTER_S": "40",
            "CLICKSTREAM_CHECKS__MIN_ROWS_FOR_REJECT_RATE": "2",
        }
        self.settings.logs.mkdir(parents=True, exist_ok=True)
        # It would end the stream that stands still and start another, before anybody is told.
        subprocess.run(
            [sys.executable, "-m", "dagster", "sensor", "stop", "stream_keeper",
             "-w", str(PROJECT_ROOT / "workspace.yaml")],
            env=self.environment, cwd=self.settings.dagster_home, capture_output=True, check=True,
        )  # fmt: skip
        self.event_at(self.began_at)

    def event_at(self, moment: datetime) -> None:
        """An accepted event of that time."""
        state = lake_rows.state(hour_key(self.began_at), None, "00:00:00")
        row = state | {"max_event_at": moment, "recorded_at": datetime.now(UTC)}
        lake_rows.write(self.settings.home, "ops/hour_state", [row])

    def check(self, failed: int) -> None:
        """The newest result of a blocking rule."""
        result = lake_rows.result("silver/events", hour_key(self.began_at), "unique", "block",
                                  failed, "00:00:00")  # fmt: skip
        lake_rows.write(self.settings.home, "ops/dq_results",
                        [result | {"recorded_at": datetime.now(UTC)}])  # fmt: skip

    def ledger(self, quarantined: int) -> None:
        """Where the hour's ten lines went."""
        hour = hour_key(self.began_at)
        row = {"ingest_hour": hour, "home_hour": hour, "source": "shop", "lines": 10,
               "accepted": 10 - quarantined, "duplicates": 0, "quarantined": quarantined,
               "pending": 0}  # fmt: skip
        lake_rows.write(self.settings.home, "ops/conservation_ledger", [row], mode="overwrite")

    @contextmanager
    def stream(self) -> Iterator[subprocess.Popen[bytes]]:
        """A stream of landing files that runs and beats; it ends when it is interrupted."""
        command = [sys.executable, "-m", "clickstream_platform.cli"]
        with (self.settings.logs / "stream.log").open("ab") as log:
            child = subprocess.Popen(
                [*command, "stream", "--source", SOURCE],
                env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            yield child
        finally:
            child.send_signal(signal.SIGCONT)
            child.send_signal(signal.SIGINT)
            child.wait(timeout=120)
            subprocess.run([*command, "engine", "stop"], env=self.environment, check=True)

    def is_streaming(self) -> bool:
        path = self.settings.state / "stream" / SOURCE / "heartbeat.json"
        return path.is_file() and json.loads(path.read_text())["phase"] == "running"

    def report_run(self, *, fails: bool) -> None:
        """A run of the job `report_daily`; it fails where its folder is a file."""
        if fails:
            self.settings.reports.write_text("in the way")
        else:
            self.settings.reports.unlink()
        done = subprocess.run(
            [sys.executable, "-c", _FAIL_A_RUN], env=self.environment, text=True,
            capture_output=True, timeout=300, check=True,
        )  # fmt: skip
        assert done.stdout.split()[-1] == str(not fails), done.stderr

    def cron(self) -> tuple[int, str]:
        """What cron runs."""
        done = subprocess.run(
            [sys.executable, "-m", "clickstream_platform.cli", "alerts", "check", "--json"],
            env=self.environment, text=True, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def ticks(self) -> int:
        """Ticks of alerts_sensor that have ended, successfully or not."""
        path = self.settings.dagster_home / "schedules" / "schedules.db"
        if not path.is_file():
            return 0
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as found:
            if not found.execute("SELECT 1 FROM sqlite_master WHERE name = 'job_ticks'").fetchall():
                return 0  # the daemon makes its tables just now
            [[count]] = found.execute("SELECT count(*) FROM job_ticks WHERE status <> 'STARTED'")
        return int(count)

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """Dagster's daemon with its code server, in a process group of its own."""
        with (self.settings.logs / "daemon.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "dagster._daemon", "run",
                 "-w", str(PROJECT_ROOT / "workspace.yaml")],
                env=self.environment, cwd=self.settings.dagster_home, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield child
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGINT)
                child.wait(timeout=120)

    def until(self, is_reached: Callable[[], bool], what: str, *, within_s: float = 400) -> None:
        deadline = time.monotonic() + within_s
        while not is_reached():
            log = (self.settings.logs / "daemon.log").read_text()[-3000:]
            assert time.monotonic() < deadline, f"{what}: not within {within_s:.0f} s\n{log}"
            time.sleep(POLL_S)

    def let_tick(self, times: int = QUIET_TICKS) -> None:
        """Lets the sensor look so often again."""
        seen = self.ticks()
        self.until(lambda: self.ticks() >= seen + times, "ticks")


@pytest.fixture
def hook() -> Iterator[Webhook]:
    found = Webhook()
    yield found
    found.server.shutdown()
    found.server.server_close()


def kinds(hook: Webhook) -> Counter[tuple[str, str]]:
    """(ALERT or OVER, which trouble) -> messages."""
    words = {
        "breaks unique": "red check",
        "is stale": "stale hour",
        "of the lines rejected": "quarantine rate",
        "newest run of report_daily failed": "failed run",
        f"stream of {SOURCE} is silent": "stalled stream",
        "daemon is silent": "dead daemon",
    }
    return Counter(
        (title.split()[0], next((kind for word, kind in words.items() if word in title), title))
        for title in hook.titles
    )


FIVE = ("red check", "stale hour", "quarantine rate", "failed run", "stalled stream")


def test_each_trouble_is_told_once_and_its_end_once_and_a_dead_daemon_by_cron(
    tmp_path: Path, hook: Webhook
) -> None:
    home = Home(tmp_path, hook)
    with home.stream() as stream, home.daemon() as daemon:
        home.until(lambda: home.ticks() >= 1 and home.is_streaming(), "the first tick and beat")
        home.check(failed=3)
        home.ledger(quarantined=9)
        stream.send_signal(signal.SIGSTOP)
        home.report_run(fails=True)
        begun: Counter[Any] = Counter({("ALERT", kind): 1 for kind in FIVE})
        home.until(lambda: kinds(hook) >= begun, "five alerts")  # the hour goes stale by itself
        home.let_tick()
        assert kinds(hook) == begun

        home.check(failed=0)
        home.ledger(quarantined=0)
        stream.send_signal(signal.SIGCONT)
        home.event_at(datetime.now(UTC) + timedelta(hours=1))
        home.report_run(fails=False)
        ended = begun + Counter({("OVER", kind): 1 for kind in FIVE})
        home.until(lambda: kinds(hook) >= ended, "five ends")
        home.let_tick()
        assert kinds(hook) == ended
        assert home.cron() == (0, "[]\n")

        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait(timeout=60)
        dead = ended + Counter({("ALERT", "dead daemon"): 1})
        home.until(lambda: home.cron()[0] == 1, "cron notices")
        home.cron()
        assert kinds(hook) == dead
    with home.daemon():
        over = dead + Counter({("OVER", "dead daemon"): 1})
        home.until(lambda: kinds(hook) >= over, "the daemon's return")
        home.let_tick()
    assert kinds(hook) == over

"""Runs of `dagster dev`: forked from one process, and watched to their end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.launcher.base import LaunchRunContext

from clickstream_platform import run_tags
from clickstream_platform.running.launcher import ONE_THREAD, WarmRunLauncher
from clickstream_platform.settings import PROJECT_ROOT, read_settings, use_dagster_home
from clickstream_platform_tests.running.jobs import telling

pytestmark = pytest.mark.slow
WITHIN_S = 90
NEEDED = ("dagster", "pandera", "pandas", "grpc", "pyspark.sql.connect.session", "deltalake")


@dataclass
class Launched:
    """A run of `telling`."""

    instance: dg.DagsterInstance
    run_id: str
    place: Path

    @property
    def status(self) -> dg.DagsterRunStatus:
        run = self.instance.get_run_by_id(self.run_id)
        assert run is not None
        return run.status

    def told(self) -> dict:
        """What the run wrote of itself, once it has."""
        wait(self.place.exists)
        return json.loads(self.place.read_text())

    def ended(self) -> dg.DagsterRunStatus:
        wait(lambda: self.status in (dg.DagsterRunStatus.SUCCESS, *BAD))
        return self.status

    def words(self) -> str:
        return "\n".join(entry.message for entry in self.instance.all_logs(self.run_id))


BAD = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


class Shop:
    """A home's Dagster instance, which launches as `dagster.yaml` says."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path) -> None:
        self.instance, self.folder = instance, folder
        self.gate = folder / "gate"

    @property
    def launcher(self) -> WarmRunLauncher:
        assert isinstance(self.instance.run_launcher, WarmRunLauncher)
        return self.instance.run_launcher

    def new_run(self, *, waits: bool) -> Launched:
        place = self.folder / f"told-{time.monotonic_ns()}"
        config = {"place": str(place), "until": str(self.gate) if waits else None}
        run = self.instance.create_run_for_job(
            telling,
            run_config={"ops": {"tell": {"config": config}}},
            status=dg.DagsterRunStatus.STARTING,
            job_code_origin=dg.reconstructable(telling).get_python_origin(),
        )
        return Launched(self.instance, run.run_id, place)

    def launch(self, run: Launched) -> Launched:
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        self.launcher.launch_run(LaunchRunContext(found, workspace=None))
        return run

    def run(self, *, waits: bool = False) -> Launched:
        return self.launch(self.new_run(waits=waits))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    for name in ("DAGSTER_HOME", "CLICKSTREAM_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    settings_file = tmp_path / "clickstream.yaml"
    settings_file.write_text("first_hour: 2020-01-01T00\n")
    monkeypatch.setenv("CLICKSTREAM_CONFIG", str(settings_file))
    home = use_dagster_home(read_settings(home=tmp_path / "home"))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        found = Shop(instance, tmp_path)
        yield found
        found.gate.touch()


def test_the_nursery_has_one_thread_and_all_that_runs_import() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys; from clickstream_platform.running.nursery import preload; preload(); "
            "print(len(os.listdir('/proc/self/task')), *sys.modules)",
        ],
        cwd=PROJECT_ROOT,
        env={**os.environ, **ONE_THREAD},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert told[0] == "1"
    assert not {*NEEDED}.difference(told)


def test_runs_share_a_nursery_until_code_or_settings_change(shop: Shop) -> None:
    first = shop.run()
    one, two = first.told(), shop.run().told()
    assert first.ended() is dg.DagsterRunStatus.SUCCESS
    assert one["parent"] == two["parent"] != os.getpid()
    assert one["first_hour"] == "2020-01-01T00"
    Path(os.environ["CLICKSTREAM_CONFIG"]).write_text("first_hour: 2021-01-01T00\n")
    three = shop.run().told()
    assert three["parent"] != one["parent"]
    assert three["first_hour"] == "2021-01-01T00"
    wait(lambda: not is_alive(one["parent"]))


def test_a_run_whose_process_is_killed_fails_within_seconds_and_says_how(shop: Shop) -> None:
    run = shop.run(waits=True)
    os.kill(run.told()["pid"], signal.SIGKILL)
    assert run.ended() is dg.DagsterRunStatus.FAILURE
    assert "ended with signal SIGKILL" in run.words()


def test_a_terminated_run_is_cancelled_also_when_its_process_has_not_begun(shop: Shop) -> None:
    run = shop.run(waits=True)
    run.told()
    assert shop.launcher.terminate(run.run_id)
    assert run.ended() is dg.DagsterRunStatus.CANCELED
    assert not shop.launcher.terminate(run.run_id)
    early = shop.new_run(waits=True)
    assert shop.launcher.terminate(early.run_id)
    assert shop.launch(early).ended() is dg.DagsterRunStatus.CANCELED
    assert not early.place.exists()


def test_a_run_whose_process_is_gone_can_still_be_terminated(shop: Shop) -> None:
    run = shop.new_run(waits=True)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    owner = owner_of(run, gone)
    gone.wait()
    shop.instance.add_run_tags(run.run_id, {run_tags.PROCESS: owner})
    assert shop.launcher.terminate(run.run_id)
    assert run.status is dg.DagsterRunStatus.CANCELED


def test_a_run_that_is_ending_is_not_interrupted_again(shop: Shop) -> None:
    run = shop.new_run(waits=True)
    tidying = "import signal, time; signal.signal(signal.SIGINT, lambda *_: exit(3)); input()"
    with subprocess.Popen([sys.executable, "-c", tidying], stdin=subprocess.PIPE) as busy:
        shop.instance.add_run_tags(run.run_id, {run_tags.PROCESS: owner_of(run, busy)})
        found = shop.instance.get_run_by_id(run.run_id)
        assert found is not None
        shop.instance.report_run_canceling(found)
        told = len(shop.instance.all_logs(run.run_id))
        assert shop.launcher.terminate(run.run_id)
        assert busy.communicate(b"\n", timeout=60) == (None, None)
        assert busy.returncode == 0  # nobody interrupted it
    assert len(shop.instance.all_logs(run.run_id)) == told
    assert shop.launcher.terminate(run.run_id)
    assert run.status is dg.DagsterRunStatus.CANCELED


def test_a_run_that_another_process_has_begun_is_not_begun_again(shop: Shop) -> None:
    run = shop.run(waits=True)
    pid = run.told()["pid"]
    shop.launch(run)
    shop.gate.touch()
    assert run.ended() is dg.DagsterRunStatus.SUCCESS
    assert run.told()["pid"] == pid
    assert "ended with" not in run.words()


def test_a_killed_nursery_is_replaced_and_its_runs_go_on(shop: Shop) -> None:
    run = shop.run(waits=True)
    nursery = run.told()["parent"]
    os.kill(nursery, signal.SIGKILL)
    wait(lambda: not is_alive(nursery))
    assert shop.run().told()["parent"] != nursery
    shop.gate.touch()
    assert run.ended() is dg.DagsterRunStatus.SUCCESS


def test_a_nursery_ends_after_its_launcher_but_not_before_its_runs(shop: Shop) -> None:
    run = shop.run(waits=True)
    told = run.told()
    shop.launcher.dispose()
    time.sleep(1)  # it could have ended by now
    assert is_alive(told["parent"])
    os.kill(told["pid"], signal.SIGKILL)
    assert run.ended() is dg.DagsterRunStatus.FAILURE  # still watched
    wait(lambda: not is_alive(told["parent"]))


def owner_of(run: Launched, process: subprocess.Popen[bytes]) -> str:
    return f"{run.run_id}|here|{process.pid}|{psutil.Process(process.pid).create_time():.3f}"


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait(until: Callable[[], bool]) -> None:
    by = time.monotonic() + WITHIN_S
    while not until():
        assert time.monotonic() < by, "it did not come about"
        time.sleep(0.05)

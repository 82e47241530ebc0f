"""What `make dev` does with a Dagster that ends by itself, tried with a shell in its place."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from clickstream_platform.running import dev


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """The signals are this process's own again afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(folder: Path, script: str) -> tuple[int, int]:
    """The exit code, and how often it was started."""
    count = folder / "count"
    command = ["sh", "-c", f"echo started >> {count}; {script}"]
    with (folder / "log").open("ab") as log:
        code = dev.keep_running(command, folder, dict(os.environ), log)
    return code, len(count.read_text().splitlines())


def asked_at(folder: Path, *, start: int) -> str:
    """Ends by itself until it was started so often; then its parent, which is us, is to stop."""
    return (
        f"test $(wc -l < {folder}/count) -lt {start} && exit 1; "
        f"kill -TERM {os.getpid()}; exec sleep 60"
    )


def test_one_that_never_lives_long_is_given_up(tmp_path: Path) -> None:
    assert run(tmp_path, "exit 3") == (3, 1 + dev.MAX_DEATHS)


def test_it_is_started_again_until_somebody_wants_an_end(tmp_path: Path) -> None:
    assert run(tmp_path, asked_at(tmp_path, start=2)) == (0, 2)


def test_each_long_life_forgives_the_deaths_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "LONG_LIFE_S", -1.0)  # every life is long
    assert run(tmp_path, asked_at(tmp_path, start=7)) == (0, 7)


def test_runs_outlive_a_dagster_that_ended_by_itself_and_end_with_the_one_that_was_stopped(
    tmp_path: Path,
) -> None:
    """A life leaves a run and a server behind; the run writes in the next life, and then ends."""
    left = f"""import os, signal, sys, time
name = sys.argv[-1].rpartition(".")[2]
open("{tmp_path}/" + name, "w").write(str(os.getpid()))
while not os.path.exists("{tmp_path}/again"):
    time.sleep(0.05)
print(name, "is heard in the next life", flush=True)
open("{tmp_path}/" + name + "-wrote", "w").close()
time.sleep(60)"""
    first = f"""
import subprocess, sys, pathlib, time
for name in ("clickstream_platform.running.nursery", "some.server"):
    subprocess.Popen([sys.executable, "-c", {left!r}, name])
while not all(pathlib.Path("{tmp_path}", n).exists() for n in ("nursery", "server")):
    time.sleep(0.05)
sys.exit(1)"""
    (tmp_path / "first.py").write_text(first)
    next_life = (
        f"touch {tmp_path}/again; while ! test -e {tmp_path}/nursery-wrote; do sleep 0.1; done; "
        f"kill -TERM {os.getpid()}; exec sleep 60"
    )
    is_first = f"test $(wc -l < {tmp_path}/count) -eq 1"
    script = f"if {is_first}; then exec {sys.executable} {tmp_path}/first.py; fi; {next_life}"
    assert run(tmp_path, script) == (0, 2)
    log = (tmp_path / "log").read_text()
    assert "nursery is heard in the next life" in log
    assert "server is heard" not in log, "what is no run ends with its Dagster"
    pids = [int((tmp_path / name).read_text()) for name in ("nursery", "server")]
    assert not any(is_running(pid) for pid in pids)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

"""The supervisor around a plain Python process that listens, in place of the JVM."""

import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from clickstream_platform.engine.launch import free_port
from clickstream_platform.engine.state import (
    EngineFiles,
    EngineRecord,
    LastExit,
    listens,
    process,
    until,
)
from clickstream_platform.engine.supervise import _may_stop, supervise

pytestmark = pytest.mark.long
LISTENER = """
import socket, sys

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].recv(1)
"""
LIMIT_S = 20.0


class Supervised:
    """A listener under supervision, in a thread of this process."""

    def __init__(self, folder: Path, *, idle_timeout_s: float, program: str = LISTENER) -> None:
        self.files = EngineFiles(folder)
        self.port = free_port()
        self._options = {"port": self.port, "idle_timeout_s": idle_timeout_s, "warm_up": False}
        self._command = [sys.executable, "-c", program, str(self.port)]
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        supervise(self.files, command=self._command, **self._options)  # type: ignore[arg-type]

    def wait_for_port(self) -> None:
        assert any(listens(self.port) for _ in until(time.monotonic() + LIMIT_S))

    def last_exit(self) -> LastExit:
        self.thread.join(LIMIT_S)
        found = self.files.read_last_exit()
        assert found is not None
        return found


@pytest.fixture(autouse=True)
def _no_signal_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # only a main thread may set one


def test_an_unused_engine_is_stopped_and_forgotten(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path, idle_timeout_s=1)
    last_exit = supervised.last_exit()
    assert last_exit.reason == "stopped: idle"
    assert supervised.files.read() is None


def test_a_connected_client_keeps_it_and_its_leaving_starts_the_clock(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path, idle_timeout_s=1)
    supervised.wait_for_port()
    with socket.create_connection(("127.0.0.1", supervised.port)):
        supervised.thread.join(3)
        assert supervised.thread.is_alive()
    left_at = time.time()
    assert supervised.last_exit().ended_at - left_at >= 0.5


def test_a_kill_is_recorded_as_its_signal_and_leaves_the_record(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path, idle_timeout_s=60)
    supervised.wait_for_port()
    record = supervised.files.read()
    assert record is not None
    psutil.Process(record.pid).kill()
    last_exit = supervised.last_exit()
    assert (last_exit.pid, last_exit.signal, last_exit.asked) == (record.pid, 9, None)
    assert supervised.files.read() == record


def test_exit_code_three_is_told_as_out_of_memory(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path, idle_timeout_s=60, program="raise SystemExit(3)")
    assert "raise engine.driver_memory" in supervised.last_exit().reason


def test_a_reused_pid_and_a_zombie_count_as_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    created = psutil.Process(child.pid).create_time()
    assert process(child.pid, created) is not None
    assert process(child.pid, created - 100) is None
    child.kill()
    assert any(process(child.pid, created) is None for _ in until(time.monotonic() + LIMIT_S))
    child.wait()


def test_a_use_noted_while_the_engine_is_given_up_keeps_it(tmp_path: Path) -> None:
    files = EngineFiles(tmp_path)
    record = EngineRecord(
        pid=1, created=0, port=1, started_at=0, supervisor_pid=1, supervisor_created=0
    )
    files.write(record)
    files.touch_last_use()
    assert not _may_stop(files, files.last_use() - 1)
    assert files.read() == record
    assert _may_stop(files, files.last_use())
    assert files.read() == replace(record, stopping="idle")


def test_a_slow_start_is_not_idleness(tmp_path: Path) -> None:
    slow = "import time; time.sleep(3)\n" + LISTENER
    supervised = Supervised(tmp_path, idle_timeout_s=2, program=slow)
    supervised.wait_for_port()
    listened_at = time.time()
    assert supervised.last_exit().ended_at - listened_at >= 1.5

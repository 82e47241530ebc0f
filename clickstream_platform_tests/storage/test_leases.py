"""One writer per hour and layer, across owners; the dead hold nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from clickstream_platform.storage import leases
from clickstream_platform.storage.leases import HoursBusyError
from clickstream_platform.storage.owners import is_alive, this_process

TEN, ELEVEN, TWELVE = "2024-11-29T10", "2024-11-29T11", "2024-11-29T12"
ONE, TWO = this_process("one"), this_process("two")


def test_a_second_owner_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    with (
        leases.held(tmp_path, "silver", [TEN, ELEVEN], owner=ONE),
        pytest.raises(HoursBusyError, match=f"silver {ELEVEN} has been written by one"),
        leases.held(tmp_path, "silver", [ELEVEN, TWELVE], owner=TWO, wait_s=0),
    ):
        pass


def test_a_refused_owner_holds_nothing(tmp_path: Path) -> None:
    with leases.held(tmp_path, "silver", [TEN, ELEVEN], owner=ONE):
        with (
            pytest.raises(HoursBusyError),
            leases.held(tmp_path, "silver", [ELEVEN, TWELVE], owner=TWO, wait_s=0),
        ):
            pass
        with leases.held(tmp_path, "silver", [TWELVE], owner=ONE, wait_s=0):
            pass


def test_other_hours_and_other_layers_do_not_wait(tmp_path: Path) -> None:
    with (
        leases.held(tmp_path, "silver", [TEN], owner=ONE),
        leases.held(tmp_path, "silver", [ELEVEN], owner=TWO, wait_s=0),
        leases.held(tmp_path, "gold", [TEN], owner=TWO, wait_s=0),
    ):
        pass


def test_a_lease_is_free_after_use_also_after_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        leases.held(tmp_path, "silver", [TEN], owner=ONE),
    ):
        _ = 1 / 0
    with leases.held(tmp_path, "silver", [TEN], owner=TWO, wait_s=0):
        pass


def test_a_waiting_owner_follows_when_the_first_is_done(tmp_path: Path) -> None:
    order: list[str] = []
    taken, finish = threading.Event(), threading.Event()

    def first() -> None:
        with leases.held(tmp_path, "silver", [TEN], owner=ONE):
            taken.set()
            finish.wait(30)
            order.append("one")

    thread = threading.Thread(target=first)
    thread.start()
    assert taken.wait(30)
    threading.Timer(0.2, finish.set).start()
    with leases.held(tmp_path, "silver", [TEN], owner=TWO, wait_s=30):
        order.append("two")
    thread.join()
    assert order == ["one", "two"]


def test_the_lease_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    dead = f"run|{child.pid}|{psutil.Process(child.pid).create_time():.3f}"
    with leases.held(tmp_path, "silver", [TEN], owner=dead):
        assert is_alive(dead)
        child.communicate(b"\n")
        assert not is_alive(dead)
        with leases.held(tmp_path, "silver", [TEN], owner=TWO, wait_s=0):
            pass


def test_a_reused_pid_is_not_the_owner() -> None:
    pid = psutil.Process().pid
    assert is_alive(this_process("run"))
    assert not is_alive(f"run|{pid}|1.000")

"""The daemon of Python workers: one thread, light imports, and an end of its own."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from pyspark.sql.connect.session import SparkSession

from clickstream_platform.engine.client import connect
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import PROJECT_ROOT, Settings

HEAVY = ("pandera", "dagster", "pyspark.sql.connect.functions", "clickstream_platform.tables")
SHORT_LIVED = (
    "from clickstream_platform.engine.python_daemon import Idleness, manager; "
    "Idleness(look_s=1, looks=2).watch(); manager()"
)


def test_preloading_starts_no_thread_and_imports_nothing_heavy() -> None:
    told = python(
        "import os, sys; from clickstream_platform.engine.python_daemon import preload; preload(); "
        "print(len(os.listdir('/proc/self/task')), *sys.modules)"
    ).split()
    assert told[0] == "1"
    assert "clickstream_platform.transforms.enricher" in told
    assert not {*HEAVY}.intersection(told)


def test_a_daemon_ends_only_once_it_has_no_worker() -> None:
    with daemon() as (process, port):
        with socket.create_connection(("127.0.0.1", port)) as as_spark:
            worker = struct.unpack("!i", as_spark.recv(4))[0]
            time.sleep(4)  # twice as long as it may be idle
            assert process.poll() is None
            assert psutil.pid_exists(worker)
            os.kill(worker, signal.SIGKILL)
        assert process.wait(timeout=10) == 1  # what Spark's daemon says when it is told to end


@pytest.mark.long
def test_an_idle_sessions_daemon_ends_and_the_session_goes_on(engine_settings: Settings) -> None:
    session = connect(engine_settings)
    jvm = psutil.Process(Engine(engine_settings).status().pid)
    before = daemons(jvm)
    assert worked(session) == 3
    mine = daemons(jvm) - before
    _, alive = psutil.wait_procs(mine, timeout=240)
    assert mine
    assert not alive
    assert worked(session) == 3
    assert daemons(jvm) - before
    session.stop()


def worked(session: SparkSession) -> int:
    return session.range(3).mapInArrow(lambda batches: batches, "id bigint").toArrow().num_rows


def daemons(jvm: psutil.Process) -> set[psutil.Process]:
    name = "clickstream_platform.engine.python_daemon"
    return {child for child in jvm.children() if name in words_of(child)}


def words_of(process: psutil.Process) -> list[str]:
    """Its command line, or nothing: the JVM inherits a dead child of the shell that became it."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # a zombie is one too
        return []


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, check=True, capture_output=True, text=True
    ).stdout


@contextmanager
def daemon() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SHORT_LIVED],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield process, struct.unpack("!i", process.stdout.read(4))[0]
    finally:
        process.kill()
        process.wait()

"""The daemon of Python workers: one thread, light imports, and an end of its own."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from pyspark.sql.connect.session import SparkSession

from clickstream_platform.engine.client import connect
from clickstream_platform.engine.python_daemon import PARENT
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import PROJECT_ROOT, Settings

HEAVY = ("pandera", "dagster", "pyspark.sql.connect.functions", "clickstream_platform.tables")
PRELOAD = "from clickstream_platform.engine.python_parent import *; preload(); "
SHORT_LIVED = (
    "from clickstream_platform.engine.python_parent import Idleness, manager; "
    "Idleness(look_s=1, looks=2).watch(); manager()"
)
DAEMON = ("-m", "clickstream_platform.engine.python_daemon", "pyspark.worker")


def test_preloading_starts_no_thread_and_imports_nothing_heavy() -> None:
    told = python(f"{PRELOAD}print(len(os.listdir('/proc/self/task')), *sys.modules)").split()
    assert told[0] == "1"
    assert "clickstream_platform.transforms.enricher" in told
    assert not {*HEAVY}.intersection(told)


def test_what_spark_starts_imports_next_to_nothing() -> None:
    told = python("import clickstream_platform.engine.python_daemon, sys; print(*sys.modules)")
    assert not {"psutil", "pydantic", "pyspark", "pandas"}.intersection(told.split())


def test_a_daemon_ends_only_once_it_has_no_worker() -> None:
    with daemon("-c", SHORT_LIVED) as (process, port):
        with socket.create_connection(("127.0.0.1", port)) as as_spark:
            worker = struct.unpack("!i", as_spark.recv(4))[0]
            time.sleep(4)  # twice as long as it may be idle
            assert process.poll() is None
            assert psutil.pid_exists(worker)
            os.kill(worker, signal.SIGKILL)
        assert process.wait(timeout=10) == 1  # what Spark's daemon says when it is told to end


def test_a_forked_daemon_has_the_pipes_and_the_environment_of_who_asked(tmp_path: Path) -> None:
    given = {"PYTHON_WORKER_FACTORY_SECRET": "of this session"}
    with parent(tmp_path) as (above, place), daemon(*DAEMON, place=place, **given) as found:
        process, port = found
        [forked] = above.children()
        with socket.create_connection(("127.0.0.1", port)) as as_spark:
            worker = struct.unpack("!i", as_spark.recv(4))[0]
            assert psutil.Process(worker).ppid() == forked.pid
            as_spark.sendall(with_length(given["PYTHON_WORKER_FACTORY_SECRET"]))
            assert as_spark.recv(6) == with_length("ok")
        assert process.stdin is not None
        process.stdin.close()  # Spark's way to end a daemon
        assert process.wait(timeout=10) == 1
        wait(lambda: not above.children())


def test_without_a_parent_or_with_an_older_one_the_process_is_the_daemon_itself(
    tmp_path: Path,
) -> None:
    with parent(tmp_path) as (above, place):
        with daemon(*DAEMON, place=tmp_path / "nobody") as (alone, _):
            assert not above.children()
            assert alone.poll() is None
        changed = PROJECT_ROOT / "clickstream_platform/transforms/known_sources.yaml"
        before = changed.stat()
        try:
            os.utime(changed)
            with daemon(*DAEMON, place=place) as (alone, _):
                assert not above.children()
                assert alone.poll() is None
        finally:
            os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
        with daemon(*DAEMON, place=place):
            assert len(above.children()) == 1


def test_a_parent_ends_with_its_pipe_and_leaves_nothing(tmp_path: Path) -> None:
    with parent(tmp_path) as (above, place):
        assert place.exists()
    assert not above.is_running()
    assert not place.parent.exists()


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


def with_length(text: str) -> bytes:
    return struct.pack("!i", len(text)) + text.encode()


@contextmanager
def daemon(
    *arguments: str, place: Path | None = None, **variables: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Started as Spark would; with the port that it tells."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, **variables, PARENT: str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield process, struct.unpack("!i", process.stdout.read(4))[0]
    finally:
        process.kill()
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


@contextmanager
def parent(folder: Path) -> Iterator[tuple[psutil.Process, Path]]:
    place = folder / "parent" / "socket"
    place.parent.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "clickstream_platform.engine.python_parent"],
        cwd=PROJECT_ROOT,
        env={**os.environ, PARENT: str(place)},
        stdin=subprocess.PIPE,
    )
    try:
        wait(place.exists)
        yield psutil.Process(process.pid), place
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=10)


def wait(until: Callable[[], bool], within_s: float = 60) -> None:
    by = time.monotonic() + within_s
    while not until():
        assert time.monotonic() < by, "it did not come about"
        time.sleep(0.05)

"""Starts the engine's JVM, stops it when idle, and records how it ended.

Runs as a process of its own (`python -m clickstream_platform.engine.supervise`), started by
`Engine.ensure`; imports nothing heavy, since it lives as long as the engine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from clickstream_platform.engine.python_daemon import PARENT
from clickstream_platform.engine.state import (
    EngineFiles,
    EngineRecord,
    LastExit,
    client_count,
    listens,
)

POLL_S = 5.0
TERM_GRACE_S = 15.0
PREDECESSOR_GRACE_S = 20.0
WARM_UP_AFTER_S = 2.0
WARM_UP_TIMEOUT_S = 120.0
IDLE = "idle"


def supervise(
    files: EngineFiles, *, port: int, idle_timeout_s: float, warm_up: bool, command: Sequence[str]
) -> int:
    """Exit code of the JVM that `command` starts; returns when it has ended.

    Guarantees: at most one supervisor per home. `last_exit.json` is written before the return.
    """
    try:
        with FileLock(files.supervisor_lock, timeout=PREDECESSOR_GRACE_S):
            return _run(
                files,
                port=port,
                idle_timeout_s=idle_timeout_s,
                warm_up=warm_up,
                command=command,
            )
    except Timeout:
        print(f"Another supervisor holds {files.supervisor_lock}; not starting.", file=sys.stderr)
        return 3


def _run(
    files: EngineFiles, *, port: int, idle_timeout_s: float, warm_up: bool, command: Sequence[str]
) -> int:
    with _python_parent():
        return _run_jvm(
            files, port=port, idle_timeout_s=idle_timeout_s, warm_up=warm_up, command=command
        )


@contextlib.contextmanager
def _python_parent() -> Iterator[None]:
    """The process from which Spark's Python daemons are forked, for as long as the engine lives."""
    folder = tempfile.mkdtemp(prefix="clickstream-")  # a home's path may be too long for a socket
    os.environ[PARENT] = f"{folder}/socket"
    os.environ["PYTHONHASHSEED"] = "0"  # as spark-submit sets it for daemons that it starts
    module = "clickstream_platform.engine.python_parent"
    # Should this process be killed, the other's standard input ends, and it ends and tidies up.
    parent = subprocess.Popen([sys.executable, "-m", module], stdin=subprocess.PIPE)
    try:
        yield
    finally:
        parent.kill()
        parent.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _run_jvm(
    files: EngineFiles, *, port: int, idle_timeout_s: float, warm_up: bool, command: Sequence[str]
) -> int:
    jvm = subprocess.Popen(command, cwd=files.folder, stdin=subprocess.DEVNULL)
    own = psutil.Process()
    started = time.time()
    files.write(
        EngineRecord(
            pid=jvm.pid,
            created=psutil.Process(jvm.pid).create_time(),
            port=port,
            started_at=started,
            supervisor_pid=own.pid,
            supervisor_created=own.create_time(),
        )
    )
    files.touch_last_use()
    signal.signal(signal.SIGTERM, lambda *_: jvm.terminate())
    if warm_up:
        threading.Thread(target=_warm_up, args=(files, jvm, port), daemon=True).start()
    code = _watch(files, jvm, port=port, idle_timeout_s=idle_timeout_s)
    record_exit(files, pid=jvm.pid, port=port, code=code)
    return abs(code)


def _warm_up(files: EngineFiles, jvm: subprocess.Popen[bytes], port: int) -> None:
    """One short-lived client once the server listens, unless a user is faster.

    Beside a user it would only compete for the cores. How it ends changes nothing.
    """
    process = psutil.Process(jvm.pid)
    while jvm.poll() is None and not listens(port):
        time.sleep(POLL_S / 10)
    time.sleep(WARM_UP_AFTER_S)
    if jvm.poll() is not None or client_count(process, port):
        return
    module = "clickstream_platform.engine.warmup"
    target = (f"sc://localhost:{port}", str(files.folder))
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-m", module, *target], check=False, timeout=WARM_UP_TIMEOUT_S
        )


def _watch(
    files: EngineFiles, jvm: subprocess.Popen[bytes], *, port: int, idle_timeout_s: float
) -> int:
    """The JVM's return code; ends it after `idle_timeout_s` without a client.

    Starting up is no idleness: the clock runs from when the server first listens.
    """
    process = psutil.Process(jvm.pid)
    last_busy = time.time()
    is_up = False
    poll_s = min(POLL_S, idle_timeout_s / 5)
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return jvm.wait(timeout=poll_s)
        is_up = is_up or listens(port)
        if not is_up or client_count(process, port):
            last_busy = time.time()
            files.write_idle_since(None)
            continue
        idle_since = max(last_busy, files.last_use())
        files.write_idle_since(idle_since)
        if time.time() - idle_since >= idle_timeout_s and _may_stop(files, idle_since):
            return _end(jvm)


def _may_stop(files: EngineFiles, idle_since: float) -> bool:
    """True once the record says that the engine is stopping, so that nobody relies on it.

    The mark is written first and the last use read again after it, while `ensure` notes its use
    first and reads the mark after it: one of the two sees the other.
    """
    try:
        with FileLock(files.lock, timeout=0):
            record = files.read()
            if record is None:
                return True
            files.mark_stopping(record, IDLE)
            if files.last_use() > idle_since:
                files.write(record)
                return False
            return True
    except Timeout:
        return False


def _end(jvm: subprocess.Popen[bytes]) -> int:
    jvm.terminate()
    try:
        return jvm.wait(timeout=TERM_GRACE_S)
    except subprocess.TimeoutExpired:
        jvm.kill()
        return jvm.wait()


def record_exit(files: EngineFiles, *, pid: int, port: int, code: int | None) -> None:
    """Writes how the JVM ended, and forgets it if that was asked for.

    Units: `code` as `subprocess` gives it: negative for a signal, null if nobody saw it.
    """
    record = files.read()
    ours = record is not None and record.pid == pid
    asked = record.stopping if ours and record is not None else None
    files.write_last_exit(
        LastExit(
            pid=pid,
            port=port,
            ended_at=time.time(),
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            asked=asked,
        )
    )
    files.write_idle_since(None)
    if asked is not None:
        files.forget()


def main(arguments: Sequence[str]) -> int:
    """Exit code of the supervised JVM."""
    parser = argparse.ArgumentParser(prog="clickstream_platform.engine.supervise")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--idle-timeout-s", type=float, required=True)
    parser.add_argument("--warm-up", action="store_true")
    parser.add_argument("command", nargs="+")
    parsed = parser.parse_args(arguments)
    os.chdir("/")  # keep no folder of the starter busy
    return supervise(
        EngineFiles(parsed.state),
        port=parsed.port,
        idle_timeout_s=parsed.idle_timeout_s,
        warm_up=parsed.warm_up,
        command=parsed.command,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

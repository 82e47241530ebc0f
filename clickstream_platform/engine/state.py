"""What is known of a home's engine, as small files: <home>/state/engine/*.json."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class EngineRecord:
    """The JVM of a home. `created` guards against a pid that was given to another process.

    `stopping` tells why it is being ended on purpose; null while it shall run.
    """

    pid: int
    created: float
    port: int
    started_at: float
    supervisor_pid: int
    supervisor_created: float
    stopping: str | None = None


@dataclass(frozen=True)
class LastExit:
    """How the JVM `pid` ended. Both `exit_code` and `signal` are null if nobody saw it."""

    pid: int
    port: int
    ended_at: float
    exit_code: int | None
    signal: int | None
    asked: str | None

    @property
    def reason(self) -> str:
        """Words for people: `signal 9`, `exit code 3 (out of memory)`, `stopped: idle`."""
        if self.asked is not None:
            return f"stopped: {self.asked}"
        if self.signal is not None:
            return f"signal {self.signal}"
        if self.exit_code == OUT_OF_MEMORY_EXIT:
            return f"exit code {self.exit_code} (out of memory: raise engine.driver_memory)"
        return "unknown" if self.exit_code is None else f"exit code {self.exit_code}"


PROBE_TIMEOUT_S = 1.0
OUT_OF_MEMORY_EXIT = 3  # what the JVM option ExitOnOutOfMemoryError exits with


@dataclass(frozen=True)
class EngineFiles:
    """Where one home keeps its engine's state; the folder is private to the user."""

    folder: Path

    def create(self) -> None:
        """Makes the folder, readable by nobody else: tokens and scratch data lie in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    @property
    def lock(self) -> Path:
        return self.folder / "engine.lock"

    @property
    def supervisor_lock(self) -> Path:
        return self.folder / "supervisor.lock"

    @property
    def token(self) -> Path:
        return self.folder / "token"

    def read(self) -> EngineRecord | None:
        found = _read_json(self.folder / "engine.json")
        return None if found is None else EngineRecord(**found)

    def write(self, record: EngineRecord) -> None:
        _write_json(self.folder / "engine.json", asdict(record))

    def mark_stopping(self, record: EngineRecord, why: str | None) -> EngineRecord:
        marked = replace(record, stopping=why)
        self.write(marked)
        return marked

    def forget(self) -> None:
        (self.folder / "engine.json").unlink(missing_ok=True)

    def read_last_exit(self) -> LastExit | None:
        found = _read_json(self.folder / "last_exit.json")
        return None if found is None else LastExit(**found)

    def write_last_exit(self, last_exit: LastExit) -> None:
        _write_json(self.folder / "last_exit.json", asdict(last_exit))

    def touch_last_use(self) -> None:
        """Someone is about to connect; the supervisor counts it as use."""
        (self.folder / "last_use").touch()

    def last_use(self) -> float:
        path = self.folder / "last_use"
        return path.stat().st_mtime if path.is_file() else 0.0

    def write_idle_since(self, moment: float | None) -> None:
        path = self.folder / "idle_since"
        if moment is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(str(moment))

    def idle_since(self) -> float | None:
        path = self.folder / "idle_since"
        with contextlib.suppress(FileNotFoundError, ValueError):
            return float(path.read_text())
        return None

    def write_token(self, token: str) -> None:
        descriptor = os.open(self.token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token)
        self.token.chmod(0o600)


def process(pid: int, created: float) -> psutil.Process | None:
    """The process if it still runs and is the same one; a zombie counts as gone."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        found = psutil.Process(pid)
        same = abs(found.create_time() - created) < 1.0
        if same and found.status() != psutil.STATUS_ZOMBIE:
            return found
    return None


def client_count(jvm: psutil.Process, port: int) -> int:
    """Established connections to the engine's port."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return sum(
            1
            for connection in jvm.net_connections(kind="tcp")
            if connection.laddr
            and connection.laddr.port == port
            and connection.status == psutil.CONN_ESTABLISHED
        )
    return 0


def listens(port: int) -> bool:
    """True if something accepts connections on the loopback `port`."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PROBE_TIMEOUT_S):
            return True
    except OSError:
        return False


def until(deadline: float, *, pause_s: float = 0.1) -> Iterator[None]:
    """Yields again and again until the monotonic clock reaches `deadline`; at least once."""
    yield
    while time.monotonic() < deadline:
        time.sleep(pause_s)
        yield


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def _write_json(path: Path, content: dict[str, Any]) -> None:
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_text(json.dumps(content))
    scratch.replace(path)

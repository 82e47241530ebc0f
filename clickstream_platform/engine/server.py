"""The home's one Spark Connect server: find it, start it, stop it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock

from clickstream_platform.engine.launch import (
    TOKEN_VARIABLE,
    free_port,
    prepare_scratch,
    server_command,
    server_environment,
)
from clickstream_platform.engine.logs import rotate, tail
from clickstream_platform.engine.state import (
    PROBE_TIMEOUT_S,
    EngineFiles,
    EngineRecord,
    LastExit,
    client_count,
    listens,
    process,
    until,
)
from clickstream_platform.engine.supervise import TERM_GRACE_S, record_exit
from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.settings import Settings

SUPERVISOR_GRACE_S = 30.0  # a successor may wait 20 s for its predecessor to end
KILL_GRACE_S = 10.0

# Started supervisors outlive us on purpose; holding them keeps Python from warning about it.
_supervisors: list[subprocess.Popen[bytes]] = []


class EngineStartError(EnvironmentProblemError):
    """The Spark server did not come up."""


@dataclass(frozen=True)
class EngineStatus:
    """What the engine of one home is doing now. Times are UTC; null where not running."""

    state: Literal["running", "starting", "stopped", "crashed", "remote"]
    url: str | None
    pid: int | None
    port: int | None
    memory_bytes: int | None
    started_at: datetime | None
    client_count: int
    idle_since: datetime | None
    last_exit: str | None
    log: Path


class Engine:
    """The engine of one home; a configured remote endpoint is used as it is."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.files = EngineFiles(settings.state / "engine")
        self.log = settings.logs / "engine.log"

    def ensure(self) -> str:
        """The `sc://` endpoint of a healthy engine, started if there was none.

        Guarantees: callers in any number of processes get one JVM. This process's environment
            carries the token that clients need.
        Raises: EngineStartError with the end of the log; JavaMissingError; JarError.
        """
        if self.settings.engine.remote is not None:
            return self.settings.engine.remote
        self.files.create()
        self.files.touch_last_use()
        record = self._healthy()
        if record is None:
            with FileLock(self.files.lock):
                record = self._healthy() or self._starting() or self._start()
            self.files.touch_last_use()
        os.environ[TOKEN_VARIABLE] = self.files.token.read_text()
        return endpoint(record)

    def record(self) -> EngineRecord | None:
        """The engine that is alive now and shall stay so, listening or not."""
        record = self.files.read()
        if record is None or record.stopping or process(record.pid, record.created) is None:
            return None
        return record

    def status(self) -> EngineStatus:
        """What can be seen without connecting to Spark."""
        remote = self.settings.engine.remote
        if remote is not None:
            return EngineStatus("remote", remote, None, None, None, None, 0, None, None, self.log)
        record, last_exit = self.files.read(), self.files.read_last_exit()
        last = _exit_words(last_exit)
        jvm = None if record is None else process(record.pid, record.created)
        if record is None or jvm is None:
            crashed = record is not None and record.stopping is None
            state: Literal["crashed", "stopped"] = "crashed" if crashed else "stopped"
            return EngineStatus(state, None, None, None, None, None, 0, None, last, self.log)
        idle_since = self.files.idle_since()
        return EngineStatus(
            state="running" if listens(record.port) else "starting",
            url=endpoint(record),
            pid=record.pid,
            port=record.port,
            memory_bytes=jvm.memory_info().rss,
            started_at=_utc(record.started_at),
            client_count=client_count(jvm, record.port),
            idle_since=None if idle_since is None else _utc(idle_since),
            last_exit=last,
            log=self.log,
        )

    def stop(self) -> bool:
        """True if an engine ran and has been stopped; politely first, then by force."""
        if self.settings.engine.remote is not None or self.files.read() is None:
            return False
        with FileLock(self.files.lock):
            record = self.files.read()
            if record is None:
                return False
            return self._end(record, "requested")

    def _healthy(self) -> EngineRecord | None:
        record = self.record()
        return record if record is not None and listens(record.port) else None

    def _starting(self) -> EngineRecord | None:
        """An engine whose starter died before it listened, once it listens; hung ones are ended."""
        record = self.files.read()
        if record is None or process(record.pid, record.created) is None:
            return None
        if record.stopping is None:
            age_s = time.time() - record.started_at
            left_s = max(PROBE_TIMEOUT_S, self.settings.engine.start_timeout_s - age_s)
            for _ in until(time.monotonic() + left_s):
                if listens(record.port):
                    return record
                if process(record.pid, record.created) is None:
                    return None
        self._end(record, record.stopping or "did not listen in time")
        return None

    def _start(self) -> EngineRecord:
        before = time.time()
        port, token = free_port(), secrets.token_urlsafe(32)
        command = server_command(self.settings, self.files.folder, port)
        prepare_scratch(self.files.folder)
        self.files.write_token(token)
        self.files.forget()
        supervisor = self._spawn(command, port=port, token=token)
        deadline = time.monotonic() + self.settings.engine.start_timeout_s
        record: EngineRecord | None = None
        for _ in until(deadline):
            record = self.files.read()
            if record is not None and listens(record.port):
                return record
            if supervisor.poll() is not None and (record is None or self.record() is None):
                break
        elapsed = round(time.time() - before)
        if record is not None:
            self._end(record, "did not start")
        raise EngineStartError(
            f"The Spark engine did not start within {elapsed} s (port {port}, home "
            f"{self.settings.home}). If memory is short, lower engine.driver_memory; if the "
            f"machine is slow, raise engine.start_timeout_s. The end of {self.log}:\n"
            f"{tail(self.log, 20)}"
        )

    def _spawn(self, command: list[str], *, port: int, token: str) -> subprocess.Popen[bytes]:
        """Starts the supervisor in a session of its own, which survives the caller."""
        rotate(self.log)
        arguments = [
            *(sys.executable, "-m", "clickstream_platform.engine.supervise"),
            *("--state", str(self.files.folder), "--port", str(port)),
            *("--idle-timeout-s", str(self.settings.engine.idle_timeout_s)),
            *(["--warm-up"] if self.settings.engine.warm_up else []),
            *("--", *command),
        ]
        with self.log.open("ab") as log:
            supervisor = subprocess.Popen(
                arguments,
                env=server_environment(self.files.folder, token),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _supervisors.append(supervisor)
        return supervisor

    def _end(self, record: EngineRecord, why: str) -> bool:
        """Ends JVM and supervisor of `record`; false if the JVM was gone already."""
        self.files.mark_stopping(record, why)
        jvm = process(record.pid, record.created)
        for send, grace_s in (("terminate", TERM_GRACE_S), ("kill", KILL_GRACE_S)):
            living = process(record.pid, record.created)
            if living is None:
                break
            getattr(living, send)()
            for _ in until(time.monotonic() + grace_s):
                if process(record.pid, record.created) is None:
                    break
        for _ in until(time.monotonic() + KILL_GRACE_S):
            if process(record.supervisor_pid, record.supervisor_created) is None:
                break
        if self.files.read() is not None:  # no supervisor was left to record the end
            if jvm is not None:
                record_exit(self.files, pid=record.pid, port=record.port, code=None)
            self.files.forget()
        return jvm is not None


def endpoint(record: EngineRecord) -> str:
    """By name, not by address: given 127.0.0.1 and a token, the client demands TLS."""
    return f"sc://localhost:{record.port}"


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, tz=UTC)


def _exit_words(last_exit: LastExit | None) -> str | None:
    if last_exit is None:
        return None
    when = _utc(last_exit.ended_at).isoformat(timespec="seconds")
    return f"pid {last_exit.pid}: {last_exit.reason} at {when}"

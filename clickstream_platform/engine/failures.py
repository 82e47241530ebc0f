"""Turns what a Spark client raises when its engine is gone into words that help."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import grpc
from pyspark.errors.exceptions.connect import SparkConnectGrpcException

from clickstream_platform.engine.client import known_engines
from clickstream_platform.engine.server import Engine
from clickstream_platform.engine.state import EngineRecord, LastExit, process, until
from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.settings import Settings

# An ending JVM closes its port first, and its supervisor needs a moment to write why it ended.
SETTLE_S = 3.0
LOSS_WORDS = (
    "StatusCode.UNAVAILABLE",
    "Connection refused",
    "Connection reset",
    "Socket closed",
    "INVALID_HANDLE.SESSION_NOT_FOUND",
    "INVALID_HANDLE.SESSION_CHANGED",
    "INVALID_HANDLE.OPERATION_NOT_FOUND",
)
ADVICE = (
    "Lost is only what this run had not committed; committed tables are whole. Run it again: a "
    "new engine starts by itself."
)


class EngineLostError(EnvironmentProblemError):
    """The Spark engine ended while it was in use."""


def explain_engine_failure(error: BaseException, settings: Settings) -> EngineLostError | None:
    """Why the engine behind `error` is gone; null if `error` has another cause.

    Raise it `from error`. Waits up to 3 s for the engine's end to be recorded.
    """
    signs = [each for each in _chain(error) if _is_connection_loss(each)]
    if not signs:
        return None
    engine = Engine(settings)
    if settings.engine.remote is not None:
        return EngineLostError(
            f"The Spark endpoint {settings.engine.remote} (engine.remote) does not answer. Check "
            f"that the cluster runs and is reachable, then run again. {signs[-1]}"
        )
    known = known_engines(settings.home)
    told = " ".join(" ".join([str(each), *getattr(each, "__notes__", [])]) for each in signs)
    named = [each for each in known if f":{each.port}" in told]
    record = (named or known)[-1] if known else engine.files.read()
    last_exit = engine.files.read_last_exit()
    if record is not None:
        last_exit = _settled_exit(engine, record)
        if process(record.pid, record.created) is not None:
            return None
    return EngineLostError(_words(record, last_exit, engine))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, each once."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _is_connection_loss(error: BaseException) -> bool:
    if isinstance(error, ConnectionRefusedError | ConnectionResetError | BrokenPipeError):
        return True
    if isinstance(error, grpc.RpcError | SparkConnectGrpcException):
        return any(words in str(error) for words in LOSS_WORDS)
    return any(words in str(error) for words in LOSS_WORDS if words.startswith("INVALID_HANDLE"))


def _settled_exit(engine: Engine, record: EngineRecord) -> LastExit | None:
    """How this JVM ended, once that is written; null if it lives or nobody saw its end."""
    for _ in until(time.monotonic() + SETTLE_S):
        last_exit = engine.files.read_last_exit()
        if last_exit is not None and last_exit.pid == record.pid:
            return last_exit
        if process(record.supervisor_pid, record.supervisor_created) is None and (
            process(record.pid, record.created) is None
        ):
            return None
    return None


def _words(record: EngineRecord | None, last_exit: LastExit | None, engine: Engine) -> str:
    pid = record.pid if record is not None else getattr(last_exit, "pid", "unknown")
    who = f"The Spark engine (pid {pid}, log {engine.log})"
    if last_exit is None:
        return f"{who} is gone; nobody saw how it ended. {ADVICE}"
    when = datetime.fromtimestamp(last_exit.ended_at, tz=UTC).isoformat(timespec="seconds")
    how = f"{who} ended at {when} by {last_exit.reason}."
    if last_exit.asked is not None:
        how = f"{who} was stopped at {when} ({last_exit.asked})."
    elif last_exit.signal == signal.SIGKILL:
        how += (
            " If nobody killed it, the kernel ran out of memory: see `dmesg`, lower "
            "engine.driver_memory."
        )
    return f"{how} {ADVICE}"

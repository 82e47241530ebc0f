"""Sessions of this process on the engine."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.session import SparkSession

from clickstream_platform.engine.launch import BACKGROUND_POOL
from clickstream_platform.engine.server import Engine
from clickstream_platform.engine.state import EngineRecord, process
from clickstream_platform.settings import Settings

# Waits of 50, 200, 800, 3200 and 4000 ms, 8 to 12 s in all with the random part, instead of
# pyspark's 10 minutes.
RETRY_LIMITS = {"max_retries": 5, "max_backoff": 4000, "max_server_retry_delay": 4000}


class EngineRetryPolicy(DefaultPolicy):
    """Retries what pyspark would, but seldom, and not at all once the engine's JVM is gone."""

    def __init__(self, record: EngineRecord | None) -> None:
        super().__init__(**RETRY_LIMITS)
        self._record = record

    def can_retry(self, e: BaseException) -> bool:
        """Also notes on `e` which engine it came from: its own words do not always tell."""
        if self._record is not None:
            note = f"from the Spark engine at localhost:{self._record.port}"
            if note not in getattr(e, "__notes__", []):
                e.add_note(note)
        return _runs(self._record) and super().can_retry(e)


@dataclass
class _Connection:
    """A session of this process and the JVM it lives in; a remote endpoint has no record."""

    session: SparkSession
    record: EngineRecord | None
    keeps_session: bool

    def is_alive(self) -> bool:
        return not self.session.is_stopped and _runs(self.record)

    def close(self) -> None:
        """Ends the session, on the server too unless its id is to be used again.

        A closed session id is refused for ever, and a call to a dead engine would only wait.
        """
        self.session.release_session_on_close = self.is_alive() and not self.keeps_session
        self.session.stop()


_connections: list[_Connection] = []
_engines: list[tuple[Path, EngineRecord]] = []
_shared: dict[tuple[str, tuple[tuple[str, str], ...]], _Connection] = {}
_lock = threading.RLock()


def connect(
    settings: Settings, confs: Mapping[str, str] | None = None, *, session_id: str | None = None
) -> SparkSession:
    """A new session on the engine, which is started if need be.

    `session_id`, a UUID, joins the session of that id if the engine still has it; such a session
    outlives this process, others end with it.

    Guarantees: a call to a lost engine raises at once, to an endpoint that does not answer within
        20 s (gRPC UNAVAILABLE; `explain_engine_failure` tells why).
    Raises: EngineStartError, JavaMissingError, JarError.
    """
    engine = Engine(settings)
    url = engine.ensure()
    record = engine.record()
    target = url if session_id is None else f"{url}/;session_id={session_id}"
    session = bounded_session(target, record)
    with _lock:
        connection = _Connection(session, record, keeps_session=session_id is not None)
        if record is not None and (settings.home, record) not in _engines:
            _engines.append((settings.home, record))
        _connections[:] = [old for old in _connections if not old.session.is_stopped]
        _connections.append(connection)
        atexit.unregister(_close_all)  # must run before pyspark's own hook of the newest session
        atexit.register(_close_all)
    for key, value in (confs or {}).items():
        session.conf.set(key, value)
    return session


def shared_session(settings: Settings, confs: Mapping[str, str] | None = None) -> SparkSession:
    """This process's one session for these settings, made anew if its engine is gone."""
    key = (str(settings.engine.remote or settings.home), tuple(sorted((confs or {}).items())))
    with _lock:
        found = _shared.get(key)
        if found is not None and found.is_alive():
            _make_default(found.session)
            return found.session
        if found is not None:
            found.close()
        session = connect(settings, confs)
        _shared[key] = _connections[-1]
        return session


def background_session(settings: Settings) -> SparkSession:
    """As `shared_session`, a second one: its jobs get the cores that no other job asks for.

    Spark hands a session's settings on to its jobs, the pool among them. A remote endpoint has
    pools of its own: there it is the session that all share.
    """
    if settings.engine.remote:
        return shared_session(settings)
    return shared_session(settings, {"spark.scheduler.pool": BACKGROUND_POOL})


def bounded_session(target: str, record: EngineRecord | None = None) -> SparkSession:
    """A session that gives up on a dead server soon, made the default of this process."""
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"  # makes pyspark.sql.functions build for Connect
    # It prints as JSON what is raised anyway.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    session = SparkSession(target)
    session.client.set_retry_policies([EngineRetryPolicy(record)])
    _make_default(session)
    return session


def _make_default(session: SparkSession) -> None:
    """The session that functions without one, such as `F.lit` of a time, ask from now on in this
    thread; in threads that never had one, what asks for the process's default.

    pyspark's own setter leaves the first session in place, whose engine may be gone.
    """
    with SparkSession._lock:
        SparkSession._default_session = session
    SparkSession._active_session.session = session


def known_engines(home: Path) -> list[EngineRecord]:
    """The engines of `home` this process has connected to, the newest last."""
    with _lock:
        return [record for of_home, record in _engines if of_home == home]


def _runs(record: EngineRecord | None) -> bool:
    """True unless it is known that the JVM is gone: a remote endpoint has no record."""
    return record is None or process(record.pid, record.created) is not None


def _close_all() -> None:
    with _lock:
        for connection in _connections:
            connection.close()
        _connections.clear()

"""A private PostgreSQL from Debian's packages: own folder, own port, loopback, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

PASSWORD = "for-tests"  # noqa: S105 (of a server that lives for one test)
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")


def programs() -> Path | None:
    """The folder with `initdb` and `postgres`, if PostgreSQL is installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = [path for place in _PLACES for path in sorted(Path("/").glob(place.lstrip("/")))]
    return next((path for path in reversed(places) if (path / "initdb").exists()), None)


@contextlib.contextmanager
def server(folder_of_programs: Path) -> Iterator[str]:
    """The address of a server that lives as long as the block; its user is `shop`."""
    folder = Path(tempfile.mkdtemp(prefix="clickstream_pg_"))
    # The server refuses to run as root; Debian's package brings a user for it.
    user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    started = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    data = folder / "data"
    subprocess.run(
        [folder_of_programs / "initdb", "-D", data, "-U", "shop", "-A", "scram-sha-256",
         "-E", "UTF8", "--locale", "C.UTF-8", "--pwfile", secret, "--no-sync"],
        check=True, capture_output=True, cwd=folder, **started,
    )  # fmt: skip
    port = _free_port()
    process = subprocess.Popen(
        [folder_of_programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port),
         "-k", folder, "-F"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **started,
    )  # fmt: skip
    try:
        url = f"postgresql://shop:{PASSWORD}@127.0.0.1:{port}/postgres"
        _wait_for(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], *, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        assert process.poll() is None, "PostgreSQL ended before it answered"
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=2).close()
            return
        time.sleep(0.2)
    raise AssertionError(f"PostgreSQL did not answer within {within_s:.0f} s")

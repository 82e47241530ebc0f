"""`make dev`: the Dagster UI, its daemon and the code server of one home, until Ctrl-C.

Data: what Dagster prints is also in `<home>/logs/dagster.log`; history is in `<home>/dagster`.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import click
import psutil
from filelock import FileLock, Timeout

from clickstream_platform.errors import ClickstreamError, EnvironmentProblemError
from clickstream_platform.running.stopper import Stopper
from clickstream_platform.settings import (
    PROJECT_ROOT,
    Settings,
    config_file,
    settings,
    use_dagster_home,
    user_environment,
)

HOST = "127.0.0.1"
LONG_LIFE_S = 120.0
MAX_DEATHS = 3  # in a row, each before a long life
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
CODE_SERVER_PATIENCE_S = 300  # starting a run's process takes over 60 s on a crowded machine
LOG_BYTES = 10 * 1024 * 1024
# `dagster dev` recommends another tool to whoever calls it; here that is only us.
_NO_SUPERSEDED = "ignore:Function `dev_command` is superseded"


class PortTakenError(EnvironmentProblemError):
    """Another process listens on the port the UI was to have."""


class AlreadyRunningError(EnvironmentProblemError):
    """This home has a UI and daemon already; two daemons would launch every run twice."""


@click.command()
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535))
def main(port: int) -> None:
    """Start the Dagster UI and daemon on this home; Ctrl-C stops both."""
    try:
        code = serve(settings(), port=port)
    except ClickstreamError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    sys.exit(code)


def serve(current: Settings, *, port: int) -> int:
    """Exit code of `dagster dev`, 0 if it was stopped by a signal.

    Guarantees: a Dagster that ends by itself, as it does when its daemon is killed, is started
        again, unless it never lives long; its runs, also a stream, go on meanwhile. When this
        returns, webserver, daemon, code server and all runs have ended; the engine goes on, as it
        serves the command line too.
    Raises: PortTakenError, AlreadyRunningError.
    """
    current.state.mkdir(parents=True, exist_ok=True)
    current.logs.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(current.state / "dev.lock", timeout=0):
            check_port(port)
            return _serve(current, port)
    except Timeout as error:
        raise AlreadyRunningError(
            f"`make dev` already runs on the home {current.home}; stop that one first (Ctrl-C)."
        ) from error


def check_port(port: int) -> None:
    """Raises: PortTakenError, naming the process that listens there if it may be seen."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTakenError(
                f"Port {port} of {HOST} cannot be had: {error.strerror}{_owner(port)}. "
                f"Stop that process, or choose another port: "
                f"python -m clickstream_platform.running.dev --port {port + 1}"
            ) from error


def _owner(port: int) -> str:
    with contextlib.suppress(psutil.Error):
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr[1:2] == (port,) and found.pid:
                return f"; process {found.pid} ({psutil.Process(found.pid).name()}) listens there"
    return ""


def _serve(current: Settings, port: int) -> int:
    folder = use_dagster_home(current)
    environment = user_environment()
    settings_file = config_file()
    if settings_file:
        environment["CLICKSTREAM_CONFIG"] = str(settings_file.resolve())
    environment.setdefault("DAGSTER_GRPC_TIMEOUT_SECONDS", str(CODE_SERVER_PATIENCE_S))
    command = [sys.executable, "-W", _NO_SUPERSEDED, "-m", "dagster", "dev",
               "--workspace", str(PROJECT_ROOT / "workspace.yaml"),
               "--host", HOST, "--port", str(port)]  # fmt: skip
    _greet(current, port)
    with _log_file(current.logs / "dagster.log") as log:
        code = keep_running(command, folder, environment, log)
    click.echo("Stopped.")
    return code


def keep_running(
    command: Sequence[str], folder: Path, environment: dict[str, str], log: BinaryIO
) -> int:
    """Runs it again each time it ends by itself; its exit code, 0 if it was stopped by a signal.

    One that ended several times in a row without a long life is given up.
    """
    stopper = Stopper()
    signal.signal(signal.SIGINT, stopper.on_signal)
    signal.signal(signal.SIGTERM, stopper.on_signal)
    deaths = 0
    with _pipe() as (out, into):  # one for all lives: a run that outlives one still has its log
        while True:
            began = time.monotonic()
            child = subprocess.Popen(
                command,
                cwd=folder,  # elsewhere Dagster warns of the clone's dagster.yaml
                env={**environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=into,
                stderr=into,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop things in order
            )
            stopper.watch(child)
            code = _tee(child, out, log, stopper)
            deaths = 1 if time.monotonic() - began > LONG_LIFE_S else deaths + 1
            is_over = stopper.is_asked or deaths > MAX_DEATHS
            stopper.finish(are_runs_spared=not is_over)
            if is_over:
                return 0 if stopper.is_asked else code
            click.echo(f"Dagster ended by itself (exit code {code}) and is started again.")


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    """A pipe's two ends; to read from the first never waits."""
    out, into = os.pipe()
    os.set_blocking(out, False)
    try:
        yield out, into
    finally:
        os.close(into)
        os.close(out)


def _greet(current: Settings, port: int) -> None:
    has_data = any(current.landing.rglob("*")) if current.landing.is_dir() else False
    first = (
        "open Lineage, click a table, Materialize…; its dialog begins with the last 90 days: "
        "Show all partitions shows older hours"
        if has_data
        else f"there are no files in {current.landing} yet; `make demo` makes a day of them"
    )
    click.echo(
        f"Dagster UI   http://{HOST}:{port}   (ready in about 20 s; Ctrl-C stops it)\n"
        f"Home         {current.home}\n"
        f"Log          {current.logs / 'dagster.log'}\n"
        f"Landing      {current.landing}/<source>/<hour>/   {_takes(current)}\n"
        f"First        {first}\n"
    )


def _takes(current: Settings) -> str:
    if current.automation.enabled:
        return "(the sensors take what is dropped there)"
    return "(automation.enabled is off: switch the sensors on in the UI)"


def _log_file(path: Path) -> BinaryIO:
    """The log, appended to; what was there is kept as `.1` once it is large."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def _tee(child: subprocess.Popen[bytes], out: int, log: BinaryIO, stopper: Stopper) -> int:
    """Copies what is printed to the terminal and the log until the child has ended; its code."""
    while True:
        code = child.poll()
        chunk = _read(out)
        while chunk:
            log.write(_COLOUR.sub(b"", chunk))
            log.flush()
            with contextlib.suppress(OSError):  # the terminal may be gone; the log is not
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
            chunk = _read(out)
        if code is not None:
            return code
        stopper.press(child)
        time.sleep(0.1)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except BlockingIOError:
        return b""


if __name__ == "__main__":
    main()

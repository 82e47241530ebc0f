"""`clickstream dashboard`: serves the pages on the loopback interface until Ctrl-C."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from clickstream_platform.running.dev import HOST, check_port
from clickstream_platform.settings import settings

APP = Path(__file__).parent / "app.py"


@click.command()
@click.option("--port", default=8501, show_default=True, type=click.IntRange(1, 65535))
def dashboard(*, port: int) -> None:
    """Show the dashboard of this home in the browser; Ctrl-C stops it."""
    check_port(port)
    click.echo(
        f"Dashboard    http://{HOST}:{port}   (Ctrl-C stops it)\nHome         {settings().home}"
    )
    sys.stdout.flush()
    os.execv(sys.executable, command_line(port))  # noqa: S606 (our own interpreter, fixed arguments)


def command_line(port: int) -> list[str]:
    """Streamlit on loopback only, without its usage statistics."""
    options = {
        "server.address": HOST,
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags]

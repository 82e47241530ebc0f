"""`make viewer`: the Dagster UI of a home for looking only, until Ctrl-C; starts no daemon."""

from __future__ import annotations

import os
import sys

import click

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.running.dev import HOST, check_port
from clickstream_platform.settings import (
    PROJECT_ROOT,
    config_file,
    settings,
    use_dagster_home,
    user_environment,
)


@click.command()
@click.option("--port", default=3001, show_default=True, type=click.IntRange(1, 65535))
def main(port: int) -> None:
    """Show graph, runs, checks and history; whatever would change anything is refused."""
    try:
        check_port(port)
        folder = use_dagster_home(settings())
    except ClickstreamError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo(
        f"Viewer       http://{HOST}:{port}   (read-only; Ctrl-C stops it)\n"
        f"Home         {settings().home}"
    )
    sys.stdout.flush()
    environment = user_environment()
    settings_file = config_file()
    if settings_file:
        environment["CLICKSTREAM_CONFIG"] = str(settings_file.resolve())
    os.chdir(folder)  # elsewhere Dagster warns of the clone's dagster.yaml
    os.execve(sys.executable, command_line(port), environment)  # noqa: S606 (fixed arguments)


def command_line(port: int) -> list[str]:
    """Dagster's own web server in its read-only mode."""
    return [
        *(sys.executable, "-m", "dagster_webserver", "--read-only"),
        *("--workspace", str(PROJECT_ROOT / "workspace.yaml")),
        *("--host", HOST, "--port", str(port)),
    ]


if __name__ == "__main__":
    main()

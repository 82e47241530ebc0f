"""`make demo`: a generated day from landing to gold through Dagster, then the proof."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from clickstream_platform import demo_answers
from clickstream_platform.cli import main
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.generator.command import generate
from clickstream_platform.settings import Settings, settings

DAY = "2024-11-29T00"
ARGUMENTS = ("--start", DAY, "--hours", "24", "--events", "50000", "--seed", "7")


class DemoFailedError(ClickstreamError):
    """A step of the demo that did not do what it should."""


def demo(current: Settings, console: Console) -> None:
    """Generates the day unless it is there, brings it to gold, shows and proves the result.

    Raises: DemoFailedError naming the step.
    """
    console.rule("[bold]1 of 4: a day of a shop's clicks, faults and bots included")
    _generate(current, console)
    console.rule("[bold]2 of 4: landing → bronze → silver → gold, through Dagster")
    _step(("run",))
    console.rule("[bold]3 of 4: the proof, by a second implementation that shares no code")
    for question in ("ledger", "rejected_lines", "check_summary"):
        console.print(f"\n[bold]clickstream query {question}")
        _step(("query", question))
    _step(("status",))
    _step(("verify",))
    console.rule("[bold]4 of 4: what the owner of the shop would ask")
    demo_answers.show(current, console)
    console.print(
        "\nNext: [bold]make dev[/] opens the Dagster UI, "
        "[bold].venv/bin/clickstream query --list[/] lists the questions you can ask, "
        "[bold]make stop[/] stops the engine."
    )


def _generate(current: Settings, console: Console) -> None:
    truth = current.home / "truth"
    if _is_there(truth):
        console.print(f"The day is there already (truth in {truth}).")
        return
    _invoke(
        generate,
        (
            "--out",
            str(current.landing),
            "--truth",
            str(truth),
            "--feeds",
            *ARGUMENTS,
        ),
    )


def _is_there(truth: Path) -> bool:
    summary = truth / "summary.json"
    return summary.is_file() and bool(json.loads(summary.read_text())["is_complete"])


def _step(arguments: Sequence[str]) -> None:
    _invoke(main, arguments)


def _invoke(command: click.Command, arguments: Sequence[str]) -> None:
    try:
        code = command.main(list(arguments), prog_name="clickstream", standalone_mode=False)
    except SystemExit as stop:
        code = stop.code
    if code:
        raise DemoFailedError(f"clickstream {' '.join(arguments)} ended with exit code {code}.")


if __name__ == "__main__":
    try:
        demo(settings(), Console())
    except ClickstreamError as error:
        click.echo(f"Demo failed: {error}", err=True)
        sys.exit(error.exit_code)

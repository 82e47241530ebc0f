"""`clickstream`: finds the command, imports only that one, turns errors into messages and codes."""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import click

from clickstream_platform.errors import ClickstreamError

ENVIRONMENT_EXIT = 3


@dataclass(frozen=True)
class Lazy:
    """A command that is imported when it is called; `help` stands in for its own until then."""

    target: str
    help: str


_ROOT = "clickstream_platform"
COMMANDS = {
    "generate": Lazy(
        f"{_ROOT}.generator.command:generate", "Write click events of a seeded synthetic shop."
    ),
    "run": Lazy(
        f"{_ROOT}.running.command:run", "Ingest what is new and bring every table up to date."
    ),
    "stream": Lazy(
        f"{_ROOT}.streaming.command:stream", "Stream a source from Kafka or files to gold."
    ),
    "broker": Lazy(
        f"{_ROOT}.streaming.broker_command:broker_group", "Run a local Kafka broker to try it with."
    ),
    "status": Lazy(
        f"{_ROOT}.operations.status_command:status", "Show tables, checks, landing and engine."
    ),
    "verify": Lazy(
        f"{_ROOT}.oracle.command:verify", "Prove from the files up that every table is right."
    ),
    "query": Lazy(
        f"{_ROOT}.queries.command:query", "Answer a named question, or any SQL over the lake."
    ),
    "diff": Lazy(
        f"{_ROOT}.queries.diff_command:diff", "Say what changed an answer: hours and input files."
    ),
    "source": Lazy(
        f"{_ROOT}.operations.source_command:source", "Check or propose a tracker's mapping."
    ),
    "dashboard": Lazy(
        f"{_ROOT}.dashboard.command:dashboard", "Show the pages in a browser, without Spark."
    ),
    "report": Lazy(
        f"{_ROOT}.report.command:report", "Write a day, a week or data quality as one HTML file."
    ),
    "publish": Lazy(
        f"{_ROOT}.publish.command:publish", "Bring PostgreSQL and its BI views up to date."
    ),
    "export": Lazy(
        f"{_ROOT}.publish.command:export", "Copy gold into DuckDB, Parquet or CSV files."
    ),
    "alerts": Lazy(
        f"{_ROOT}.monitoring.command:alerts", "Check what is wrong and tell people about it."
    ),
    "metrics": Lazy(
        f"{_ROOT}.monitoring.command:metrics", "Show, write or serve metrics for Prometheus."
    ),
    "maintain": Lazy(
        f"{_ROOT}.maintenance.command:maintain", "Compact, vacuum and tidy up; --dry-run plans it."
    ),
    "shadow": Lazy(
        f"{_ROOT}.shadow.command:shadow_group",
        "Build gold with new rules beside the lake, compare, and swap it in.",
    ),
    "quarantine": Lazy(
        f"{_ROOT}.operations.quarantine_command:quarantine_group",
        "Look at rejected lines, repair them, and judge them again.",
    ),
    "people": Lazy(
        f"{_ROOT}.operations.people_command:people_group",
        "Show who is who, and take apart ids that are not one person.",
    ),
    "logs": Lazy(f"{_ROOT}.operations.logs_command:logs", "Show the logs of all services."),
    "doctor": Lazy(
        f"{_ROOT}.operations.doctor_command:doctor", "Say what this machine lacks, and the fix."
    ),
    "engine": Lazy(
        f"{_ROOT}.engine.command:engine_group", "Look at, start and stop the warm Spark."
    ),
}


class LazyGroup(click.Group):
    """A group whose commands are imported on demand and whose errors end in an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].target.partition(":")
        return getattr(importlib.import_module(module), name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, which suggests only commands that are loaded."""
        given = args[0]
        if given not in COMMANDS and not given.startswith("-"):
            close = difflib.get_close_matches(given, COMMANDS, n=2)
            meant = f"Did you mean {' or '.join(close)}?" if close else ""
            known = f"Commands: {', '.join(COMMANDS)}."
            ctx.fail(f"There is no command {given!r}. {meant or known}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except ClickstreamError as error:
            if _wants_traceback(ctx):
                traceback.print_exc()
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # click ends quietly when the reader of a pipe has gone
            if _wants_traceback(ctx):
                traceback.print_exc()
            words = " ".join(str(error).split()) or "no message"
            click.echo(f"Unexpected {type(error).__name__}: {words}", err=True)
            click.echo(_hint(ctx, error), err=True)
            ctx.exit(ENVIRONMENT_EXIT)


def _wants_traceback(ctx: click.Context) -> bool:
    return bool(ctx.params.get("debug"))


def _hint(ctx: click.Context, error: Exception) -> str:
    """Where the traceback is; it is logged here, unless that is what does not work."""
    from clickstream_platform import logs  # noqa: PLC0415 (slow, and only needed here)
    from clickstream_platform.settings import settings  # noqa: PLC0415

    try:
        path = logs.configure(settings(), "cli", on_stderr=False)
    except (OSError, ClickstreamError) as problem:
        return f"It could not be logged ({problem}); --debug shows the traceback."
    logs.get_logger("cli").error("command failed", command=ctx.invoked_subcommand, exc_info=error)
    return f"The traceback is in {path}; --debug shows it here."


def _use_home(home: Path) -> None:
    os.environ["CLICKSTREAM_HOME"] = str(home.expanduser().absolute())
    loaded = sys.modules.get(f"{_ROOT}.settings")
    if loaded is not None:
        loaded.settings.cache_clear()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="The data root.  [CLICKSTREAM_HOME, else ./data of the checkout]",
)
@click.option("--verbose", "-v", is_flag=True, help="Log messages from INFO on, not WARNING.")
@click.option(
    "--debug", is_flag=True, envvar="CLICKSTREAM_DEBUG", help="Show tracebacks of errors."
)
@click.version_option(package_name="clickstream-platform", prog_name="clickstream")
def main(*, home: Path | None, verbose: bool, debug: bool) -> None:
    """An open e-commerce clickstream lakehouse: every event accounted for, every number proven.

    Exit codes: 0 fine, 1 a law or a check is broken, 2 wrong usage, 3 the environment.
    """
    del verbose, debug  # read from the context by logs and by the error handler
    if home is not None:
        _use_home(home)


if __name__ == "__main__":
    main()

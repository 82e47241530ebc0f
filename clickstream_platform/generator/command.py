"""`clickstream generate`: arguments in, files out, a progress bar on standard error."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import Progress

from clickstream_platform.errors import UsageError
from clickstream_platform.generator.options import (
    MAX_SESSION_EVENTS,
    MEAN_SESSION_EVENTS,
    MIN_SESSION_EVENTS,
    Options,
    Rates,
)
from clickstream_platform.generator.run import drip, generate_batch
from clickstream_platform.generator.shapes import find_shape
from clickstream_platform.hours import parse_hour

SHARE = click.FloatRange(0, 1)
FOLDER = click.Path(file_okay=False, path_type=Path)
BATCH_ONLY = ("start", "hours", "events", "sessions")


@click.command()
@click.option("--out", type=FOLDER, help="Landing folder to write into.")
@click.option("--kafka", metavar="SERVERS", help="Send messages to these brokers, not files.")
@click.option(
    "--topic",
    default="ecom_clickstream_raw",
    show_default=True,
    help="With --kafka; made with 3 partitions if it is not there.",
)
@click.option("--start", default="2024-11-29T00", show_default=True, help="First hour, in UTC.")
@click.option(
    "--hours", type=click.IntRange(1), default=24, show_default=True, help="Hours to fill."
)
@click.option(
    "--events", type=click.IntRange(3), help="Human events, without faults and bots.  [50000]"
)
@click.option("--sessions", type=click.IntRange(1), help="Human sessions.  [events / 8]")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=7,
    show_default=True,
    help="Decides everything random.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 20_000, min_open=True),
    help="Drip human events in real time, this many a second; needs --duration.",
)
@click.option(
    "--duration", type=click.FloatRange(0, min_open=True), help="Seconds to drip; needs --rate."
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["json", "csv", "parquet"]),
    help="Of the files.  [the first that the shape knows]",
)
@click.option(
    "--shape",
    type=click.Choice(list("ABCDEFGHI")),
    default="A",
    show_default=True,
    help="Source shape of NAMES.md.",
)
@click.option(
    "--users", type=click.IntRange(1), default=1000, show_default=True, help="Registered users."
)
@click.option(
    "--products", type=click.IntRange(8), default=500, show_default=True, help="In 8 categories."
)
@click.option("--catalogue", type=FOLDER, help="Write products, users and campaigns here as CSV.")
@click.option("--feeds", is_flag=True, help="Put them also into --out, as feeds of the first hour.")
@click.option(
    "--duplicates", type=SHARE, default=0.01, show_default=True, help="Share of lines sent again."
)
@click.option(
    "--late",
    type=SHARE,
    default=0.01,
    show_default=True,
    help="Share 1 to 72 hours late; not drip.",
)
@click.option(
    "--future", type=SHARE, default=0.0005, show_default=True, help="Share of extra, future lines."
)
@click.option(
    "--malformed", type=SHARE, default=0.002, show_default=True, help="Share of extra broken lines."
)
@click.option(
    "--repeats", type=SHARE, default=0.02, show_default=True, help="Share of purchases repeated."
)
@click.option(
    "--bots", type=click.IntRange(0), default=6, show_default=True, help="Robot visitors."
)
@click.option(
    "--anomaly-rate",
    type=SHARE,
    default=0.0005,
    show_default=True,
    help="Share of priced events x 50.",
)
@click.option("--truth", type=FOLDER, help="Write the ground truth here.")
def generate(**arguments: object) -> None:
    """Write click events of a seeded synthetic shop, with known faults and their truth.

    The same arguments give the same bytes; with --rate, events carry the current time instead.
    """
    try:
        options = _options(click.get_current_context(), arguments)
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    summary = _run(options)
    click.echo(
        json.dumps(
            {key: summary[key] for key in ("source", "lines", "organic_events", "is_complete")}
            | ({"topic": options.topic} if options.kafka else _written(options, summary))
        )
    )


def _written(options: Options, summary: dict[str, Any]) -> dict[str, Any]:
    return {"files": len(summary["files"]), "out": str(options.out)}


def _options(ctx: click.Context, given: dict[str, Any]) -> Options:
    """The checked options of the call.

    Raises: UsageError if arguments do not go together.
    """
    if (given["out"] is None) == (given["kafka"] is None):
        raise UsageError("Give either --out, a landing folder, or --kafka, the brokers.")
    if given["feeds"] and given["out"] is None:
        raise UsageError("--feeds are files: give --out, a landing folder.")
    shape, file_format = find_shape(given["shape"], given["file_format"])
    if given["kafka"] is not None and file_format != "json":
        raise UsageError(f"Messages are JSON; shape {shape.letter} has {file_format}.")
    rate, duration = given["rate"], given["duration"]
    if (rate is None) != (duration is None):
        raise UsageError("--rate and --duration go together; give both or neither.")
    if rate is not None:
        _refuse_batch_only(ctx)
        start_ms = round(time.time() * 1000)
    else:
        start_ms = round(parse_hour(given["start"]).timestamp() * 1000)
    sessions, events = given["sessions"], given["events"]
    if events is None:
        events = 50_000 if sessions is None else sessions * MEAN_SESSION_EVENTS
    if sessions and not MIN_SESSION_EVENTS <= events / sessions <= MAX_SESSION_EVENTS:
        raise UsageError(
            f"{events} events in {sessions} sessions are {events / sessions:.1f} each; sessions "
            f"have {MIN_SESSION_EVENTS} to {MAX_SESSION_EVENTS}. Change --events or --sessions."
        )
    names = ("duplicates", "late", "future", "malformed", "repeats", "anomaly_rate")
    places = ("out", "truth", "catalogue", "feeds", "kafka", "topic")
    same = (*places, "hours", "seed", "users", "products", "bots")
    return Options(
        **{name: given[name] for name in same},
        start_ms=start_ms,
        events=events,
        sessions=sessions,
        shape=shape.letter,
        format=file_format,
        rates=Rates(**{name: given[name] for name in names}),
        rate=rate,
        duration_s=duration,
    )


def _refuse_batch_only(ctx: click.Context) -> None:
    given = [
        f"--{name}"
        for name in BATCH_ONLY
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(
            f"With --rate events carry the current time; leave out {', '.join(given)}."
        )


def _run(options: Options) -> dict[str, Any]:
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        total = options.events
        if options.rate is not None and options.duration_s is not None:
            total = round(options.rate * options.duration_s)
        task = progress.add_task("events", total=total)

        def advance(count: int) -> None:
            progress.advance(task, count)

        if not options.is_drip:
            return generate_batch(options, advance)
        with _stop_on_signal() as stop:
            return drip(options, advance, stop)


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that the truth is still written."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    before = {
        number: signal.signal(number, ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

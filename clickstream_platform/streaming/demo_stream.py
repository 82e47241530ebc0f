"""`make demo-stream`: a broker, clicks sent to it, the stream to gold, and a view of it all."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from clickstream_platform.engine.server import Engine
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings, settings
from clickstream_platform.streaming.broker import Broker
from clickstream_platform.streaming.in_process import as_line
from clickstream_platform.streaming.state import StreamFolder
from clickstream_platform.streaming.topics import create_topic

SOURCE = "kafka_raw"
TOPIC = "ecom_clickstream_raw"
RATE = 200
SECONDS = 60
LOOK_EVERY_S = 2.0
GRACE_S = 900.0  # a cold engine on two slow cores
_TOTALS = """
    select sum(orders), sum(revenue), sum(events), max(event_hour) from gold.hourly_metrics
    where traffic = 'all'
"""
_FUNNEL = """
    select step, sum(sessions_at_step) as at_step from gold.funnel_10min
    where traffic = 'all' and unit = 'session' and mode = 'any' group by step
    order by min(step_no)
"""


class DemoFailedError(ClickstreamError):
    """A part of the demo that did not do what it should."""


def demo(current: Settings, console: Console) -> None:
    """Runs everything, shows it, and proves it; the broker is stopped at the end.

    Raises: DemoFailedError naming the part.
    """
    broker = Broker(current)
    with ExitStack() as stack:
        console.print("Starting Spark and a Kafka broker …")
        Engine(current).ensure()
        broker.start()
        stack.callback(broker.stop)
        create_topic(broker.servers, TOPIC, partitions=3)
        generator = _command("generate", "--kafka", broker.servers, "--topic", TOPIC, *_CLICKS)
        stack.callback(generator.kill)
        stream = _command("stream", "--source", SOURCE, "--servers", broker.servers, *_FOR)
        stack.callback(stream.kill)
        with Live(console=console, refresh_per_second=2) as live:
            deadline = time.monotonic() + SECONDS + GRACE_S
            while stream.poll() is None and time.monotonic() < deadline:
                live.update(_view(current))
                time.sleep(LOOK_EVERY_S)
            live.update(_view(current))
        _expect(generator, "generate")
        _expect(stream, "stream")
    console.rule("[bold]the proof, by a second implementation that shares no code")
    _expect(_command("verify", quiet=False), "verify")


_CLICKS = ("--shape", "E", "--rate", str(RATE), "--duration", str(SECONDS))
_FOR = ("--for", str(SECONDS + 5))


def _command(*arguments: str, quiet: bool = True) -> subprocess.Popen[bytes]:
    out = subprocess.DEVNULL if quiet else None
    return subprocess.Popen(
        [sys.executable, "-m", "clickstream_platform.cli", *arguments], stdout=out, stderr=out
    )


def _expect(child: subprocess.Popen[bytes], name: str) -> None:
    code = child.wait(timeout=GRACE_S)
    if code:
        raise DemoFailedError(
            f"`clickstream {name}` ended with exit code {code}; see `clickstream logs`."
        )


def _view(current: Settings) -> Group:
    beat = StreamFolder(current, SOURCE).heartbeat()
    line = Text("the stream is starting …" if beat is None else as_line(beat))
    with Lake(current) as lake:
        if "gold.hourly_metrics" not in lake.tables:
            return Group(line)
        totals = lake.rows(_TOTALS)[0]
        steps = lake.rows(_FUNNEL)
    return Group(line, _totals(list(totals.values())), _funnel(steps))


def _totals(values: Sequence[object]) -> Table:
    table = Table(title="gold.hourly_metrics")
    for heading in ("orders", "revenue (USD)", "events", "newest hour"):
        table.add_column(heading, justify="right")
    table.add_row(*["-" if v is None else v if isinstance(v, str) else f"{v:,}" for v in values])
    return table


def _funnel(steps: Sequence[dict[str, object]]) -> Table:
    table = Table(title="gold.funnel_10min: visitors at each step")
    most = max((int(str(step["at_step"] or 0)) for step in steps), default=0)
    for step in steps:
        count = int(str(step["at_step"] or 0))
        table.add_row(str(step["step"]), f"{count:,}", "█" * (30 * count // max(most, 1)))
    return table


if __name__ == "__main__":
    try:
        demo(settings(), Console())
    except ClickstreamError as error:
        click.echo(f"Demo failed: {error}", err=True)
        sys.exit(error.exit_code)

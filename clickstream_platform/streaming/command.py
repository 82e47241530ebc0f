"""`clickstream stream`: one source streamed in this process, through Dagster; Ctrl-C ends it."""

from __future__ import annotations

import click

from clickstream_platform.settings import settings


@click.command()
@click.option("--source", required=True, metavar="NAME", help="The source mapping to stream.")
@click.option("--for", "for_s", type=click.FloatRange(1), metavar="SECONDS", help="End after this.")
@click.option("--servers", metavar="HOST:PORT", help="Brokers.  [`kafka.servers` of the mapping]")
@click.option("--topic", "topics", multiple=True, help="Topics.  [`kafka.topics` of the mapping]")
def stream(
    *, source: str, for_s: float | None, servers: str | None, topics: tuple[str, ...]
) -> None:
    """Stream a source from Kafka or its landing files to bronze, silver and gold.

    Runs until Ctrl-C, or for --for seconds and then until what came in is in gold.
    """
    from clickstream_platform.streaming.in_process import stream_here  # noqa: PLC0415 (heavy)

    config = {"source": source, "for_s": for_s, "servers": servers, "topics": list(topics) or None}
    stream_here(settings(), {name: value for name, value in config.items() if value is not None})

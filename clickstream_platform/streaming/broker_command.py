"""`clickstream broker`: a Kafka broker on this machine, to try the stream with."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from clickstream_platform.settings import settings
from clickstream_platform.streaming.broker import Broker
from clickstream_platform.streaming.topics import create_topic


@click.group("broker")
def broker_group() -> None:
    """Start, stop and look at a local Kafka broker; its data lies in the home."""


@broker_group.command()
@click.option("--topic", help="Also make this topic.")
@click.option("--partitions", type=click.IntRange(1), default=3, show_default=True)
def start(*, topic: str | None, partitions: int) -> None:
    """Start the broker unless it runs, and print its address."""
    broker = Broker(settings())
    broker.start()
    if topic:
        create_topic(broker.servers, topic, partitions=partitions)
    click.echo(broker.servers)


@broker_group.command()
def stop() -> None:
    """Stop the broker; topics stay."""
    click.echo("stopped" if Broker(settings()).stop() else "no broker was running")


@broker_group.command()
def status() -> None:
    """Show the broker as one JSON object."""
    record = Broker(settings()).running()
    found = {"state": "stopped"} if record is None else {"state": "running", **asdict(record)}
    click.echo(json.dumps(found))

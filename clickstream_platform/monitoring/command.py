"""`clickstream alerts` and `clickstream metrics`."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from prometheus_client import generate_latest, start_http_server

from clickstream_platform.errors import UsageError
from clickstream_platform.monitoring import metrics as home_metrics
from clickstream_platform.monitoring.notifier import DeliveryError, sender, tell
from clickstream_platform.monitoring.rules import standing
from clickstream_platform.running.dev import HOST, check_port
from clickstream_platform.settings import settings

STANDING_EXIT = 1


@click.group("alerts")
def alerts() -> None:
    """Check what is wrong and tell people about it."""


@alerts.command("check")
@click.option("--dry-run", is_flag=True, help="Show what holds; tell nobody, remember nothing.")
@click.option("--json", "as_json", is_flag=True, help="The standing alerts as JSON.")
@click.pass_context
def check(ctx: click.Context, *, dry_run: bool, as_json: bool) -> None:
    """Tell what began and what is over; exit 1 while an alert stands.

    Needs neither Dagster nor Spark: from cron it also notices a dead daemon.
    """
    now = datetime.now(UTC)
    found = standing(settings(), now=now)
    if as_json:
        click.echo(json.dumps([asdict(alert) for alert in found]))
    if not dry_run:
        told = tell(settings(), found, now=now)
        click.echo(
            f"{len(found)} standing; told {len(told.begun)} new, {len(told.reminders)} again, "
            f"{len(told.over)} over",
            err=True,
        )
    elif not as_json:
        for alert in found:
            click.echo(f"{alert.key}: {alert.title}\n  {alert.body}")
    if found:
        ctx.exit(STANDING_EXIT)


@alerts.command("test")
def test() -> None:
    """Send one message to every address of `alerts.urls`."""
    if not sender(settings().alerts.urls)("TEST of clickstream alerts", "All is well.", True):
        raise DeliveryError("An address of `alerts.urls` did not take the message.")
    click.echo(f"Sent to {len(settings().alerts.urls) or 'standard error,'} address(es).")


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.option("--port", type=click.IntRange(1, 65535), help="Serve on loopback until Ctrl-C.")
def metrics(*, out: Path | None, port: int | None) -> None:
    """Show the home's metrics as Prometheus reads them; or write or serve them."""
    if out is not None and port is not None:
        raise UsageError("Give --out or --port, not both.")
    if out is not None:
        home_metrics.write(settings(), out)
        return
    found = home_metrics.registry(settings())
    if port is None:
        click.echo(generate_latest(found).decode(), nl=False)
        return
    check_port(port)
    start_http_server(port, addr=HOST, registry=found)
    click.echo(f"Metrics      http://{HOST}:{port}/metrics   (Ctrl-C stops it)")
    threading.Event().wait()

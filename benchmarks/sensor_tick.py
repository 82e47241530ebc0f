"""How long a tick of the landing sensor takes: many files present, ten new ones.

    python -m benchmarks.sensor_tick [--files 100000] [--folders 1000] [--ticks 20]

For each size a home of its own is filled with landing files in hour folders, all of them old and
known to the manifest. Then each tick finds ten new files in ten of the folders. The table shows the
ticks' median and worst, in how many ticks the audit has seen every file again, and the growth
exponent between the smallest and the largest size. Nothing is ingested, no engine is started.
"""

from __future__ import annotations

import math
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click
import dagster as dg
from rich.console import Console
from rich.table import Table

from clickstream_platform.automation.sensors import landing_sensor
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.hours import shift
from clickstream_platform.resources.home import Home

FIRST_HOUR = "2024-01-01T00"
NEW_FILES = 10
LINE = b'{"event_id":"e"}\n'


@dataclass(frozen=True)
class Measured:
    """The ticks of one size; times in seconds."""

    files: int
    folders: int
    times: tuple[float, ...]
    audit_ticks: int

    @property
    def median(self) -> float:
        return statistics.median(self.times)


@click.command()
@click.option("--files", default=100_000, show_default=True, help="Files of the largest size.")
@click.option("--folders", default=1_000, show_default=True, help="Its hour folders.")
@click.option("--ticks", default=20, show_default=True)
def main(files: int, folders: int, ticks: int) -> None:
    """Measure ticks over a hundredth, a tenth and all of the files."""
    found = []
    for share in (100, 10, 1):
        with tempfile.TemporaryDirectory(prefix="clickstream-ticks-") as folder:
            found.append(_measure(Path(folder), files // share, max(folders // share, 1), ticks))
    _print(found)


def _measure(folder: Path, files: int, folders: int, ticks: int) -> Measured:
    home = Home(path=str(folder), automation={"settle_s": 0})
    hours = [shift(FIRST_HOUR, number) for number in range(folders)]
    _fill(home.workspace, hours, files)
    times = []
    with dg.DagsterInstance.ephemeral() as instance:
        for number in range(ticks):
            _drop(home.workspace.settings.landing, hours, f"new-{number}")
            fresh = Home(path=str(folder), automation={"settle_s": 0})
            context = dg.build_sensor_context(instance=instance, resources={"home": fresh})
            start = time.perf_counter()
            tick = landing_sensor(context)
            times.append(time.perf_counter() - start)
            if len(tick.run_requests or ()) == 0:
                raise click.ClickException("A tick did not see the new files.")
            _ingest(home.workspace)
    audit_files = home.workspace.settings.automation.audit_files
    return Measured(files, folders, tuple(times), -(-files // audit_files))


def _fill(workspace: Workspace, hours: Sequence[str], files: int) -> None:
    """Old files in every hour, known and ingested."""
    long_ago = time.time() - 86_400
    for hour in hours:
        place = workspace.settings.landing / "shop_json" / hour
        place.mkdir(parents=True)
        for number in range(files // len(hours)):
            (place / f"{number:06}.json").write_bytes(LINE)
        os.utime(place, (long_ago, long_ago))
    workspace.look_at_landing()
    _ingest(workspace)


def _drop(landing: Path, hours: Sequence[str], name: str) -> None:
    step = max(len(hours) // NEW_FILES, 1)
    for number in range(NEW_FILES):
        place = landing / "shop_json" / hours[number * step % len(hours)]
        temporary = place / f"{name}-{number}.json.tmp"
        temporary.write_bytes(LINE)
        temporary.rename(place / f"{name}-{number}.json")


def _ingest(workspace: Workspace) -> None:
    """Notes every file as taken, as an ingest run would."""
    with closing(sqlite3.connect(workspace.manifest.path)) as connection, connection:
        connection.execute("UPDATE files SET status = 'unchanged' WHERE status = 'seen'")


def _print(found: Sequence[Measured]) -> None:
    table = Table(title=f"Landing sensor: a tick with {NEW_FILES} new files")
    for name in ("files", "folders", "median s", "worst s", "audit cycle (ticks)"):
        table.add_column(name, justify="right")
    for size in found:
        table.add_row(
            f"{size.files:,}",
            f"{size.folders:,}",
            f"{size.median:.3f}",
            f"{max(size.times):.3f}",
            f"{size.audit_ticks:,}",
        )
    console = Console()
    console.print(table)
    first, last = found[0], found[-1]
    exponent = math.log(last.median / first.median) / math.log(last.files / first.files)
    console.print(f"growth exponent from {first.files:,} to {last.files:,} files: {exponent:.2f}")


if __name__ == "__main__":
    main()

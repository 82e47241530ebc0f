"""How long the dashboard's tiles take over a large gold, and what memory its process needs.

    python -m benchmarks.tiles [--events 10000000] [--days 30] [--rounds 9] [--home DIR]

Makes a lake of that size (or takes the one in `--home`), then answers each tile of each page in a
process of its own, as the dashboard does: `answer` is the question asked of the extract, warm (the
first round, which fills the extract, is left out); `kept` is what a visit costs on which nothing
was committed since. Views change from round to round, so that no answer is used again.
Exit code 1 if the 95th percentile over all tiles is above `--limit-ms`.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.gold_lake import build, last_hour
from clickstream_platform.hours import shift
from clickstream_platform.queries.extract import Extract
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.tiles.answers import answer, stamp
from clickstream_platform.tiles.model import Tile, View
from clickstream_platform.tiles.pages import PAGES


@dataclass(frozen=True)
class Measured:
    """One tile; times in milliseconds."""

    page: str
    tile: Tile
    answers: tuple[float, ...]
    kept: tuple[float, ...]


@click.command()
@click.option("--events", default=10_000_000, show_default=True)
@click.option("--days", default=30, show_default=True)
@click.option("--rounds", default=9, show_default=True, help="Warm answers per tile.")
@click.option("--home", type=click.Path(path_type=Path), help="Keep, or use again, the lake here.")
@click.option("--limit-ms", default=300, show_default=True)
def main(events: int, days: int, rounds: int, home: Path | None, limit_ms: int) -> None:
    """Measure every tile of the dashboard."""
    with tempfile.TemporaryDirectory() as folder:
        place = home or Path(folder)
        if not (place / "lake").exists():
            started = time.monotonic()
            build(place, events=events, days=days)
            click.echo(f"{events:,} events made in {time.monotonic() - started:.0f} s")
        found, peak_mb = measure(read_settings(home=place), days=days, rounds=rounds)
    _show(found, peak_mb)
    sys.exit(int(percentile([ms for tile in found for ms in tile.answers], 95) > limit_ms))


def measure(settings: Settings, *, days: int, rounds: int) -> tuple[list[Measured], int]:
    """Every tile of every page, and the most memory this process had, in MB."""
    process, most, found = psutil.Process(), 0, []
    extract = Extract(settings)
    for page in PAGES:
        for tile in page.tiles:
            views = _views(days)
            answers = [
                _milliseconds(partial(_answered, settings, extract, tile, next(views)))
                for _ in range(rounds + 1)
            ]
            kept = [_milliseconds(partial(stamp, settings, tile)) for _ in range(rounds + 1)]
            found.append(Measured(page.path, tile, tuple(answers[1:]), tuple(kept[1:])))
            most = max(most, process.memory_info().rss)
    return found, most // 1_000_000


def percentile(values: Sequence[float], share: int) -> float:
    """The value that `share` percent of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share / 100) - 1)]


def _views(days: int) -> itertools.cycle[View]:
    """What a person clicks through: all, a day, a week, half of it, without robots."""
    last = last_hour(days)
    return itertools.cycle(
        [
            View(),
            View(shift(last, -23), last),
            View(shift(last, -24 * 7 + 1), last),
            View(None, shift(last, -12 * days)),
            View(with_bots=False),
            View(device="mobile"),
        ]
    )


def _answered(settings: Settings, extract: Extract, tile: Tile, view: View) -> None:
    found = answer(settings, tile, view, extract)
    if found.problem is not None:
        raise click.ClickException(f"{tile.title}: {found.problem}")
    if tile.figure is not None and found.rows is not None and found.rows.num_rows:
        tile.figure(found.rows)


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def _show(found: Sequence[Measured], peak_mb: int) -> None:
    shown = Table("page", "tile", "question", "answer p50", "p95 (ms)", "kept p95 (ms)")
    for one in sorted(found, key=lambda it: -percentile(it.answers, 95)):
        shown.add_row(one.page, one.tile.title, one.tile.query,
                      f"{statistics.median(one.answers):,.0f}",
                      f"{percentile(one.answers, 95):,.0f}",
                      f"{percentile(one.kept, 95):,.1f}")  # fmt: skip
    console = Console(width=110)
    console.print(shown)
    every = [ms for one in found for ms in one.answers]
    kept = [ms for one in found for ms in one.kept]
    console.print(
        f"All tiles, warm: answer p50 {statistics.median(every):,.0f} ms, p95 "
        f"{percentile(every, 95):,.0f} ms; kept p95 {percentile(kept, 95):,.1f} ms. "
        f"Memory of the process at most {peak_mb:,} MB."
    )


if __name__ == "__main__":
    main()

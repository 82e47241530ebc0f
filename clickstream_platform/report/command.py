"""`clickstream report`: writes one HTML file for a day, a week, or data quality."""

from __future__ import annotations

from pathlib import Path

import click

from clickstream_platform.errors import UsageError
from clickstream_platform.report.contents import quality_report, shop_report
from clickstream_platform.report.period import Period, day, week
from clickstream_platform.settings import settings


@click.command()
@click.option("--day", "day_text", metavar="DAY", help="A UTC day, like 2026-11-20.")
@click.option("--week", "week_text", metavar="WEEK", help="An ISO week, like 2026-W47.")
@click.option("--quality", is_flag=True, help="Data quality instead of the shop's numbers.")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The HTML file to write.",
)
def report(*, day_text: str | None, week_text: str | None, quality: bool, out: Path) -> None:
    """Write a day or week as one HTML file that works offline and prints."""
    period = _period(day_text, week_text, needed=not quality)
    if not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: the folder {out.absolute().parent} does not exist.")
    text = quality_report(settings(), period) if quality else shop_report(settings(), period)
    out.write_text(text, encoding="utf-8")
    click.echo(f"{out} ({len(text.encode()) / 1e6:.1f} MB)")


def _period(day_text: str | None, week_text: str | None, *, needed: bool) -> Period | None:
    if day_text and week_text:
        raise UsageError("Give --day or --week, not both.")
    if day_text:
        return day(day_text)
    if week_text:
        return week(week_text)
    if needed:
        raise UsageError("Name the day or week: --day 2026-11-20 or --week 2026-W47.")
    return None

"""`clickstream publish` and `clickstream export`: the lake for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from clickstream_platform.publish.bi import publish_gold
from clickstream_platform.publish.export import FORMATS, export_tables
from clickstream_platform.settings import settings
from clickstream_platform.storage.postgres import Published


@click.command()
@click.option("--url", metavar="URL", help="PostgreSQL's address.  [postgres_url]")
def publish(*, url: str | None) -> None:
    """Bring the star schema and the BI views in PostgreSQL up to date with gold."""
    done = publish_gold(settings(), url=url, on_table=_tell)
    click.echo(f"{len(done.lake_views)} views of the lake in schema gold, for named questions")
    click.echo(f"{len(done.views)} views in schema bi: {', '.join(done.views)}")
    for view, missing in done.waiting_views:
        click.echo(f"bi.{view} waits for {missing}")


@click.command("export")
@click.option("--format", "file_format", required=True, type=click.Choice(FORMATS))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder, or DuckDB file."
)
@click.option("--select", "select", metavar="TABLES", help="Only these, like gold/fact_sessions.")
def export(*, file_format: str, out: Path, select: str | None) -> None:
    """Copy gold into a DuckDB file, or into Parquet or CSV files."""
    names = None if select is None else [name.strip() for name in select.split(",")]
    for path, rows in export_tables(settings(), file_format, out, names):
        click.echo(f"{path}: {rows:,} rows")


def _tell(table: Published) -> None:
    click.echo(
        f"{table.table}: {table.written} partitions written ({table.rows:,} rows), "
        f"{table.skipped} unchanged, {table.removed} removed"
    )

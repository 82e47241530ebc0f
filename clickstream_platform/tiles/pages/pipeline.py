"""Whether the pipeline keeps up: freshness, held-back hours, what was built."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Page, Tile

PIPELINE = Page(
    title="Pipeline",
    path="pipeline",
    icon=":material/conveyor_belt:",
    tiles=(
        Tile("Tables", "hour_freshness",
             "`data_through` is the newest event the hours hold; a backfill does not move it.",
             is_wide=True, is_live=True),
        Tile("Lines by hour", "quarantine_by_hour",
             figure=figures.bars("hour", "lines", by="source")),
        Tile("Repeated lines", "duplicates_by_hour",
             figure=figures.lines("event_hour", "duplicate_rate")),
        Tile("What tables cost to build", "costs",
             "By CPU seconds; per million of the events accepted in these hours.", is_wide=True),
        Tile("Ingestion warnings", "warnings", is_wide=True),
    ),
)  # fmt: skip

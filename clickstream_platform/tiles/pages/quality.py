"""Whether the data can be trusted: rules, rejected lines, where every line went."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Page, Tile

QUALITY = Page(
    title="Data quality",
    path="quality",
    icon=":material/verified:",
    tiles=(
        Tile("Where every line went", "ledger", "`unaccounted` is 0, or a law is broken.",
             is_wide=True),
        Tile("Rows that broke a rule", "check_trend", "By rule and hour.", is_wide=True,
             figure=figures.heat("hour", "rule", "failed_count", scale=figures.REDS)),
        Tile("Rejected lines by hour", "quarantine_by_hour",
             figure=figures.lines("hour", "quarantine_rate", by="source")),
        Tile("Reasons", "rejected_lines", figure=figures.ranking("reason", "lines")),
        Tile("Worst landing files", "quarantine_by_source", is_wide=True),
        Tile("Checks", "check_summary", is_wide=True),
    ),
)  # fmt: skip

"""From view to purchase, and where people leave."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Page, Tile

FUNNEL = Page(
    title="Funnel",
    path="funnel",
    icon=":material/filter_alt:",
    tiles=(
        Tile("The funnel", "funnel", "Visitors of ten minutes who did a step and all before it.",
             figure=figures.funnel("step", "sessions_through_step")),
        Tile("Carts and orders", "conversion_by_hour", "Share of the hour's sessions.",
             figure=figures.lines("event_hour", "cart_rate", "conversion_rate")),
        Tile("Hour by hour", "funnel_by_hour", "Share of those at the first step.", is_wide=True,
             figure=figures.heat("event_hour", "step", "overall_rate", percent=True)),
        Tile("Numbers", "funnel", is_wide=True),
    ),
)  # fmt: skip

"""The ways through the shop, and the carts left behind."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Page, Tile

JOURNEYS = Page(
    title="Journeys",
    path="journeys",
    icon=":material/route:",
    tiles=(
        Tile("Ways through the shop", "journey_links", "Sessions from step to step, 6 at most.",
             params={"limit": "60"}, is_wide=True,
             figure=figures.sankey("from_step", "to_step", "sessions")),
        Tile("Frequent journeys", "journeys", is_wide=True),
        Tile("Carts left behind", "abandoned_carts", is_wide=True),
    ),
)  # fmt: skip

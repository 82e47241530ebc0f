"""Where visitors come from, and where they land."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Page, Tile

TRAFFIC = Page(
    title="Traffic",
    path="traffic",
    icon=":material/travel_explore:",
    tiles=(
        Tile("Landing pages", "landing_pages", "By sessions.", params={"limit": "12"},
             figure=figures.ranking("landing_page", "sessions")),
        Tile("Visitors by hour", "sessions_by_hour",
             figure=figures.lines("event_hour", "visitors")),
        Tile("How landing pages do", "landing_pages", is_wide=True),
    ),
)  # fmt: skip

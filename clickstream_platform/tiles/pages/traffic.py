"""Where visitors come from, and where they land."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Page, Tile

TRAFFIC = Page(
    title="Traffic",
    path="traffic",
    icon=":material/travel_explore:",
    tiles=(
        Tile("Channels", "channels", "By sessions; robots left out.",
             figure=figures.ranking("channel_group", "sessions")),
        Tile("Devices", "devices", "By sessions; robots left out.",
             figure=figures.ranking("device_category", "sessions")),
        Tile("What channels earn", "attribution", "Revenue, by attribution model.", is_wide=True,
             figure=figures.bars("model", "revenue", by="channel_group")),
        Tile("Landing pages", "landing_pages", "By sessions.", params={"limit": "12"},
             figure=figures.ranking("landing_page", "sessions")),
        Tile("Visitors by hour", "sessions_by_hour",
             figure=figures.lines("event_hour", "visitors")),
        Tile("How landing pages do", "landing_pages", is_wide=True),
    ),
)  # fmt: skip

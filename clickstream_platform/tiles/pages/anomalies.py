"""What is out of the ordinary, and who is a robot."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Page, Tile

ANOMALIES = Page(
    title="Anomalies and bots",
    path="anomalies",
    icon=":material/crisis_alert:",
    tiles=(
        Tile("Share of robots", "traffic_quality", "Of the hour's events.",
             figure=figures.lines("event_hour", "bot_event_rate")),
        Tile("Robots", "traffic_quality", "Visitors in the hour.",
             figure=figures.bars("event_hour", "bot_visitors")),
        Tile("Anomalies", "anomalies", "Newest first.", params={"limit": "50"}, is_wide=True),
        Tile("What gave robots away", "bots", is_wide=True),
    ),
)  # fmt: skip

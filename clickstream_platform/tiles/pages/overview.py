"""What happens now, and what the hours came to."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Number, Page, Tile

TOTALS = (
    Number("Visitors", "visitors"),
    Number("Sessions", "sessions"),
    Number("Orders", "orders"),
    Number("Revenue", "revenue", "money", help="Orders in the reporting currency."),
    Number("Conversion", "conversion_rate", "rate", help="Sessions with an order."),
    Number("Order value", "average_order_value", "money"),
    Number("Engagement", "engagement_rate", "rate"),
    Number("Abandoned carts", "abandoned_carts"),
)
NEWEST_HOUR = (
    Number("Hour (UTC)", "event_hour", "hour"),
    Number("Events", "events", change="events_change"),
    Number("Visitors", "visitors", change="visitors_change"),
    Number("Sessions begun", "sessions_started", change="sessions_started_change"),
    Number("Orders", "orders", change="orders_change"),
    Number("Revenue", "revenue", "money", change="revenue_change"),
)

OVERVIEW = Page(
    title="Overview",
    path="overview",
    icon=":material/monitoring:",
    tiles=(
        Tile("Newest hour", "live", "Beside the hour before.", numbers=NEWEST_HOUR,
             is_wide=True, is_live=True),
        Tile("The hours shown", "session_totals", numbers=TOTALS, is_wide=True),
        Tile("Sessions", "sessions_by_hour", "Begun in each hour.",
             figure=figures.lines("event_hour", "sessions", "engaged_sessions")),
        Tile("Orders", "sessions_by_hour", "By the hour their session began.",
             figure=figures.bars("event_hour", "orders")),
        Tile("Events", "hourly", figure=figures.lines("event_hour", "events", "page_views")),
        Tile("Conversion", "sessions_by_hour", "Share of sessions with an order.",
             figure=figures.lines("event_hour", "conversion_rate")),
    ),
)  # fmt: skip

"""Money: trend, currencies, categories."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Page, Tile

REVENUE = Page(
    title="Revenue",
    path="revenue",
    icon=":material/payments:",
    tiles=(
        Tile("Revenue by hour", "revenue_by_hour", "Orders, by currency.", is_wide=True,
             figure=figures.bars("event_hour", "revenue", by="currency")),
        Tile("Revenue every five minutes", "revenue_trend", is_wide=True,
             figure=figures.bars("window_start", "revenue", by="currency")),
        Tile("Categories", "top_categories", figure=figures.ranking("item_category", "revenue")),
        Tile("Average order value", "revenue_by_hour",
             figure=figures.lines("event_hour", "average_order_value", by="currency")),
        Tile("Orders by hour", "revenue_by_hour", is_wide=True),
    ),
)  # fmt: skip

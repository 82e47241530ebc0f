"""What sells, and what is looked at."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Page, Tile

PRODUCTS = Page(
    title="Products",
    path="products",
    icon=":material/shopping_bag:",
    tiles=(
        Tile("Top products", "top_products", "By revenue.", params={"limit": "15"},
             figure=figures.ranking("item_id", "revenue")),
        Tile("Top categories", "top_categories", "By revenue.",
             figure=figures.ranking("item_category", "revenue")),
        Tile("Bought together", "bought_together", params={"limit": "20"}),
        Tile("Looked at, hardly ordered", "high_interest_low_conversion"),
        Tile("Products", "top_products", params={"limit": "50"}, is_wide=True),
    ),
)  # fmt: skip

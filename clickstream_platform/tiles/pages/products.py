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
        Tile("Looked at, hardly ordered", "high_interest_low_conversion"),
        Tile("Looked at, then bought", "viewed_then_bought", "In one session.",
             params={"limit": "20"}),
        Tile("Bought together", "bought_together", "By the same customers.",
             params={"limit": "20"}, is_wide=True,
             when_empty="No two products were bought by two of the same customers yet."),
        Tile("Products", "top_products", params={"limit": "50"}, is_wide=True),
    ),
)  # fmt: skip

"""Who buys: segments, the RFM map, and who comes back."""

from clickstream_platform.tiles import figures
from clickstream_platform.tiles.model import Page, Tile

CUSTOMERS = Page(
    title="Customers",
    path="customers",
    icon=":material/group:",
    tiles=(
        Tile("RFM map", "rfm_segments", "Area: customers; shade: revenue.",
             figure=figures.treemap("rfm_segment", "customers", "revenue")),
        Tile("Simple segments", "customer_segments", "By customers.",
             figure=figures.ranking("segment", "customers")),
        Tile("Who comes back", "retention", "By the week of the first visit.", is_wide=True,
             figure=figures.heat("period_no", "cohort_start", "retention_rate", percent=True)),
        Tile("Who comes back within days", "retention", "By the day of the first visit.",
             params={"period": "day"}, is_wide=True,
             figure=figures.heat("period_no", "cohort_start", "retention_rate", percent=True)),
        Tile("RFM segments", "rfm_segments", is_wide=True),
    ),
)  # fmt: skip

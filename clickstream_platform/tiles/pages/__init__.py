"""The pages, in the order of the menu."""

from dataclasses import replace

from clickstream_platform.queries.named import named_queries
from clickstream_platform.tiles.model import Page
from clickstream_platform.tiles.pages.anomalies import ANOMALIES
from clickstream_platform.tiles.pages.customers import CUSTOMERS
from clickstream_platform.tiles.pages.funnel import FUNNEL
from clickstream_platform.tiles.pages.journeys import JOURNEYS
from clickstream_platform.tiles.pages.overview import OVERVIEW
from clickstream_platform.tiles.pages.pipeline import PIPELINE
from clickstream_platform.tiles.pages.products import PRODUCTS
from clickstream_platform.tiles.pages.quality import QUALITY
from clickstream_platform.tiles.pages.revenue import REVENUE
from clickstream_platform.tiles.pages.traffic import TRAFFIC

_SHOP = (OVERVIEW, REVENUE, FUNNEL, PRODUCTS, CUSTOMERS, JOURNEYS, TRAFFIC, ANOMALIES)
_PLATFORM = (QUALITY, PIPELINE)


def _askable(page: Page) -> Page:
    """The page without tiles whose question does not exist (yet)."""
    return replace(page, tiles=tuple(t for t in page.tiles if t.query in named_queries()))


SHOP_PAGES = tuple(page for page in map(_askable, _SHOP) if page.tiles)
PAGES: tuple[Page, ...] = (*SHOP_PAGES, *_PLATFORM)

"""The pages, in the order of the menu."""

from clickstream_platform.tiles.model import Page
from clickstream_platform.tiles.pages.funnel import FUNNEL
from clickstream_platform.tiles.pages.overview import OVERVIEW
from clickstream_platform.tiles.pages.pipeline import PIPELINE
from clickstream_platform.tiles.pages.products import PRODUCTS
from clickstream_platform.tiles.pages.quality import QUALITY
from clickstream_platform.tiles.pages.revenue import REVENUE
from clickstream_platform.tiles.pages.traffic import TRAFFIC

PAGES: tuple[Page, ...] = (OVERVIEW, REVENUE, FUNNEL, PRODUCTS, TRAFFIC, QUALITY, PIPELINE)

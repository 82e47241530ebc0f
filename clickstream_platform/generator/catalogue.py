"""The shop itself: products, users, campaigns, browsers; CSV by `--catalogue` and `--feeds`."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote_plus

import numpy as np

from clickstream_platform.generator.randomness import stream

SITE = "https://shop.example"
CURRENCY = "USD"
ZIPF_EXPONENT = 1.05
CATEGORIES = (  # name, median price in cents
    ("electronics", 18_900),
    ("fashion", 4_900),
    ("home", 6_900),
    ("beauty", 2_400),
    ("sports", 5_400),
    ("toys", 2_900),
    ("books", 1_600),
    ("groceries", 900),
)
BRANDS = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gorse", "Hazel", "Ivy", "Juniper")
SEARCHES = ("winter jacket", "usb c cable", "gift", "running shoes", "lego", "coffee", "novel")
SEGMENTS = ("new", "occasional", "regular", "vip")
COUNTRIES = ("DE", "FR", "NL", "GB", "IT", "ES", "PL", "SE", "US")
EXPERIMENTS = (
    ("exp-checkout-button", ("control", "green")),
    ("exp-product-grid", ("control", "dense")),
)
REFERRERS = (  # address (empty: typed in), weight
    ("", 0.34),
    ("https://www.google.com/", 0.3),
    ("https://www.bing.com/", 0.06),
    ("https://duckduckgo.com/", 0.04),
    ("https://www.facebook.com/", 0.1),
    ("https://www.instagram.com/", 0.07),
    ("https://news.example.org/reviews", 0.09),
)
INTERNAL_REFERRER = len(REFERRERS)
CAMPAIGNS = (  # id, name, source, medium, its referrer's number
    ("cmp-01", "black_friday", "google", "cpc", 1),
    ("cmp-02", "brand_search", "bing", "cpc", 2),
    ("cmp-03", "autumn_looks", "facebook", "paid_social", 4),
    ("cmp-04", "creator_week", "instagram", "paid_social", 5),
    ("cmp-05", "weekly_letter", "newsletter", "email", 0),
    ("cmp-06", "win_back", "newsletter", "email", 0),
)
_MOZILLA = "Mozilla/5.0"
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_CHROME = f"{_WEBKIT} Chrome/131.0.0.0"
_MAC = "(Macintosh; Intel Mac OS X 10_15_7)"
_IPHONE = "(iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
AGENTS = (  # user agent, device, browser
    (f"{_MOZILLA} (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36", "desktop", "Chrome"),
    (f"{_MOZILLA} {_MAC} {_CHROME} Safari/537.36", "desktop", "Chrome"),
    (f"{_MOZILLA} {_IPHONE} Version/18.1 Mobile/15E148 Safari/604.1", "mobile", "Safari"),
    (f"{_MOZILLA} (Linux; Android 14; Pixel 8) {_CHROME} Mobile Safari/537.36", "mobile", "Chrome"),
    (f"{_MOZILLA} (Linux; Android 13; SM-X700) {_CHROME} Safari/537.36", "tablet", "Chrome"),
    (
        f"{_MOZILLA} (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
        "desktop",
        "Firefox",
    ),
    (
        f"{_MOZILLA} (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36 Edg/131.0.0.0",
        "desktop",
        "Edge",
    ),
    (
        f"{_MOZILLA} {_MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
        "desktop",
        "Safari",
    ),
    (
        f"{_MOZILLA} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "bot",
        "Googlebot",
    ),
    (
        f"{_MOZILLA} (X11; Linux x86_64) {_WEBKIT} HeadlessChrome/131.0.0.0 Safari/537.36",
        "desktop",
        "HeadlessChrome",
    ),
)
HUMAN_AGENTS = 8
CRAWLER_AGENT = 8
HEADLESS_AGENT = 9

_FIXED_PAGES = ("cart", "checkout", "checkout/shipping", "checkout/payment", "thank-you", "account")
PAGE_HOME = 0
PAGE_CATEGORY = 1
PAGE_FIXED = {name: 1 + len(CATEGORIES) + number for number, name in enumerate(_FIXED_PAGES)}
PAGE_SEARCH = 1 + len(CATEGORIES) + len(_FIXED_PAGES)
PAGE_PRODUCT = PAGE_SEARCH + len(SEARCHES)


@dataclass(frozen=True)
class Shop:
    """The products, and everything a line needs as ready-made text.

    Units: `price_cents` in cents of `CURRENCY`; `popularity` is cumulated up to 1.
    """

    seed: int
    users: int
    product_ids: list[str]
    product_names: list[str]
    brands: list[str]
    category: np.ndarray
    price_cents: np.ndarray
    popularity: np.ndarray
    pages: list[str]

    def draw_products(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """`count` product numbers, popular ones more often (Zipf)."""
        return np.searchsorted(self.popularity, rng.random(count), side="right").astype(np.int32)


def open_shop(seed: int, *, users: int, products: int) -> Shop:
    """The shop of this seed: the same products and prices whatever is generated from it."""
    rng = stream(seed, "catalogue")
    category = rng.permutation(np.arange(products) % len(CATEGORIES))
    median = np.array([cents for _, cents in CATEGORIES])[category]
    cents = np.maximum(100, np.round(median * rng.lognormal(0.0, 0.6, products), -1) - 1)
    cents[rng.integers(products)] = 99
    weight = 1.0 / np.arange(1, products + 1) ** ZIPF_EXPONENT
    popularity = np.cumsum(rng.permutation(weight / weight.sum()))
    popularity[-1] = 1.0
    brand = rng.integers(0, len(BRANDS), products)
    ids = [f"P{number + 1:05d}" for number in range(products)]
    slugs = [name for name, _ in CATEGORIES]
    pages = ["/", *(f"/c/{slug}" for slug in slugs), *(f"/{name}" for name in _FIXED_PAGES)]
    pages += [f"/search?q={quote_plus(term)}" for term in SEARCHES]
    pages += [f"/p/{product_id}" for product_id in ids]
    return Shop(
        seed=seed,
        users=users,
        product_ids=ids,
        product_names=[
            f"{BRANDS[b]} {slugs[c]} {number + 1}"
            for number, (b, c) in enumerate(zip(brand, category, strict=True))
        ],
        brands=[BRANDS[b] for b in brand],
        category=category,
        price_cents=cents.astype(np.int64),
        popularity=popularity,
        pages=[SITE + page for page in pages],
    )


def user_text(number: int) -> str:
    return f"U{number + 1:06d}"


def price_text(cents: int) -> str:
    """Two decimals, as in JSON: 1990 is `19.90`."""
    return f"{cents // 100}.{cents % 100:02d}"


Rows = list[list[str]]


def write_catalogue(catalogue: dict[str, Rows], folder: Path) -> None:
    """`products.csv`, `users.csv` and `campaigns.csv` in `folder`."""
    for name, rows in catalogue.items():
        _write(folder / f"{name}.csv", rows)


def write_feeds(catalogue: dict[str, Rows], landing: Path, *, hour: str) -> None:
    """The same files as catalogue feeds that arrive in `hour`."""
    for name, rows in catalogue.items():
        _write(landing / f"{name}_csv" / hour / f"{name}.csv", rows)


def catalogue_of(shop: Shop, *, start_ms: int, signed_up: dict[int, int]) -> dict[str, Rows]:
    """Products, users and campaigns, each with its header first.

    `signed_up` gives the moment (ms) of the users that register within the generated range; all
    others registered in the three years before `start_ms`.
    """
    rng = stream(shop.seed, "users")
    first_day = datetime.fromtimestamp(start_ms / 1000, UTC).date()
    segment = rng.choice(len(SEGMENTS), shop.users, p=[0.25, 0.4, 0.28, 0.07])
    country = rng.integers(0, len(COUNTRIES), shop.users)
    age_days = rng.integers(1, 1096, shop.users)

    def signup_day(user: int) -> date:
        if user in signed_up:
            return datetime.fromtimestamp(signed_up[user] / 1000, UTC).date()
        return first_day - timedelta(days=int(age_days[user]))

    products = [
        [product_id, name, CATEGORIES[c][0], brand, price_text(int(cents))]
        for product_id, name, c, brand, cents in zip(
            shop.product_ids,
            shop.product_names,
            shop.category,
            shop.brands,
            shop.price_cents,
            strict=True,
        )
    ]
    users = [
        [user_text(n), SEGMENTS[segment[n]], COUNTRIES[country[n]], signup_day(n).isoformat()]
        for n in range(shop.users)
    ]
    return {
        "products": [["product_id", "name", "category", "brand", "price"], *products],
        "users": [["user_id", "segment", "country", "signup_date"], *users],
        "campaigns": [
            ["campaign_id", "campaign", "source", "medium"],
            *[list(campaign[:4]) for campaign in CAMPAIGNS],
        ],
    }


def _write(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(text.getvalue(), encoding="utf-8")
    unfinished.rename(path)

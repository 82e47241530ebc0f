"""Walks through every page of the dashboard, in a browser, and takes a picture of each.

`python scripts/dashboard_walk.py http://127.0.0.1:8501 FOLDER` on a home that `make demo` filled,
while its `clickstream dashboard` runs. Each page is seen on a desk, on a phone and in the dark.
Ends with exit code 1 and the places if a page shows an error, a table that is not built or a tile
without rows that does not say why, or is wider than the screen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect
from ui_walk import browser_page, chromium

from clickstream_platform.tiles.model import Page as TilePage
from clickstream_platform.tiles.pages import PAGES

DESK: ViewportSize = {"width": 1400, "height": 1000}
PHONE: ViewportSize = {"width": 390, "height": 844}
TALL_PX = 6000  # Streamlit scrolls inside the page: a picture shows what the window holds
DRAWN = ".js-plotly-plot .main-svg"
NOT_BUILT, NO_ROWS = "Not built yet", "No rows in these hours."


def walk(page: Page, url: str, folder: Path) -> Iterator[str]:
    """Goes to every page in each manner; yields what is wrong, named by page and manner."""
    manners: list[tuple[str, ViewportSize, str]] = [
        ("desk", DESK, "light"),
        ("phone", PHONE, "light"),
        ("dark", DESK, "dark"),
    ]
    for manner, size, scheme in manners:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for shown in PAGES:
            page.set_viewport_size({**size, "height": TALL_PX})
            page.goto(url if shown is PAGES[0] else f"{url}/{shown.path}")
            wait_until_drawn(page, shown)
            yield from (f"{shown.path} ({manner}): {what}" for what in problems(page, shown, size))
            page.set_viewport_size({**size, "height": _height(page)})
            page.wait_for_timeout(1500)  # plots take their new place
            page.screenshot(path=str(folder / f"{shown.path}-{manner}.png"))


def problems(page: Page, shown: TilePage, size: ViewportSize) -> Iterator[str]:
    """What a visitor would complain about."""
    for text in page.locator("[data-testid='stException']").all_inner_texts():
        yield f"error {text[:200]!r}"
    for at, tile in enumerate(shown.tiles):
        place = page.locator(f".st-key-{shown.path}-{at}")
        said = place.inner_text()
        yield from (f"{tile.title}: {words}" for words in (NOT_BUILT, NO_ROWS) if words in said)
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > size["width"]:
        yield f"{wide} pixels wide on a screen of {size['width']}"


def wait_until_drawn(page: Page, shown: TilePage) -> None:
    for at, tile in enumerate(shown.tiles):
        place = page.locator(f".st-key-{shown.path}-{at}")
        expect(place.locator("h4")).to_have_text(tile.title)
        if tile.figure is not None and not tile.numbers:
            empty = place.get_by_text(NOT_BUILT).or_(place.get_by_text(tile.when_empty))
            expect(place.locator(DRAWN).or_(empty).first).to_be_attached()


def _height(page: Page) -> int:
    """Pixels down to the end of the last tile."""
    last = page.locator("[class*='st-key-']").last.bounding_box()
    return round(last["y"] + last["height"]) + 80 if last else DESK["height"]


def main() -> None:
    url, folder = sys.argv[1].rstrip("/"), Path(sys.argv[2])
    executable = chromium()
    if executable is None:
        raise SystemExit("No Chromium: apt-get install chromium, or a package of your system.")
    folder.mkdir(parents=True, exist_ok=True)
    with browser_page(executable) as page:
        found = list(walk(page, url, folder))
    print("\n".join([*found, f"{len(PAGES)} pages in three manners, {len(found)} problems"]))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()

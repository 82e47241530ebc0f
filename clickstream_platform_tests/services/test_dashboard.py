"""The dashboard as a person sees it: served on loopback, walked through in Chromium."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import dashboard_walk
import pytest
import ui_walk
from playwright.sync_api import Page, expect

from clickstream_platform.settings import Settings
from clickstream_platform.tiles.model import Page as TilePage
from clickstream_platform.tiles.pages import PAGES
from clickstream_platform_tests.queries.lake_rows import TEN
from clickstream_platform_tests.tiles.conftest import build_full

pytestmark = [pytest.mark.service, pytest.mark.slow]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1400, "height": 1000}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build_full(tmp_path_factory.mktemp("dashboard"))


@pytest.fixture(scope="module")
def url(tiny: Settings) -> Iterator[str]:
    port = _free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "clickstream_platform.cli", "dashboard", "--port", str(port)],
        env=_environment(tiny.home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/_stcore/health", server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    executable = ui_walk.chromium()
    if executable is None:
        pytest.skip("NO CHROMIUM: the dashboard was NOT tested (apt-get install chromium)")
    with ui_walk.browser_page(executable) as found:
        yield found


def test_the_page_shows_what_the_command_answers_and_asks_nobody_else(
    page: Page, url: str, tiny: Settings
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    [row] = _query(tiny, "session_totals")
    assert row["sessions"] == 6
    for label, text in (
        ("Sessions", f"{row['sessions']:,}"),
        ("Visitors", f"{row['visitors']:,}"),
        ("Orders", f"{row['orders']:,}"),
        ("Conversion", f"{row['conversion_rate']:.2%}"),
    ):
        metric = page.locator(".st-key-overview-1 [data-testid='stMetric']").filter(
            has=page.get_by_text(label, exact=True)
        )
        expect(metric.locator("[data-testid='stMetricValue']")).to_have_text(text)
    expect(page.get_by_text("data through 2026-11-20 11:07 UTC").first).to_be_visible()
    expect(page.get_by_text("check failed").first).to_be_visible()  # silver/events unique
    outside = [it for it in asked if not it.startswith((url, url.replace("http", "ws"), "data:"))]
    assert outside == []


def test_the_address_bar_restores_a_filter_and_a_choice_changes_the_address(
    page: Page, url: str, tiny: Settings
) -> None:
    page.goto(f"{url}/?time=between&from={TEN}&to={TEN}")
    [row] = _query(tiny, "session_totals", f"from={TEN}", f"to={TEN}")
    assert row["sessions"] == 4
    sessions = page.locator(".st-key-overview-1 [data-testid='stMetric']").filter(
        has=page.get_by_text("Sessions", exact=True)
    )
    expect(sessions.locator("[data-testid='stMetricValue']")).to_have_text("4")
    page.get_by_label("To hour (UTC)").fill("2026-11-20T11")
    page.keyboard.press("Enter")
    expect(sessions.locator("[data-testid='stMetricValue']")).to_have_text("6")
    expect(page).to_have_url(re.compile(r"to=2026-11-20T11"))
    page.get_by_role("link", name="Funnel").click()
    expect(page.get_by_role("heading", name="The funnel")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/funnel\?.*to=2026-11-20T11"))


@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.path)
def test_every_page_is_whole_on_a_phone(page: Page, url: str, shown: TilePage) -> None:
    page.set_viewport_size(PHONE)
    page.goto(url if shown is PAGES[0] else f"{url}/{shown.path}")
    dashboard_walk.wait_until_drawn(page, shown)
    assert list(dashboard_walk.problems(page, shown, PHONE)) == []
    for tile in shown.tiles:
        expect(page.get_by_text(tile.when_empty)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.path)
def test_every_page_takes_filters_from_the_address_and_tells_what_it_cannot_filter(
    page: Page, url: str, shown: TilePage
) -> None:
    page.set_viewport_size(DESK)
    path = "" if shown is PAGES[0] else shown.path
    page.goto(f"{url}/{path}?time=between&from={TEN}&to={TEN}&device=mobile&bots=out")
    tiles = range(len(shown.tiles))
    for at in tiles:
        expect(page.locator(f".st-key-{shown.path}-{at} h4")).to_be_visible()
    expect(page.locator("[data-testid='stException']")).to_have_count(0)
    told = "".join(page.locator(f".st-key-{shown.path}-{at}").inner_text() for at in tiles)
    assert "--only device_category=mobile" in told or "not by device" in told


def test_hours_back_from_the_newest_event_are_those_of_then_and_an_all_time_tile_says_so(
    page: Page, url: str
) -> None:
    page.set_viewport_size(DESK)
    page.goto(f"{url}/?time=24h")
    expect(
        page.get_by_text("--param from=2026-11-19T12 --param to=2026-11-20T11").first
    ).to_be_visible()
    page.goto(f"{url}/?time=24h&as_of=2020-01-01T00:00")
    expect(page.get_by_text("did not exist at 2020-01-01").first).to_be_visible()
    expect(page.locator("[data-testid='stException']")).to_have_count(0)
    page.goto(f"{url}/customers?time=24h")
    expect(page.get_by_text("not by time").first).to_be_visible()


def test_dark_and_light_follow_the_browser(page: Page, url: str) -> None:
    page.set_viewport_size(DESK)
    brightness = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(url)
        expect(page.locator(".st-key-overview-1 h4")).to_be_visible()
        colours = page.evaluate(
            "[getComputedStyle(document.querySelector('.stApp')).backgroundColor,"
            " getComputedStyle(document.querySelector('.st-key-overview-1 h4')).color]"
        )
        brightness[scheme] = [sum(map(int, re.findall(r"\d+", text)[:3])) for text in colours]
    page.emulate_media(color_scheme="light")
    assert brightness["light"][0] > 600
    assert brightness["light"][1] < 300
    assert brightness["dark"][0] < 150
    assert brightness["dark"][1] > 500


def test_a_page_is_reached_by_the_keyboard_alone(page: Page, url: str) -> None:
    page.set_viewport_size(DESK)
    page.goto(url)
    expect(page.locator(".st-key-overview-1 h4")).to_be_visible()
    _tab_to(page, "Funnel")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The funnel")).to_be_visible()


def _tab_to(page: Page, word: str) -> None:
    """Presses Tab until what has the focus is called so."""
    focus = "(document.activeElement.ariaLabel || '') + ' ' + document.activeElement.innerText"
    for _ in range(60):
        page.keyboard.press("Tab")
        if word in page.evaluate(focus):
            return
    pytest.fail(f"no Tab reaches {word}")


def test_a_wrong_hour_in_the_address_is_explained(page: Page, url: str) -> None:
    page.goto(f"{url}/?time=between&from=yesterday")
    expect(page.get_by_text("'yesterday' is not an hour")).to_be_attached()


def _query(tiny: Settings, name: str, *params: str) -> list[dict[str, float]]:
    command = [sys.executable, "-m", "clickstream_platform.cli", "query", name, "--format", "json"]
    for param in params:
        command += ["--param", param]
    found = subprocess.run(
        command, env=_environment(tiny.home), capture_output=True, check=True, timeout=120
    )
    return json.loads(found.stdout)


def _environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLICKSTREAM_", "DAGSTER_"))}
    return {**kept, "CLICKSTREAM_HOME": str(home)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, server: subprocess.Popen[bytes], *, within_s: float = 120) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        assert server.poll() is None, "the dashboard ended before it answered"
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.3)
    pytest.fail(f"{address} did not answer within {within_s:.0f} s")

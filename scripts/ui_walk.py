"""Walks through the Dagster UI as a person does, in a browser, with a picture of each stop.

`python scripts/ui_walk.py http://127.0.0.1:3000 docs/images` on a home that `make demo` filled. It
materialises one hour and launches a backfill by clicking, so it changes run history, not tables.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

FIRST_HOUR, LAST_HOUR, ONE_HOUR = "2024-11-29T00", "2024-11-29T05", "2024-11-29T10"
PARTS_OF_A_GRAPH = ("bronze", "silver", "gold", "ops")
GOLD_GROUP = '/asset-groups~group%3A"gold"'
GRAPH_SIZE: ViewportSize = {"width": 1900, "height": 760}
USUAL_SIZE: ViewportSize = {"width": 1600, "height": 1000}
UI_TIMEOUT_MS = 60_000
LOADING_MS = 300_000  # a check's state in each of many thousand hours, on a busy machine
DONE = {"SUCCESS", "FAILURE", "CANCELED"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_RUNS = """query($filter: RunsFilter!, $limit: Int) { runsOrError(filter: $filter, limit: $limit) {
  ... on Runs { results { runId status tags { key value } } } } }"""
_BACKFILLS = """{ partitionBackfillsOrError(limit: 5) { ... on PartitionBackfills {
  results { id status numPartitions } } } }"""


Found = TypeVar("Found")


class WalkError(Exception):
    """The UI did not do what the walk asked of it."""


def chromium() -> str | None:
    """Path of an installed Chromium, if there is one."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


@contextmanager
def browser_page(executable: str) -> Iterator[Page]:
    """A page of 1600 x 1000; the browser ends with the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*ARGUMENTS])
        try:
            page = browser.new_page(viewport=USUAL_SIZE)
            page.set_default_timeout(UI_TIMEOUT_MS)
            expect.set_options(timeout=UI_TIMEOUT_MS)
            yield page
        finally:
            browser.close()


class Walk:
    """What a person does in the UI at `url`; pictures go to `folder`, if one is given."""

    def __init__(self, page: Page, url: str, folder: Path | None = None) -> None:
        self.page = page
        self.url = url.rstrip("/")
        self.folder = folder

    def graph(self) -> None:
        """The global graph with its groups closed, for open they fill several screens; and that its
        search opens the group of an asset and goes there."""
        self.page.set_viewport_size(GRAPH_SIZE)
        self._open("/asset-groups")
        for part in PARTS_OF_A_GRAPH:
            expect(self.page.get_by_text(part, exact=True).first).to_be_visible()
        self.page.wait_for_timeout(6000)  # states come late
        self._shoot("graph")
        self.page.set_viewport_size(USUAL_SIZE)
        search = self.page.get_by_placeholder("Jump to…")
        search.fill("fact_sessions")
        search.press("Enter")
        expect(self.page.get_by_text("View in Asset Catalog").first).to_be_visible()
        expect(self.page.get_by_text("Grain: one row per session").first).to_be_visible()

    def materialise(self, asset: str, hour: str) -> dict[str, Any]:
        """Launches one hour of an asset from its page; its run, when that has ended."""
        before = {run["runId"] for run in self.runs()}
        self._open(f"/assets/{asset}?view=overview")
        self._choose(hour)
        self._shoot("materialise-one-hour")
        self.page.get_by_role("button", name="Launch 1 run").click()
        run_id = self._new_run(before)
        return self.ended(run_id)

    def backfill(self, first: str, last: str) -> tuple[str, list[dict[str, Any]]]:
        """Launches a backfill of all of gold; its status and runs, when it has ended."""
        known = {row["id"] for row in self._backfills()}
        self._open(GOLD_GROUP)
        self._choose(f"[{first}...{last}]")
        self._shoot("backfill-dialog")
        self.page.get_by_role("button", name="Launch backfill").click()
        backfill_id = _until(
            lambda: next((row["id"] for row in self._backfills() if row["id"] not in known), None),
            "a new backfill", 60,
        )  # fmt: skip
        status = _until(lambda: self._backfill_end(backfill_id), "the backfill's end", 400)
        self._open(f"/runs/b/{backfill_id}", settle_ms=4000)
        self._shoot("backfill")
        return status, self.runs({"key": "dagster/backfill", "value": backfill_id})

    def checks(self, asset: str, check: str, hour: str) -> None:
        """The checks of an asset, and one check's results in the hours of a day."""
        self._open(f"/assets/{asset}?view=checks", settle_ms=3000)
        expect(self.page.get_by_text(check).first).to_be_visible()
        self._shoot("checks")
        self.page.get_by_text(check, exact=True).first.click()
        self.page.get_by_role("tab", name="Partitions").last.click()
        self.page.wait_for_timeout(2000)
        expect(self.page.get_by_text("Loading partitions")).to_have_count(0, timeout=LOADING_MS)
        day, hours = hour[:11], self.page.get_by_placeholder("ex:").last
        hours.fill(f"[{day}00...{day}23]")
        hours.press("Enter")
        self.page.get_by_text(hour, exact=True).first.click()
        expect(self.page.get_by_text("rows_checked").first).to_be_visible()
        self._shoot("check-by-hour")

    def columns(self, asset: str) -> None:
        """The columns of an asset with types, rules and meaning."""
        self._open(f"/assets/{asset}?view=overview", settle_ms=3000)
        expect(self.page.get_by_text("Column name").first).to_be_visible()
        self._shoot("columns")

    def partitions(self, asset: str, hour: str, *, name: str = "partitions") -> None:
        """The hours of an asset and the numbers of one."""
        day = hour[:11]
        self._open(f"/assets/{asset}?view=partitions&partition={hour}"
                   f"&default_range=%5B{day}00...{day}23%5D", settle_ms=4000)  # fmt: skip
        expect(self.page.get_by_text(hour).first).to_be_visible()
        self._shoot(name)

    def run_page(self, run_id: str, *, name: str = "run") -> None:
        """The steps and the event log of a run."""
        self._open(f"/runs/{run_id}", settle_ms=5000)
        self._shoot(name)

    def timeline(self) -> None:
        """The runs of the last hours."""
        self._open("/overview", settle_ms=5000)
        self._shoot("timeline")

    def runs(self, tag: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """The newest runs, or those with a tag."""
        variables = {"filter": {"tags": [tag]} if tag else {}, "limit": 50}
        return self._ask(_RUNS, variables)["runsOrError"]["results"]

    def ended(self, run_id: str, *, within_s: float = 300) -> dict[str, Any]:
        """The run, once it has ended."""

        def end() -> dict[str, Any] | None:
            return next(
                (r for r in self.runs() if r["runId"] == run_id and r["status"] in DONE), None
            )

        return _until(end, f"the end of run {run_id}", within_s)

    def _choose(self, partitions: str) -> None:
        """Opens the launch dialog and writes the hours into it."""
        page = self.page
        page.get_by_role("button", name="Materialize").first.click()
        confirm = page.get_by_role("button", name="Confirm", exact=True)
        dialog = page.get_by_text("Partition selection")
        expect(confirm.or_(dialog).first).to_be_visible()
        if confirm.is_visible():  # the other tables of the same step
            confirm.click()
        expect(dialog).to_be_visible()
        everything = page.get_by_text("Show all partitions")
        hours = page.get_by_placeholder("ex:").last
        expect(everything.or_(hours).first).to_be_visible()
        page.wait_for_timeout(2000)  # both come late, one after the other
        if everything.is_visible():  # the dialog begins with the last 90 days
            everything.click()
        hours.click()
        hours.fill(partitions)
        hours.press("Enter")
        page.wait_for_timeout(1500)

    def _new_run(self, before: set[str]) -> str:
        def new() -> str | None:
            return next((r["runId"] for r in self.runs() if r["runId"] not in before), None)

        return _until(new, "a new run", 60)

    def _backfills(self) -> list[dict[str, Any]]:
        return self._ask(_BACKFILLS)["partitionBackfillsOrError"]["results"]

    def _backfill_end(self, backfill_id: str) -> str | None:
        status = next(row["status"] for row in self._backfills() if row["id"] == backfill_id)
        return status if status.startswith(("COMPLETED", "FAILED", "CANCELED")) else None

    def _open(self, path: str, *, settle_ms: float = 1500) -> None:
        self.page.goto(self.url + path)
        self.page.get_by_text("Deployment").first.wait_for()
        self.page.wait_for_timeout(settle_ms)

    def _shoot(self, name: str) -> None:
        if self.folder:
            self.page.screenshot(path=self.folder / f"{name}.png")

    def _ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 (our own UI)
            f"{self.url}/graphql",
            data=json.dumps({"query": query, "variables": variables or {}}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            found = json.load(answer)
        if found.get("errors"):
            raise WalkError(str(found["errors"]))
        return found["data"]


def _until(found: Callable[[], Found | None], what: str, within_s: float) -> Found:
    """What `found` returns as soon as it is not null."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        value = found()
        if value is not None:
            return value
        time.sleep(1)
    raise WalkError(f"{what} was not seen within {within_s:.0f} s")


def look(walk: Walk) -> None:
    """The stops that change nothing."""
    walk.graph()
    walk.checks("silver/events", "contract", ONE_HOUR)
    walk.columns("silver/events")
    walk.partitions("gold/fact_sessions", ONE_HOUR)
    walk.timeline()


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        print("usage: ui_walk.py URL FOLDER", file=sys.stderr)
        return 2
    executable = chromium()
    if executable is None:
        print("No Chromium found; install one (Debian: apt-get install chromium).", file=sys.stderr)
        return 3
    folder = Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    with browser_page(executable) as page:
        walk = Walk(page, arguments[0], folder)
        started = time.monotonic()
        one = walk.materialise("gold/fact_sessions", ONE_HOUR)
        print(f"one hour: {one['status']} in {time.monotonic() - started:.0f} s")
        started = time.monotonic()
        status, runs = walk.backfill(FIRST_HOUR, LAST_HOUR)
        print(f"backfill: {status}, {len(runs)} runs in {time.monotonic() - started:.0f} s")
        walk.run_page(runs[0]["runId"])
        look(walk)
    return 0 if one["status"] == "SUCCESS" and len(runs) <= 2 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

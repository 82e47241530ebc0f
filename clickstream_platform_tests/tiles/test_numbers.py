"""Every number on the dashboard and in the report is the named question's, for the same filter."""

from __future__ import annotations

import html
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from clickstream_platform.cli import main
from clickstream_platform.queries.extract import Extract
from clickstream_platform.queries.named import find
from clickstream_platform.queries.render import plain
from clickstream_platform.report.contents import shop_report
from clickstream_platform.report.period import day
from clickstream_platform.settings import Settings
from clickstream_platform.tiles.answers import answer
from clickstream_platform.tiles.model import Tile, View
from clickstream_platform.tiles.pages import PAGES, SHOP_PAGES
from clickstream_platform.tiles.texts import shown
from clickstream_platform_tests.queries.lake_rows import TEN

TILES = {f"{page.path}-{at}": tile for page in PAGES for at, tile in enumerate(page.tiles)}
SOON = datetime.now(UTC) + timedelta(hours=1)
VIEWS = {
    "all": View(),
    "hour": View(first=TEN, last=TEN),
    "from": View(first="2026-11-20T11"),
    "bots out": View(with_bots=False),
    "phones": View(device="mobile"),
    "channel": View(channel="Email", with_bots=False),
    "as of": View(device="mobile", as_of=SOON),
}
DAY = "2026-11-20"


@pytest.fixture(scope="module")
def extract(full: Settings) -> Iterator[Extract]:
    """What the dashboard reads."""
    found = Extract(full)
    yield found
    found.close()


def test_every_tile_has_rows_in_the_full_lake(full: Settings) -> None:
    empty = {
        name
        for name, tile in TILES.items()
        if (found := answer(full, tile, View())).problem or not found.rows
    }
    assert empty == set()


@pytest.mark.parametrize("name", ["hour", "channel", "as of"])
def test_the_command_beneath_a_tile_gives_its_rows_and_its_plot_shows_no_others(
    full: Settings, extract: Extract, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(full.home))
    for place, tile in TILES.items():
        found = answer(full, tile, VIEWS[name])
        assert found.problem is None, place
        assert found.rows is not None
        assert answer(full, tile, VIEWS[name], extract).rows == found.rows, place
        asked = asked_by_command(full.home, found.command)
        assert plain(found.rows.to_pylist()) == asked, f"{place}: {found.command}"
        if tile.figure is not None and found.rows.num_rows:
            drawn = numbers_of(tile.figure(found.rows).to_plotly_json()["data"])
            assert drawn <= numbers_of(asked), place
            assert drawn, place


def test_filters_change_what_is_counted(full: Settings) -> None:
    tile = Tile("S", "session_totals")
    counted = {name: number(answer(full, tile, view).rows) for name, view in VIEWS.items()}
    assert counted == {
        "all": 6, "hour": 4, "from": 2, "bots out": 5, "phones": 1, "channel": 2, "as of": 1
    }  # fmt: skip


def test_the_report_of_a_day_holds_the_same_numbers(
    full: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(full.home))
    text = shop_report(full, day(DAY))
    figures = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
    tiles = [tile for page in SHOP_PAGES for tile in page.tiles]
    assert len(figures) == len(tiles)
    for tile, figure in zip(tiles, figures, strict=True):
        command = html.unescape(re.findall("<code>(.*?)</code>", figure)[-1])
        asked = asked_by_command(full.home, command)
        goes_by_hours = {"from", "to"} <= set(find(tile.query).params)
        assert ("Over all time." in figure) is not goes_by_hours, tile.title
        if not asked:
            assert tile.when_empty in figure, tile.title
        elif tile.numbers:
            found = re.findall(r"<span>(.*?)<b>(.*?)</b>", figure)
            assert found == [(n.label, shown(asked[0][n.column], n.kind)) for n in tile.numbers]
        elif tile.figure is not None:
            drawn = re.search(
                r"Plotly\.newPlot\(\s*\"[^\"]*\",\s*(\[.*?\]),\s*\{", figure, re.DOTALL
            )
            assert drawn is not None, tile.title
            assert numbers_of(json.loads(drawn.group(1))) <= numbers_of(asked), tile.title
        else:
            assert figure.count("<tr>") == 1 + len(asked), tile.title


@cache  # many tiles draw the same question
def asked_by_command(home: Path, command: str) -> list[dict[str, Any]]:
    """The answer of a tile's command, as a person gets it."""
    program, *arguments = shlex.split(command)
    assert program == "clickstream"
    done = CliRunner().invoke(main, ["--home", str(home), *arguments, "--format", "json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


PLOTTED = ("x", "y", "z", "values", "value")


def numbers_of(found: Any) -> set[float]:
    """The figures in a plot's traces (not its layout), or in rows."""
    if isinstance(found, dict):
        parts = [found[key] for key in PLOTTED if key in found] or list(found.values())
        if "link" in found:
            parts = [found["link"]["value"]]
        return {n for part in parts for n in numbers_of(part)}
    if isinstance(found, (list, tuple)):
        return {n for part in found for n in numbers_of(part)}
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    return {round(float(found), 9)} if is_number else set()


def number(rows: pa.Table | None) -> int:
    assert rows is not None
    return int(rows["sessions"][0].as_py())

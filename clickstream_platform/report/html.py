"""Tiles as one self-contained HTML page: works offline, prints, needs no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

import jinja2
import plotly.graph_objects as go
import pyarrow as pa
from plotly.offline import get_plotlyjs

from clickstream_platform.queries.render import cell
from clickstream_platform.settings import Settings
from clickstream_platform.tiles.answers import ALL_HOURS, PART_DAYS, Answer, answer
from clickstream_platform.tiles.model import Tile, View
from clickstream_platform.tiles.texts import shown

MOST_ROWS = 50
COLOURS = ("#1c68a3", "#e07b39", "#4f9d69", "#b0413e", "#7b5ea7", "#8c8c8c")


@dataclass(frozen=True)
class Sheet:
    """A table made for this page; `empty` is said where it has no line."""

    title: str
    head: Sequence[str]
    lines: Sequence[Sequence[str]]
    empty: str


@dataclass(frozen=True)
class Section:
    """A heading, its sheets and its tiles."""

    title: str
    tiles: Sequence[Tile]
    sheets: Sequence[Sheet] = ()


def page(settings: Settings, title: str, view: View, sections: Sequence[Section]) -> str:
    """The page's HTML; a tile that cannot be answered says why."""
    parts = [
        {
            "title": section.title,
            "sheets": section.sheets,
            "tiles": [_tile(settings, tile, view) for tile in section.tiles],
        }
        for section in sections
    ]
    return _environment().get_template("page.html.txt").render(
        title=title,
        made_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        first=view.first or "the first hour",
        last=view.last or "the newest hour",
        sections=parts,
        script=get_plotlyjs(),
    )  # fmt: skip


def _tile(settings: Settings, tile: Tile, view: View) -> Mapping[str, object]:
    found = answer(settings, tile, view)
    return {
        "tile": tile,
        "problem": found.problem,
        "through": None if found.data_through is None else f"{found.data_through:%Y-%m-%d %H:%M}",
        "red": found.red,
        "warned": found.warned,
        "is_of_all_hours": ALL_HOURS in found.unfiltered,
        "is_of_whole_days": PART_DAYS in found.unfiltered,
        "command": found.command or f"clickstream query {tile.query}",
        **_body(tile, found),
    }


def _body(tile: Tile, found: Answer) -> Mapping[str, object]:
    """What the answer becomes: `numbers`, a `plot`, or `head` and `lines` of a table."""
    rows = found.rows
    if rows is None:
        return {}
    if rows.num_rows == 0:
        return {"problem": tile.when_empty}
    if tile.numbers:
        row = rows.slice(0, 1).to_pylist()[0]
        return {"numbers": [(n.label, shown(row[n.column], n.kind)) for n in tile.numbers]}
    if tile.figure is not None:
        return {"plot": _plot(tile.figure(rows))}
    return {
        "head": rows.schema.names,
        "lines": _lines(rows.slice(0, MOST_ROWS)),
        "left": max(0, rows.num_rows - MOST_ROWS),
    }


def _plot(figure: go.Figure) -> str:
    figure.update_layout(
        template="plotly_white",
        colorway=COLOURS,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#777"},
    )
    config = {"displayModeBar": False, "responsive": True}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config=config))


def _lines(rows: pa.Table) -> list[list[str]]:
    kinds = list(zip(rows.schema.names, rows.schema.types, strict=True))
    return [
        [cell(row[name], kind, name).replace(r"\[", "[") for name, kind in kinds]
        for row in rows.to_pylist()
    ]


@cache
def _environment() -> jinja2.Environment:
    """Templates from the package; all values are escaped unless marked safe."""
    folder = files("clickstream_platform.report") / "templates"
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(folder)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )

"""Plots of answers: rows in, a Plotly figure out; colours come from the page's own theme."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import plotly.graph_objects as go
import pyarrow as pa

from clickstream_platform.tiles.model import Figure

NO_VALUE = "(none)"
HEIGHT = 320
LONGEST_LABEL = 36
BLUES = "Blues"
REDS = "Reds"


def lines(x: str, *columns: str, by: str | None = None) -> Figure:
    """A line for each column over `x`; with `by`, for each value of that column."""

    def draw(rows: pa.Table) -> go.Figure:
        figure = go.Figure()
        for value, part in _parts(rows, by):
            for column in columns:
                name = words(column) if value is None else str(value)
                figure.add_scatter(x=values(part, x), y=values(part, column), name=name,
                                   mode="lines")  # fmt: skip
        return _framed(figure)

    return draw


def bars(x: str, *columns: str, by: str | None = None) -> Figure:
    """Upright bars over `x`, stacked."""

    def draw(rows: pa.Table) -> go.Figure:
        figure = go.Figure()
        for value, part in _parts(rows, by):
            for column in columns:
                name = words(column) if value is None else str(value)
                figure.add_bar(x=values(part, x), y=values(part, column), name=name)
        figure.update_layout(barmode="stack")
        return _framed(figure)

    return draw


def ranking(label: str, size: str) -> Figure:
    """Lying bars, the largest on top; for rows that come in that order."""

    def draw(rows: pa.Table) -> go.Figure:
        figure = go.Figure()
        figure.add_bar(
            x=values(rows, size), y=texts(rows, label), orientation="h", name=words(size)
        )
        names = texts(rows, label)
        figure.update_yaxes(
            autorange="reversed",
            type="category",
            tickvals=names,
            ticktext=[_short(name) for name in names],
        )
        figure.update_xaxes(title=words(size))
        return _framed(figure)

    return draw


def funnel(step: str, size: str) -> Figure:
    """Steps from first to last, with the share that came from the step before."""

    def draw(rows: pa.Table) -> go.Figure:
        figure = go.Figure()
        figure.add_funnel(
            y=texts(rows, step), x=values(rows, size), textinfo="value+percent previous"
        )
        return _framed(figure)

    return draw


def heat(x: str, y: str, z: str, *, scale: str = BLUES, percent: bool = False) -> Figure:
    """A cell for each `x` and `y`."""

    def draw(rows: pa.Table) -> go.Figure:
        figure = go.Figure()
        figure.add_heatmap(
            x=texts(rows, x),
            y=texts(rows, y),
            z=values(rows, z),
            colorscale=scale,
            zmin=0,
            zmax=1 if percent else None,
            xgap=1,
            ygap=1,
            colorbar={"title": words(z), "tickformat": ".0%" if percent else ""},
            hovertemplate="%{x}<br>%{y}<br>%{z"
            + (":.1%" if percent else ":,")
            + "}<extra></extra>",
        )
        figure.update_xaxes(type="category")
        figure.update_yaxes(type="category", autorange="reversed")
        return _framed(figure)

    return draw


def sankey(source: str, target: str, size: str) -> Figure:
    """Flows from left to right; `source` and `target` name the nodes."""

    def draw(rows: pa.Table) -> go.Figure:
        origins, goals = texts(rows, source), texts(rows, target)
        nodes = list(dict.fromkeys([*origins, *goals]))
        place = {name: at for at, name in enumerate(nodes)}
        figure = go.Figure()
        figure.add_sankey(
            node={"label": [name.partition(". ")[2] or name for name in nodes], "pad": 12},
            link={
                "source": [place[name] for name in origins],
                "target": [place[name] for name in goals],
                "value": values(rows, size),
            },
        )
        return _framed(figure, height=460)

    return draw


def treemap(label: str, size: str, colour: str) -> Figure:
    """A field for each row: its area is `size`, its shade `colour`."""

    def draw(rows: pa.Table) -> go.Figure:
        names = texts(rows, label)
        figure = go.Figure()
        figure.add_treemap(
            labels=names,
            parents=[""] * len(names),
            values=values(rows, size),
            marker={"colors": values(rows, colour), "colorscale": BLUES,
                    "colorbar": {"title": words(colour)}},
            texttemplate="%{label}<br>%{value:,}",
            root_color="rgba(0, 0, 0, 0)",  # else nearly black, on a light page too
        )  # fmt: skip
        return _framed(figure)

    return draw


def values(rows: pa.Table, column: str) -> list[Any]:
    """A column's values as Plotly takes them: decimals as floats."""
    found = rows[column].to_pylist()
    return [float(value) if isinstance(value, Decimal) else value for value in found]


def texts(rows: pa.Table, column: str) -> list[str]:
    """A column's values as labels."""
    return [NO_VALUE if value is None else str(value) for value in rows[column].to_pylist()]


def words(column: str) -> str:
    """`sessions_started` as a person writes it."""
    return column.replace("_", " ")


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"


def _parts(rows: pa.Table, by: str | None) -> list[tuple[str | None, pa.Table]]:
    if by is None:
        return [(None, rows)]
    labels = texts(rows, by)
    return [
        (label, rows.filter(pa.array([found == label for found in labels])))
        for label in dict.fromkeys(labels)
    ]


def _framed(figure: go.Figure, *, height: int = HEIGHT) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.12, "x": 0},
        hovermode="closest",
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure

"""docs/BENCHMARKS.md and its plots, from the results' JSON files.

What is on the page lies in `benchmarks/results`, with every single measurement: one file per
benchmark and size, the newest that was published.
"""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.harness import Finding

DOCS = Path(__file__).resolve().parents[1] / "docs"
PUBLISHED = Path(__file__).resolve().parent / "results"
ORDER = (
    "raw_to_gold", "scaling", "backfill720", "naive24", "micro_batch", "orchestration", "checks",
    "noop", "resume", "pruning", "silver_bytes", "stream_latency", "stream_rate", "stream_commit",
)  # fmt: skip
# Events that the line names; of the others any number will do.
SIZES = {"raw_to_gold": (1_000_000, 10_000_000), "scaling": (10_000_000,)}
WIDTH, BAR, LEFT = 640, 26, 150


def publish(folder: Path, names: Sequence[str] = ()) -> None:
    """Puts the folder's newest results (of these names, else all) on the page."""
    PUBLISHED.mkdir(exist_ok=True)
    for path in (folder / "results").glob("*.json"):
        if not names or path.stem.partition("-")[0] in names:
            shutil.copyfile(path, PUBLISHED / path.name)
    write()


def write() -> None:
    """Replaces the generated part of the page, between its two marks."""
    page = DOCS / "BENCHMARKS.md"
    begin, end = "<!-- results -->", "<!-- end of results -->"
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    found = [json.loads(path.read_text()) for path in PUBLISHED.glob("*.json")]
    sections = [_missing(found), *[_section(result) for result in sorted(found, key=_place)]]
    page.write_text(f"{before}{begin}\n\n" + "\n".join(sections) + f"\n{end}{after}")


def not_measured(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What of the issue's table has no result at its sizes and with its options."""
    missing = []
    for name in ORDER:
        options = dict(getattr(importlib.import_module(f"benchmarks.{name}"), "OPTIONS", {}))
        sizes = {
            result["size"]
            for result in found
            if result["name"] == name and result.get("options", {}) == options
        }
        with_options = "".join(f" --set {key}={value}" for key, value in options.items())
        wanted = SIZES.get(name, ())
        if not wanted and not sizes:
            missing.append(f"`{name}{with_options}`")
        missing += [f"`{name} --size {size}`" for size in wanted if size not in sizes]
    return missing


def _missing(found: Sequence[Mapping[str, Any]]) -> str:
    missing = not_measured(found)
    if not missing:
        return "Every line of the aims is measured at its size.\n"
    return f"Not measured yet at the size of the aims: {', '.join(missing)}.\n"


def _place(result: Mapping[str, Any]) -> tuple[int, str, int]:
    """In the order of `ORDER`, then by name; small sizes first."""
    name = result["name"]
    return ORDER.index(name) if name in ORDER else len(ORDER), name, result["size"]


def section_text(finding: Finding) -> str:
    """A finding for the terminal."""
    return "\n".join([f"## {finding.title}", "", *_table(finding.columns, finding.rows), ""]) + (
        "\n".join(finding.notes) + "\n"
    )


def _section(result: Mapping[str, Any]) -> str:
    lines = [f"## {result['title']}", "", f"`{result['command']}`", ""]
    lines += _table(result["columns"], result["rows"])
    lines += ["", *[f"- {note}" for note in result["notes"]]]
    lines += [f"- {result['machine']}; {result['made_at']}; commit {result['commit']}", ""]
    if result.get("plot"):
        name = f"bench-{result['name']}-{result['size']}.svg"
        (DOCS / "images" / name).write_text(drawn(result["plot"]))
        lines += [f"![{result['title']}](images/{name})", ""]
    lines += result.get("details", [])
    return "\n".join(lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = ["---"] + ["---:"] * (len(columns) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (columns, marks, *rows)]


def drawn(plot: Mapping[str, Any]) -> str:
    """Bars of medians with every single measurement as a dot, as SVG."""
    values: Mapping[str, list[float]] = plot["values"]
    most = max(max(measured) for measured in values.values())
    scale = (WIDTH - LEFT - 80) / most
    height = 20 + len(values) * BAR
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    ]
    for number, (name, measured) in enumerate(values.items()):
        top = 10 + number * BAR
        middle = sorted(measured)[len(measured) // 2]
        width = middle * scale
        parts.append(f'<text x="{LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>')
        parts.append(
            f'<rect x="{LEFT}" y="{top + 3}" width="{width:.1f}" height="16" fill="#4c78a8"/>'
        )
        parts += [
            f'<circle cx="{LEFT + value * scale:.1f}" cy="{top + 11}" r="3" fill="#f58518"/>'
            for value in measured
        ]
        end = LEFT + max(measured) * scale + 8
        parts.append(f'<text x="{end:.1f}" y="{top + 15}">{middle:.4g} {plot["unit"]}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"

"""The notebook tour runs from its first cell to its last, on a lake without Spark."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find
from clickstream_platform.settings import PROJECT_ROOT, Settings, settings
from clickstream_platform_tests.tiles.conftest import build_full

NOTEBOOK = PROJECT_ROOT / "docs" / "tour.ipynb"


def cells(kind: str) -> list[str]:
    found = json.loads(NOTEBOOK.read_text())["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def run(code: str, names: dict[str, Any]) -> object:
    """What a notebook shows beneath the cell: the value of its last expression."""
    tree = ast.parse(code)
    *body, last = tree.body
    exec(compile(ast.Module(body, []), str(NOTEBOOK), "exec"), names)  # noqa: S102 (our notebook)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)  # noqa: S307
    exec(compile(ast.Module([last], []), str(NOTEBOOK), "exec"), names)  # noqa: S102
    return None


def test_every_cell_runs_and_shows_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    home = build_full(tmp_path)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(home.home))
    settings.cache_clear()  # an earlier test may have read those of another home
    request.addfinalizer(settings.cache_clear)
    names: dict[str, Any] = {}
    for code in cells("code"):
        assert run(code, names) is not None, code
    for name, question in {
        "ledger": "ledger",
        "funnel": "funnel",
        "segments": "rfm_segments",
    }.items():
        assert len(names[name]) == len(asked(home, question))
    assert names["tables"]["gold.fact_sessions"] == 6
    assert int(names["totals"]["sessions"][0]) == 6
    assert names["without"]["sessions"] == 5  # one visitor is a robot
    assert names["as_reported"]["sessions"] == 6
    assert len(names["hours"]) == 2


def asked(home: Settings, question: str) -> list[dict[str, object]]:
    with Lake(home) as lake:
        return lake.rows(find(question).sql, find(question).values({}))


def test_the_notebook_is_kept_without_outputs() -> None:
    found = json.loads(NOTEBOOK.read_text())
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    assert all(not cell.get("outputs") for cell in found["cells"])
    assert len({cell["id"] for cell in found["cells"]}) == len(found["cells"])
    assert len(cells("markdown")) >= 8

"""The bench of tiles keeps up with them: the lake it makes has every table they ask."""

from __future__ import annotations

from pathlib import Path

from benchmarks import gold_lake, tiles
from clickstream_platform.settings import read_settings
from clickstream_platform.tiles.pages import PAGES


def test_the_bench_s_lake_answers_every_tile(tmp_path: Path) -> None:
    gold_lake.build(tmp_path, events=2_000, days=2)
    found, _ = tiles.measure(read_settings(home=tmp_path), days=2, rounds=1)
    assert [(one.page, one.tile) for one in found] == [
        (page.path, tile) for page in PAGES for tile in page.tiles
    ]
